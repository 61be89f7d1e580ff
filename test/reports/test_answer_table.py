# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest
from support.answers import ONE_TRACK, TWO_POINTS, finding_of
from support.clips import make_clip

from molmo_ground_ros.reports.answer_table import answer_summary, text_table


@pytest.mark.parametrize(
    ('text', 'summary'),
    [
        (TWO_POINTS, 'count: 2'),
        ('There are none.', 'count: 0'),
        (ONE_TRACK, '1 tracks'),
        ('<points coords="0.5 1 500 250">x</points>', '1 points'),
        ('It is idle.', 'It is idle.'),
        ("Sorry, I can't count grasps.", 'the model gives no answer'),
    ],
)
def test_summary_says_what_came_back(text: str, summary: str) -> None:
    assert answer_summary(finding_of(text, make_clip())) == summary


def test_table_columns_line_up() -> None:
    lines = text_table(('id', 'pixel'), [('1', '(10, 20)'), ('12', '(1, 2)')]).splitlines()
    assert lines == ['id  pixel', '--  --------', '1   (10, 20)', '12  (1, 2)']
