# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('mcap', reason='needs mcap: see requirements/dev.txt')

from tools.fuzz_recordings import cases, figures
from tools.fuzz_recordings.bags import PICTURES

COUNT = 380  # `python -m tools.fuzz_recordings` runs more, and bounds memory


def test_damaged_recordings_never_crash_and_tell_what_is_missing(samples, tmp_path: Path) -> None:
    bad = []
    found = 0
    for number in range(COUNT):
        case = cases.make_case(number, list(samples.values()), tmp_path / 'case')
        outcome = cases.read(case.path)
        found += outcome.images
        if wrong := cases.verdict(outcome, case.sample):
            bad.append(f'case {number} ({case.sample}, {case.damages}): {wrong}')
    assert not bad
    assert found > COUNT * PICTURES // 3  # of those damaged this badly


def test_loss_that_is_not_told_is_found(samples) -> None:
    silent = cases.Outcome(PICTURES - 1, 1, (), '')
    assert cases.verdict(silent)
    assert not cases.verdict(cases.read(samples['mcap']))


def test_same_number_is_the_same_case(samples, tmp_path: Path) -> None:
    paths = list(samples.values())
    one = cases.make_case(8, paths, tmp_path / 'a')
    other = cases.make_case(8, paths, tmp_path / 'b')
    for path in one.path.parent.rglob('*.db3') if one.path.is_file() else one.path.iterdir():
        twin = tmp_path / 'b' / path.relative_to(tmp_path / 'a')
        assert path.read_bytes() == twin.read_bytes()
    assert one.damages == other.damages


def test_figures_are_kept_between_runs(tmp_path: Path) -> None:
    path = tmp_path / 'state.json'
    first = figures.load(path, 7)
    first.add({
        'case': 7, 'sample': 'mcap', 'damages': ['cut', 'flip'], 'pictures': 12, 'error': False,
        'losses': ['CUT_OFF'], 'bad': 'KeyError: 3', 'seconds': 0.25, 'peak_kib': 2048,
    })  # fmt: skip
    first.save(path)
    again = figures.load(path, 0)
    assert again == first
    assert again.next_case == 8
    lines = list(again.lines())
    assert lines[0] == '1 cases read, 1 bad'
    assert 'mcap: 1 cases, 50% of pictures found, 0 refused' in lines
    assert lines[-1] == 'case 7 (mcap, cut, flip): KeyError: 3'
