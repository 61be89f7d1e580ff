# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Standing questions go on after a restart, and a file that cannot be used costs only itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.clips import stamp
from support.standing import OTHER, QUESTION, TRACKING, Day, TruthfulBackend

from molmo_ground_ros.grounding.standing import StandingRequest

GRASPS = [(float(time), 0.1 + 0.2 * (time // 7 % 4), 0.4) for time in range(6, 200, 7)]


def day(path: Path, *queries: str, **settings) -> Day:
    return Day(
        TruthfulBackend(GRASPS),
        standing_queries=queries,
        state_file=str(path / 'state.json'),
        **settings,
    )


def numbers(lab: Day) -> list[int]:
    return [event.number for event in lab.events()]


def test_numbers_totals_tracks_and_coverage_go_on(tmp_path: Path) -> None:
    lab, through = day(tmp_path, QUESTION, TRACKING), day(tmp_path / 'other', QUESTION, TRACKING)
    lab.film(52)
    before = lab.standing.statuses()
    lab.restart()
    assert [(s.total, s.due, s.answered, s.coverage) for s in lab.standing.statuses()] == [
        (s.total, s.due, s.answered, s.coverage) for s in before
    ]
    lab.film(100)
    through.film(100)
    assert lab.events() == through.events()
    assert {t.id for item in lab.deliveries for t in item.answer.tracks} == {1}
    assert lab.standing.concern == ''


def test_time_without_the_node_is_a_gap(tmp_path: Path) -> None:
    lab = day(tmp_path, QUESTION)
    lab.film(50)
    lab.buffer.clear()
    lab.now = 149.75
    lab.restart()
    lab.film(180)
    (course,) = lab.standing._entries['standing-1'].courses.values()
    (gap,) = course.stitcher.covered.gaps
    assert (gap.start_ns, gap.end_ns, gap.reason) == (
        stamp(50),
        stamp(150),
        'the node was not running',
    )
    assert lab.standing.statuses()[0].coverage == pytest.approx(80 / 180)
    assert numbers(lab) == list(range(1, len(numbers(lab)) + 1))


def test_questions_that_a_caller_set_come_back_and_those_of_older_settings_do_not(
    tmp_path: Path,
) -> None:
    lab = day(tmp_path, QUESTION)
    lab.standing.set(StandingRequest(OTHER, id='cup', period_ns=10_000_000_000, priority=3))
    lab.film(30)
    again = day(tmp_path)
    (status,) = again.standing.statuses()
    assert (status.request.id, status.request.priority) == ('cup', 3)
    assert status.total == 4


def test_a_removed_question_does_not_come_back(tmp_path: Path) -> None:
    lab = day(tmp_path)
    lab.standing.set(StandingRequest(OTHER, id='cup'))
    lab.standing.remove('cup')
    assert day(tmp_path).standing.statuses() == []


@pytest.mark.parametrize(
    ('damage', 'words'),
    [
        pytest.param(lambda text: text[:-20], 'it is damaged', id='cut off'),
        pytest.param(lambda text: text.replace('grasp', 'grape'), 'digest', id='changed'),
        pytest.param(lambda _: '', 'it is damaged', id='empty'),
        pytest.param(lambda _: '[1, 2]', 'it is damaged', id='another kind'),
        pytest.param(lambda t: t.replace('"format": 1', '"format": 9'), 'format is 9', id='newer'),
        pytest.param(lambda _: '\ud800', 'it is damaged', id='not UTF-8'),
    ],
)
def test_a_file_that_cannot_be_used_is_told_and_set_aside(tmp_path, damage, words) -> None:
    lab = day(tmp_path, QUESTION)
    lab.film(30)
    path = tmp_path / 'state.json'
    damaged = damage(path.read_text()).encode(errors='surrogatepass')
    path.write_bytes(damaged)
    lab.restart()
    assert words in lab.standing.concern
    assert f"it is kept as '{path}.refused'" in lab.standing.concern
    assert (tmp_path / 'state.json.refused').read_bytes() == damaged
    lab.film(50)
    assert lab.standing.statuses()[0].total > 0
    assert day(tmp_path, QUESTION).standing.concern == ''


def test_a_state_of_another_question_is_told_and_begins_anew(tmp_path: Path) -> None:
    ids = [json.dumps({'query': text, 'id': 'it'}) for text in (QUESTION, OTHER)]
    lab = day(tmp_path, ids[0])
    lab.film(30)
    other = day(tmp_path, ids[1])
    assert "'it' was another question" in other.standing.concern
    assert QUESTION in other.standing.concern
    assert other.standing.statuses()[0].total == 0
    assert (tmp_path / 'state.json.refused').exists()


def test_a_state_of_a_camera_that_is_gone_is_told(tmp_path: Path) -> None:
    lab = day(tmp_path, cameras=('front', 'rear'))
    lab.standing.set(StandingRequest(QUESTION, id='rear', cameras=('rear',)))
    lab.standing.set(StandingRequest(QUESTION, id='all'))
    lab.film(30)
    again = day(tmp_path)
    assert "cameras = 'rear'" in again.standing.concern
    (status,) = again.standing.statuses()
    assert (status.request.id, status.total) == ('all', 4)


def test_an_entry_with_odd_values_costs_only_itself(tmp_path: Path) -> None:
    from molmo_ground_ros.grounding.standing.state_file import StateFile

    lab = day(tmp_path)
    lab.standing.set(StandingRequest(QUESTION, id='first'))
    lab.standing.set(StandingRequest(QUESTION, id='second'))
    lab.film(30)
    file = StateFile(tmp_path / 'state.json')
    states = file.read()
    for damage in (
        {'courses': 3},
        {'request': None},
        {'request': {**states[0]['request'], 'task': 99}},
        {'request': {**states[0]['request'], 'text': 7}},
        {'request': {**states[0]['request'], 'odd': 1}},
        {'courses': [{**states[0]['courses'][0], 'turns': {'due': 'many'}}]},
        {'courses': [{**states[0]['courses'][0], 'source': [1, 2]}]},
    ):
        file.write([{**states[0], **damage}, states[1]])
        again = day(tmp_path)
        assert 'it cannot be used' in again.standing.concern, damage
        assert [s.request.id for s in again.standing.statuses()] == ['second']


def test_a_file_that_cannot_be_read_or_renamed_stays_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / 'state.json'
    (folder / 'inside').mkdir(parents=True)
    (tmp_path / 'state.json.refused').write_text('a file in the way of a folder')
    lab = day(tmp_path, QUESTION)
    assert 'it cannot be read' in lab.standing.concern
    assert 'it cannot be renamed' in lab.standing.concern
    assert (folder / 'inside').exists()
    lab.film(20)
    assert 'cannot be written' in lab.standing.concern
    assert lab.standing.statuses()[0].total == 2


def test_a_file_that_cannot_be_written_is_told_until_it_can(tmp_path: Path, caplog) -> None:
    folder = tmp_path / 'full'
    lab = day(folder, QUESTION)
    folder.write_text('a file, where a folder must be')
    lab.film(30)
    assert 'cannot be written: File exists' in lab.standing.concern
    # Said once, and not at every answer.
    assert len(caplog.records) == 1
    assert lab.standing.statuses()[0].total == 4
    folder.unlink()
    lab.film(40)
    assert lab.standing.concern == ''
    assert day(folder, QUESTION).standing.statuses()[0].total == 5


def test_state_is_written_before_events_are_published(tmp_path: Path) -> None:
    lab = day(tmp_path, QUESTION)
    remembered: list[int] = []

    def publish(delivery) -> None:
        (status,) = day(tmp_path, QUESTION).standing.statuses()
        remembered.append(status.total - max((e.number for e in delivery.events), default=0))

    lab.outlet.deliver = publish
    lab.film(30)
    assert len(remembered) == 6 and all(extra >= 0 for extra in remembered)
