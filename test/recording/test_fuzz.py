# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('mcap', reason='needs mcap: see requirements/dev.txt')

from tools import fuzz_bags, fuzz_samples

CASES = 380  # `python -m tools.fuzz_bags` runs more, and bounds memory


def test_damaged_recordings_never_crash_and_tell_what_is_missing(samples, tmp_path: Path) -> None:
    bad = []
    found = 0
    for number in range(CASES):
        case = fuzz_bags.make_case(number, list(samples.values()), tmp_path / 'case')
        outcome = fuzz_bags.read(case.path)
        found += outcome.images
        if wrong := fuzz_bags.verdict(outcome, case.sample):
            bad.append(f'case {number} ({case.sample}, {case.damages}): {wrong}')
    assert not bad
    assert found > CASES * fuzz_samples.PICTURES // 3  # of those damaged this badly


def test_loss_that_is_not_told_is_found(samples) -> None:
    silent = fuzz_bags.Outcome(fuzz_samples.PICTURES - 1, 1, (), '')
    assert fuzz_bags.verdict(silent)
    assert not fuzz_bags.verdict(fuzz_bags.read(samples['mcap']))


def test_same_number_is_the_same_case(samples, tmp_path: Path) -> None:
    paths = list(samples.values())
    one = fuzz_bags.make_case(8, paths, tmp_path / 'a')
    other = fuzz_bags.make_case(8, paths, tmp_path / 'b')
    for path in one.path.parent.rglob('*.db3') if one.path.is_file() else one.path.iterdir():
        twin = tmp_path / 'b' / path.relative_to(tmp_path / 'a')
        assert path.read_bytes() == twin.read_bytes()
    assert one.damages == other.damages
