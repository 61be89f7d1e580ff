# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The short form of `make planners`, and how its rows are told."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')
pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")
pytest.importorskip('py_trees', reason="needs pip install '.[planners]'")

from tools.planners.__main__ import ROWS
from tools.planners.calls import near_the_grasps, readme_program
from tools.planners.row import Row, Wrong, text_of, tried

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_mission_client_and_the_program_of_the_readme_pass_on_the_real_node() -> None:
    ended = subprocess.run(
        [sys.executable, '-m', 'tools.planners', '--quick'],
        cwd=ROOT, capture_output=True, text=True, timeout=380, check=False,
    )  # fmt: skip
    lines = ended.stdout.splitlines()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rows = [line.split()[:2] for line in lines if line.startswith(('passed', 'FAILED'))]
    assert rows == [['passed', name] for name in ('mission', 'client', 'readme')]
    assert lines[-1] == '3 passed, 0 failed'


def test_program_of_the_readme_has_ten_lines() -> None:
    program = readme_program()
    assert len(program.strip().splitlines()) == 10
    assert re.search(r'^from molmo_ground_ros.client import GroundClient$', program, re.MULTILINE)


class Still:
    """A table at which nothing moves."""

    parts = 2
    grasps_ns = (10**9, 3 * 10**9)


def test_row_that_fails_or_cannot_be_tried_is_told_and_ends_no_other() -> None:
    def fail(_: Any) -> str:
        raise Wrong('it is\nwrong')

    table: Any = Still()
    rows = [
        Row('a', 'what a is', lambda _: 'fine'),
        Row('b', 'what b is', fail),
        Row('c', 'what c is', fail, package='no_such_package'),
        Row('d', 'what d is', lambda _: 'fine'),
    ]
    lines = text_of([tried(row, table) for row in rows]).splitlines()
    assert [line.split()[0] for line in lines[2:6]] == ['passed', 'FAILED', 'not', 'passed']
    assert 'no_such_package is not installed' in lines[4]
    assert lines[-1] == '2 passed, 1 failed'
    assert len(lines) == 8


def test_points_are_held_to_the_grasps() -> None:
    table: Any = Still()
    assert near_the_grasps(table, [3_200_000_000, 10**9]) == '2 grasps, off by 0.20 s at most'
    for stamps in ([10**9], [10**9, 2 * 10**9]):
        with pytest.raises(Wrong):
            near_the_grasps(table, stamps)


def test_names_of_rows_are_distinct() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names) >= 10
