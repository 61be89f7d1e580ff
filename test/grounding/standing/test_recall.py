# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A span longer than the buffer is answered from events, and what is unseen is said."""

from __future__ import annotations

import pytest
from support.clips import SECOND, ZERO_NS, stamp
from support.standing import OTHER, QUESTION, TRACKING, Day, TruthfulBackend

from molmo_ground_ros.grounding.standing import recall as recalling
from molmo_ground_ros.types import Answer, Query, Task

GRASPS = [(float(time), 0.1 + 0.2 * (time // 7 % 4), 0.4) for time in range(6, 400, 7)]


@pytest.fixture(scope='module')
def lab() -> Day:
    made = Day(TruthfulBackend(GRASPS, model='small'), standing_queries=(QUESTION, TRACKING))
    made.film(120)
    made.sleep(200)
    made.film(250)
    return made


def recall(lab: Day, text: str, begin: float, end: float, **query) -> Answer | None:
    asked = Query(text, **query, start_ns=stamp(begin), end_ns=stamp(end) if end else 0)
    return lab.standing.recall(asked, lab.grounder.question(asked))


def unseen(answer: Answer) -> list[tuple[float, float]]:
    return [((a - ZERO_NS) / SECOND, (b - ZERO_NS) / SECOND) for a, b in answer.unseen]


def test_events_of_a_long_span_are_counted_and_pointed_at(lab: Day) -> None:
    answer = recall(lab, QUESTION, 10, 110)
    times = [time for time, *_ in GRASPS if 10 <= time <= 110]
    assert answer.count == len(times)
    assert [point.stamp_ns for point in answer.points] == [stamp(time) for time in times]
    assert [point.id for point in answer.points] == list(range(2, len(times) + 2))
    assert (answer.unseen, answer.text, answer.model) == ((), '', 'small')
    assert (answer.camera, answer.label, answer.frame_id) == ('front', 'grasp', 'optical')
    assert (answer.image_width, answer.image_height) == (8, 6)
    assert (answer.frames_used, answer.frames_expected) == (201, 201)


def test_gaps_and_what_is_not_answered_yet_are_unseen(lab: Day) -> None:
    answer = recall(lab, QUESTION, 60, 0)
    (gap, last) = unseen(answer)
    assert gap[0] == 120 and 170 <= gap[1] <= 171
    assert last == (248.5, 250)
    assert answer.frames_used < answer.frames_expected
    assert recall(lab, QUESTION, 125, 160) is None
    assert unseen(recall(lab, QUESTION, 110, 160)) == [(120, 160)]


def test_a_gap_at_the_end_and_what_follows_are_one(lab: Day) -> None:
    later = Day(TruthfulBackend(GRASPS), standing_queries=(QUESTION,))
    later.film(60)
    # Refused answers speak for no time.
    later.backend.answer = lambda _: 'I cannot answer that.'
    later.film(80)
    answer = recall(later, QUESTION, 30, 80)
    assert answer.unseen and unseen(answer)[-1][1] == 80
    assert len(answer.unseen) == 1


def test_before_the_question_was_set_is_unseen(lab: Day) -> None:
    assert unseen(recall(lab, QUESTION, -100, 50)) == [(-100, 0)]


@pytest.mark.parametrize(
    ('text', 'query'),
    [
        pytest.param(OTHER, {}, id='another question'),
        pytest.param(QUESTION, {'task': Task.POINT}, id='another task'),
        pytest.param(QUESTION, {'camera': 'rear'}, id='another camera'),
        pytest.param(TRACKING, {}, id='tracks are not kept'),
    ],
)
def test_nothing_else_is_answered_so(lab: Day, text: str, query: dict) -> None:
    assert recall(lab, text, 10, 110, **query) is None
    assert recall(lab, QUESTION, 110, 10) is None


def test_same_words_and_task_are_the_same_question(lab: Day) -> None:
    assert recall(lab, f' {QUESTION} ', 10, 110, task=Task.COUNT, camera='front').count == 14


def test_forgotten_events_are_unseen(monkeypatch) -> None:
    monkeypatch.setattr('molmo_ground_ros.grounding.standing.course.MOST_EVENTS', 5)
    monkeypatch.setattr(recalling, 'MOST_EVENTS', 5)
    lab = Day(TruthfulBackend(GRASPS), standing_queries=(QUESTION,))
    lab.film(100)
    answer = recall(lab, QUESTION, 10, 90)
    assert answer.count == 4
    assert unseen(answer) == [(10, 69)]
