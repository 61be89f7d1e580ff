# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

from molmo_ground_ros.backends.molmo2.engines import BuiltEngine, Target
from tools.engines import Row, main, table


def test_the_table_names_what_was_built_for_what():
    target = Target('int4', 1024, 32, 'SM89')
    vision = BuiltEngine('vision', Path('a'), 3 * 2**20, 0.52, 4, 0)
    decoder = BuiltEngine('decoder', Path('b'), 15 * 2**20, 2.0, 0, 12)
    lines = table([Row(target, vision), Row(target, decoder)]).split('\n')
    assert lines[0].split()[:4] == ['part', 'GPU', 'weights', 'rows']
    assert lines[1].split() == ['vision', 'SM89', 'float16', '-', '3.0', '0.5', '4', '-']
    assert lines[2].split() == ['decoder', 'SM89', 'int4', '1024', '15.0', '2.0', '0', '12']


def test_what_cannot_be_built_is_told_on_stderr(tmp_path, capsys):
    given = ['--capability', 'SM86', '--weights', 'float64', '--folder', str(tmp_path / 'engines')]
    assert main(given) == 1
    said = capsys.readouterr()
    assert said.out == ''
    assert "engines: dtype = 'float64': engines have bfloat16" in said.err
