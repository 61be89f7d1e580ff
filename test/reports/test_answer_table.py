# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest
from support.answers import ONE_TRACK, TWO_POINTS, finding_of
from support.clips import make_clip

from molmo_ground_ros.reports.answer_table import answer_summary, model_words, text_table
from molmo_ground_ros.types import Task


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


@pytest.mark.parametrize('text', ['The robot grasped a total of 3 blocks.', TWO_POINTS])
def test_question_that_asks_for_words_gets_them_and_no_count(text: str) -> None:
    finding = finding_of(text, make_clip(), 'Describe the video.')
    assert finding.question.task is Task.TEXT
    assert answer_summary(finding) == text


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        pytest.param('There are none.', ['There are none.'], id='a count of 0'),
        pytest.param(TWO_POINTS, [], id='points speak for themselves'),
        pytest.param('It is idle.', [], id='the summary has the words already'),
        pytest.param('There are a total of 4.', ['There are a total of 4.'], id='no points'),
    ],
)
def test_words_of_a_model_that_pointed_at_nothing_are_shown(text: str, words: list[str]) -> None:
    assert model_words(finding_of(text, make_clip())) == words


def test_table_columns_line_up() -> None:
    lines = text_table(('id', 'pixel'), [('1', '(10, 20)'), ('12', '(1, 2)')]).splitlines()
    assert lines == ['id  pixel', '--  --------', '1   (10, 20)', '12  (1, 2)']
