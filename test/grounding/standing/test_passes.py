# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A pass has an outcome for each question, whatever happens."""

from __future__ import annotations

import pytest
from support.standing import OTHER, QUESTION, TRACKING, Day, TruthfulBackend

from molmo_ground_ros.backends.base import Generation
from molmo_ground_ros.errors import BackendError, Canceled, GroundError, NoFrames, TimedOut
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.standing import run_pass
from molmo_ground_ros.types import Answer


def day(*queries: str) -> Day:
    lab = Day(TruthfulBackend(), standing_queries=queries or (QUESTION, OTHER))
    lab.sleep(20)
    return lab


def test_answers_come_in_the_order_of_the_questions() -> None:
    lab = day(QUESTION, TRACKING, OTHER)
    due = lab.standing.next_pass()
    outcomes = run_pass(lab.grounder, due)
    assert [outcome.query.text for outcome in outcomes] == [QUESTION, TRACKING, OTHER]
    assert due.job.outcome is outcomes[0]
    assert {outcome.end_ns for outcome in outcomes} == {due.window.end_ns}
    # Questions with one limit of tokens go to the model together.
    assert [len(prompts) for *_, prompts in lab.backend.calls] == [2, 1]


def test_a_question_that_fails_costs_no_other_its_answer() -> None:
    lab = day()
    lab.backend.errors = [RuntimeError('alone'), RuntimeError('together')]
    first, second = run_pass(lab.grounder, lab.standing.next_pass())
    assert isinstance(first, BackendError) and str(first) == 'RuntimeError: alone'
    assert isinstance(second, Answer)


def test_a_pass_whose_time_is_over_is_stopped_and_asked_no_more() -> None:
    lab = day()
    due = lab.standing.next_pass()
    late = TimedOut(due.job.timeout_ns, 'generating')

    def generate(clip, prompts, options, on_text) -> list[Generation]:
        lab.backend.calls.append((0, 0, tuple(prompts)))
        due.job.resolve(late)
        return [Generation('', stopped=not on_text(index, 'x')) for index in range(len(prompts))]

    lab.backend.generate = generate
    assert run_pass(lab.grounder, due) == [late, late]
    assert len(lab.backend.calls) == 1


def test_a_pass_that_was_resolved_before_it_began_asks_nothing() -> None:
    lab = day()
    due = lab.standing.next_pass()
    due.job.resolve(Canceled('queued'))
    outcomes = run_pass(lab.grounder, due)
    assert [type(outcome) for outcome in outcomes] == [Canceled, Canceled]
    assert lab.backend.calls == []


@pytest.mark.parametrize('error', [SystemExit(1), NoFrames('front', 'none'), MemoryError()])
def test_frames_that_cannot_be_decoded_fail_every_question(error, monkeypatch) -> None:
    lab = day()
    due = lab.standing.next_pass()

    def fail(_) -> None:
        raise error

    monkeypatch.setattr(type(due.window), 'decode', fail)
    outcomes = run_pass(lab.grounder, due)
    assert len(outcomes) == 2
    assert all(isinstance(outcome, GroundError) for outcome in outcomes)


def test_tracks_of_a_pass_are_shown_frames_of_their_own() -> None:
    lab = day(QUESTION, TRACKING, OTHER)
    lab.grounder = Grounder(lab.backend, tracks=TrackRule())
    shown = []
    generate = lab.backend.generate

    def note(clip, prompts, options, on_text) -> list[Generation]:
        shown.append((len(clip.frames), len(prompts)))
        return generate(clip, prompts, options, on_text)

    lab.backend.generate = note
    outcomes = run_pass(lab.grounder, lab.standing.next_pass())
    assert [outcome.query.text for outcome in outcomes] == [QUESTION, TRACKING, OTHER]
    assert [prompts for _, prompts in shown] == [2, 1]
    # The camera has 4 Hz.
    assert shown[1][0] == 2 * shown[0][0] - 1
