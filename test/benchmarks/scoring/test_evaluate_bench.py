# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The bench runs and prints what it promises. No time is judged."""

from __future__ import annotations

import json

import pytest

pytest.importorskip('pyarrow', reason="needs pyarrow: pip install 'molmo_ground_ros[eval]'")

from bench import evaluate


def test_last_line_holds_the_figures(tmp_path, capsys):
    command = ['--examples', '6', '--processes', '1', '--keep', str(tmp_path)]
    for _ in range(2):  # the second time the set is there
        assert evaluate.main(command) == 0
    record = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert record['examples'] == 6
    assert record['seconds'] > 0
    assert record['peak_mb'] > 20
    assert 0.7 < record['f1'] < 0.95  # some points are wrong on purpose
