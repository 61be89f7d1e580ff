# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A record with a verdict becomes a row, or an error that names the column."""

from __future__ import annotations

import math

import pytest

from molmo_ground_ros.benchmarks.feedback.labels import (
    COLUMNS,
    QuestionKey,
    UnreadableRow,
    Verdict,
    read_row,
    read_unreadable,
)
from molmo_ground_ros.errors import BadField, BadQuestion

S = 1_000_000_000
RECORD = {
    'type': 'event',
    'question': 0,
    'query': 'How many cups?',
    'task': 'count',
    'camera': '/image',
    'stamp_ns': 3 * S,
    'id': 1,
    'label': 'cup',
    'x': 64.0,
    'y': 48.0,
    'image_width': 640,
    'image_height': 480,
    'window_start_ns': 0,
    'window_end_ns': 60 * S,
    'window_state': 'answered',
    'verdict': 'confirmed',
}


def row(**changed):
    return read_row({**RECORD, **changed}, 'run1')


@pytest.mark.parametrize(
    ('verdict', 'expected', 'place'),
    [
        pytest.param(None, Verdict.UNSEEN, (64, 48), id='null: not looked at'),
        pytest.param('  ', Verdict.UNSEEN, (64, 48), id='an empty cell: not looked at'),
        pytest.param('Confirmed ', Verdict.RIGHT, (64, 48), id='confirmed, as people type'),
        pytest.param('wrong', Verdict.WRONG, (64, 48), id='wrong'),
        pytest.param('320.5 100', Verdict.RIGHT, (320.5, 100), id='corrected'),
        pytest.param('640 480', Verdict.RIGHT, (640, 480), id='corrected to the very edge'),
    ],
)
def test_verdict_is_what_a_person_wrote(verdict, expected, place):
    checked = row(verdict=verdict)
    assert checked.verdict is expected
    assert (checked.x, checked.y) == place


def test_corrected_place_may_be_in_another_image_of_the_window():
    checked = row(verdict=f'320.5 100 {4 * S + 1}')
    assert (checked.x, checked.y, checked.stamp_ns) == (320.5, 100, 4 * S + 1)
    assert checked.verdict is Verdict.RIGHT
    assert row(verdict='320.5 100').stamp_ns == 3 * S


def test_cells_of_a_csv_are_read_as_json_values_are():
    cells = {name: str(value) for name, value in RECORD.items()}
    assert read_row(cells, 'run1') == read_row(RECORD, 'run1')


@pytest.mark.parametrize('column', COLUMNS)
def test_missing_column_is_named(column):
    record = {name: value for name, value in RECORD.items() if name != column}
    with pytest.raises(BadField, match=f'{column} = None: the column is missing'):
        read_row(record, 'run1')


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        pytest.param({'x': math.nan}, 'x = nan: is no finite', id='NaN'),
        pytest.param({'y': 'nan'}, "y = 'nan': is no finite", id='NaN in a cell'),
        pytest.param({'y': True}, 'y = True: is no finite', id='a truth value is no pixel'),
        pytest.param({'x': 10**400}, 'x = 1000', id='a number beyond a float'),
        pytest.param({'verdict': 'maybe'}, "verdict = 'maybe'", id='unknown verdict'),
        pytest.param({'verdict': 'nan 3'}, "verdict = 'nan 3'", id='a correction that is NaN'),
        pytest.param({'verdict': '3 4 5 6'}, "verdict = '3 4 5 6'", id='four numbers'),
        pytest.param({'verdict': '3 4 5e9'}, "verdict = '3 4 5e9'", id='a stamp that is rounded'),
        pytest.param(
            {'verdict': '3 4 60000000001'},
            "verdict = '3 4 60000000001': its stamp is not in the window",
            id='moved out of the window',
        ),
        pytest.param({'verdict': 1}, 'verdict = 1', id='a verdict that is a number'),
        pytest.param({'x': 640.5}, 'outside the image of 640 x 480', id='point off the image'),
        pytest.param({'verdict': '-1 5'}, "'-1 5': is outside", id='corrected off the image'),
        pytest.param({'stamp_ns': '1.7E+18'}, "stamp_ns = '1.7E", id='a stamp as Excel shows it'),
        pytest.param({'stamp_ns': 1.0}, 'stamp_ns = 1.0', id='a float holds no stamp'),
        pytest.param({'stamp_ns': 61 * S}, 'is not in its window', id='stamp after its window'),
        pytest.param({'window_end_ns': 0}, 'not within 63 s', id='empty window'),
        pytest.param({'window_end_ns': 64 * S}, 'not within 63 s', id='over the trained length'),
        pytest.param({'image_width': 0}, 'image_width = 0', id='no image'),
        pytest.param({'type': 'box'}, "type = 'box'", id='unknown type'),
        pytest.param({'task': 'dance'}, "task = 'dance'", id='unknown task'),
        pytest.param({'window_state': 'late'}, "window_state = 'late'", id='unknown state'),
        pytest.param({'camera': None}, 'camera = None: is no text', id='no camera'),
    ],
)
def test_bad_value_is_named(changed, message):
    with pytest.raises(BadField) as caught:
        row(**changed)
    assert message in str(caught.value)


def test_empty_question_is_refused():
    with pytest.raises(BadQuestion):
        row(query=' ')


def test_wrong_point_may_lie_anywhere():
    assert row(verdict='wrong', x=9999.0).verdict is Verdict.WRONG


def test_torn_row_tells_which_answer_lacks_a_point():
    question = QuestionKey('run1', '/image', 0, 'event')
    assert read_unreadable({**RECORD, 'x': None}, 'run1') == UnreadableRow(question, 3 * S)
    assert read_unreadable({**RECORD, 'stamp_ns': 'x'}, 'run1') is None
