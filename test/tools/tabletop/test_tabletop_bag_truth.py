# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the file beside a bag says of its things and events."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.tabletop.bag_truth import BagTruth

VALUES = {
    'width': 640,
    'things': [
        {'colour': 'red', 'kind': 'ball', 'width_m': 0.05},
        {'colour': 'blue', 'kind': 'cup', 'width_m': 0.07},
        {'colour': 'red', 'kind': 'ball', 'width_m': 0.06},
    ],
    'events': [
        {'kind': 'grasp', 'thing': 2, 'stamp_ns': 5, 'x': 1.0, 'y': 2.0},
        {'kind': 'grasp', 'thing': 0, 'stamp_ns': 7, 'x': 3.0, 'y': 4.0},
        {'kind': 'drop', 'thing': 2, 'stamp_ns': 9, 'x': 5.0, 'y': 6.0},
    ],
    'pictures': [
        {
            'stamp_ns': 0,
            'things': [
                {'thing': 0, 'x': 100.0, 'y': 50.0, 'position_m': [0.1, 0.2, 0.3]},
                {'thing': 2, 'x': 300.0, 'y': 50.0, 'position_m': [0.4, 0.5, 0.6]},
            ],
            'gripper': None,
        },
        {'stamp_ns': 10, 'things': [], 'gripper': [20.0, 30.0]},
    ],
}
TRUTH = BagTruth(VALUES)


def on(x: float, y: float, stamp_ns: int) -> SimpleNamespace:
    return SimpleNamespace(x=x, y=y, stamp_ns=stamp_ns)


def test_the_second_of_a_name_has_a_number() -> None:
    assert TRUTH.moments('grasp', 'red ball 2') == [5]
    assert TRUTH.events('grasp', 'red ball') == [VALUES['events'][1]]
    assert TRUTH.moments('drop', 'blue cup') == []
    assert TRUTH.half_m('red ball 2') == pytest.approx(0.47 * 0.06)
    with pytest.raises(ValueError, match='green ball'):
        TRUTH.half_m('green ball')


def test_places_are_those_of_the_nearest_picture() -> None:
    assert TRUTH.is_on(on(130.0, 50.0, 4), 'red ball')
    assert not TRUTH.is_on(on(145.0, 50.0, 4), 'red ball')
    assert not TRUTH.is_on(on(100.0, 50.0, 4), 'red ball 2')
    assert not TRUTH.is_on(on(100.0, 50.0, 6), 'red ball')
    assert TRUTH.is_on(on(20.0, 30.0, 6), 'gripper')
    assert not TRUTH.is_on(on(20.0, 30.0, 4), 'gripper')


def test_a_thing_has_its_middles_and_a_share_of_the_pictures() -> None:
    assert TRUTH.middles_m('red ball 2') == {0: (0.4, 0.5, 0.6)}
    assert TRUTH.middles_m('blue cup') == {}
    assert [TRUTH.seen(name) for name in ('red ball', 'gripper', 'blue cup')] == [0.5, 0.5, 0.0]


def test_the_file_lies_beside_the_bag(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'run\.json'):
        BagTruth.beside(tmp_path / 'run.mcap')
