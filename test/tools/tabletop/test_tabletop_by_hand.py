# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How answers to questions typed by hand are judged."""

import json
import math
import re
from types import SimpleNamespace

import pytest

from molmo_ground_ros.grounding.calibration import Calibration, write_calibration
from molmo_ground_ros.types import Task
from tools.tabletop.bag_truth import BagTruth
from tools.tabletop.by_hand import ASKED, is_right, loader_of, surest

S = 1_000_000_000
RED, BLUE = (100.0, 100.0), (300.0, 200.0)
TRUTH = BagTruth(
    {
        'width': 640,
        'things': [
            {'colour': 'red', 'kind': 'block', 'width_m': 0.05},
            {'colour': 'blue', 'kind': 'cup', 'width_m': 0.05},
        ],
        'events': [
            {'kind': 'grasp', 'thing': 0, 'stamp_ns': 1 * S},
            {'kind': 'grasp', 'thing': 1, 'stamp_ns': 2 * S},
            {'kind': 'grasp', 'thing': 0, 'stamp_ns': 3 * S},
        ],
        'pictures': [
            {
                'stamp_ns': second * S,
                'things': [
                    {'thing': 0, 'x': RED[0], 'y': RED[1]},
                    *([{'thing': 1, 'x': BLUE[0], 'y': BLUE[1]}] if second < 2 else []),
                ],
                'gripper': [20.0, 30.0] if second == 1 else None,
            }
            for second in range(4)
        ],
    }
)


def point(place: tuple[float, float], seconds: float, probability: float = math.nan):
    return SimpleNamespace(
        x=place[0], y=place[1], stamp_ns=round(seconds * S), probability=probability
    )


def answer(*points, count=None, track=(), text=''):
    tracks = (SimpleNamespace(points=track),) if track else ()
    return SimpleNamespace(points=points, tracks=tracks, count=count, text=text, frames_used=4)


@pytest.mark.parametrize(
    ('right', 'given', 'expected'),
    [
        ({'says': r'Yes\.'}, answer(text='Yes. '), True),
        ({'says': r'Yes\.'}, answer(text='Yes. Two.'), False),
        ({'none': True}, answer(), True),
        ({'none': True}, answer(count=1), False),
        ({'none': True}, answer(point(RED, 0)), False),
        ({'none': True}, answer(track=[point(RED, 0)]), False),
        ({'things': ['red block']}, answer(point((120, 100), 0)), True),
        ({'things': ['red block']}, answer(point((140, 100), 0)), False),
        ({'things': ['red block']}, answer(point(RED, 0), point(BLUE, 0)), False),
        ({'things': ['red block', 'blue cup']}, answer(point(BLUE, 0), point(RED, 0)), True),
        ({'things': ['blue cup']}, answer(point(BLUE, 3)), False),  # not seen then
        ({'things': ['red block']}, answer(point(RED, 0), count=2), False),
        ({'things': ['gripper']}, answer(point((20, 30), 1.2)), True),
        ({'things': ['gripper']}, answer(point((20, 30), 3)), False),
        ({'events': ['grasp', 'red block']}, answer(point(RED, 3.4), point(RED, 1)), True),
        ({'events': ['grasp', 'red block']}, answer(point(RED, 3), point(RED, 1.6)), False),
        ({'events': ['grasp', 'red block']}, answer(point(RED, 3)), False),
        ({'events': ['grasp', 'red block']}, answer(count=2), False),
        ({'track': 'red block'}, answer(track=[point(RED, s) for s in range(4)]), True),
        ({'track': 'red block'}, answer(track=[point(RED, s) for s in range(3)]), False),
        ({'track': 'red block'}, answer(track=[point(BLUE, s) for s in range(4)]), False),
        ({'track': 'blue cup'}, answer(track=[point(BLUE, s) for s in range(2)]), True),
    ],
)
def test_an_answer_is_right_if_it_says_what_is_true_and_no_more(right, given, expected):
    assert is_right(TRUTH, right, given) is expected


def test_the_surest_point_counts():
    assert surest(answer(text='Yes.')) == 0.0
    assert surest(answer(point(RED, 0), point(RED, 1, 0.7))) == 0.7
    assert surest(answer(point(RED, 0, 0.2), track=[point(RED, 0, 0.9)])) == 0.9


def test_each_question_has_one_way_to_be_right():
    questions = json.loads(ASKED.read_text())['questions']
    assert len({question['question'] for question in questions}) == 20
    for question in questions:
        ((kind, value),) = question['right'].items()
        assert kind in {'says', 'none', 'things', 'track', 'events'}
        if kind == 'says':
            re.compile(value)


def test_a_calibration_in_the_models_folder_is_used(tmp_path):
    assert loader_of(str(tmp_path), 'onnx').calibration() is None
    write_calibration(tmp_path, Calibration({Task.POINT: ((0.5, 0.25), (0.9, 0.75))}), {})
    calibration = loader_of(str(tmp_path), 'onnx').calibration()
    assert calibration.probability(Task.POINT, 0.7) == pytest.approx(0.5)
