# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The session asks standing questions while no caller waits, and never instead of a caller."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from support.clips import empty_buffer, raw, stamp
from support.standing import PLAIN, QUESTION, Collector, TruthfulBackend

from molmo_ground_ros.backends.base import Generation
from molmo_ground_ros.config import Settings
from molmo_ground_ros.errors import BackendError, ModelStuck, WindowNotCovered
from molmo_ground_ros.grounding import session as sessions
from molmo_ground_ros.grounding.session import Session
from molmo_ground_ros.grounding.standing import StandingQuestions, StandingRequest
from molmo_ground_ros.types import Answer, Query

PATIENCE_S = 10.0
GRASPS = [(float(time), 0.3, 0.4) for time in range(6, 200, 7)]


class Lab:
    """A session with standing questions, and a camera that is filled by hand."""

    def __init__(self, backend: TruthfulBackend, **settings: object) -> None:
        self.backend = backend
        self.buffer = empty_buffer()
        self.outlet = Collector()
        self.deliveries = self.outlet.deliveries
        self.settings = Settings(**{**PLAIN, 'standing_queries': (QUESTION,), **settings})
        buffers = {'front': self.buffer}
        self.standing = StandingQuestions(self.settings, buffers, self.outlet)
        self.session = Session(lambda: backend, buffers, self.settings, self.standing)
        self.session.wait_ready(PATIENCE_S)

    def film(self, begin: float, end: float) -> None:
        for quarter in range(round(begin * 4), round(end * 4) + 1):
            self.buffer.push(stamp(quarter / 4), raw(), 'optical')

    def wait(self, ready: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not ready():
            assert time.monotonic() < deadline
            time.sleep(0.002)


@pytest.fixture
def lab(monkeypatch) -> Iterator[Callable[..., Lab]]:
    monkeypatch.setattr(sessions, 'IDLE_POLL_S', 0.005)
    made: list[Lab] = []

    def make(backend: TruthfulBackend | None = None, **settings: object) -> Lab:
        made.append(Lab(backend or TruthfulBackend(GRASPS), **settings))
        return made[-1]

    yield make
    for each in made:
        each.session.close()


@pytest.mark.parametrize('prepare', [True, False])
def test_standing_questions_are_asked_while_no_job_waits(lab, prepare: bool) -> None:
    made = lab(prepare=prepare)
    made.film(0, 20)
    made.wait(lambda: made.deliveries)
    made.film(20, 30)
    made.wait(lambda: len(made.deliveries) > 1)
    events = [event for delivery in made.deliveries for event in delivery.events]
    assert [event.point.stamp_ns for event in events] == [stamp(t) for t in (6, 13, 20, 27)]
    assert made.session.stats().outcomes == {}


class Gate(TruthfulBackend):
    """Waits in the model until it is let through, once it is closed."""

    def __init__(self) -> None:
        super().__init__(GRASPS)
        self.closed, self.entered, self.open = False, threading.Event(), threading.Event()

    def generate(self, clip, prompts, options, on_text):
        if self.closed:
            self.entered.set()
            assert self.open.wait(PATIENCE_S)
        return super().generate(clip, prompts, options, on_text)


def test_callers_go_first_and_a_pass_takes_no_place_in_the_queue(lab) -> None:
    gate = Gate()
    made = lab(gate, queue_size=1, prepare=False)
    gate.closed = True
    made.film(0, 20)
    assert gate.entered.wait(PATIENCE_S)
    made.film(20, 40)
    jobs = [made.session.submit(Query(f'How many cups are there? {n}')) for n in range(2)]
    stats = made.session.stats()
    assert stats.waiting == 2 and stats.running_s >= 0
    gate.closed = False
    gate.open.set()
    assert all(isinstance(job.result(), Answer) for job in jobs)
    # The pass that was under way gave way, and is made again with what came since.
    made.wait(lambda: made.deliveries)
    order = [prompts[0] for *_, prompts in gate.calls]
    assert ['cups' in prompt for prompt in order] == [False, True, True, False]


class Slow(TruthfulBackend):
    """Answers standing questions token by token, until it is stopped or `done` is set."""

    def __init__(self) -> None:
        super().__init__(GRASPS)
        self.begun, self.done = [], threading.Event()

    def generate(self, clip, prompts, options, on_text):
        if 'cups' not in prompts[0]:
            self.begun.append(clip.frames[-1].stamp_ns)
            while not self.done.wait(0.002):
                if not on_text(0, ' '):
                    return [Generation('', stopped=True) for _ in prompts]
        return super().generate(clip, prompts, options, on_text)


def test_a_pass_gives_way_to_a_caller_once_and_is_asked_again(lab) -> None:
    slow = Slow()
    made = lab(slow, prepare=False)
    made.film(0, 20)
    made.wait(lambda: len(slow.begun) == 1)
    first = made.session.submit(Query('How many cups are there?'))
    assert isinstance(first.result(), Answer)
    made.wait(lambda: len(slow.begun) == 2)
    # So callers who never pause do not keep it from its answer.
    second = made.session.submit(Query('How many cups are there?'))
    assert not second.wait(0.05)
    slow.done.set()
    assert isinstance(second.result(), Answer)
    made.wait(lambda: made.deliveries)
    status = made.standing.statuses()[0]
    assert (len(slow.begun), status.failed, status.skipped) == (2, 0, 0)
    assert [event.point.stamp_ns for event in made.deliveries[0].events] == [stamp(6), stamp(13)]
    # The next turn gives way again.
    slow.done.clear()
    made.film(20, 30)
    made.wait(lambda: len(slow.begun) == 3)
    assert isinstance(made.session.submit(Query('How many cups?')).result(), Answer)
    slow.done.set()
    made.wait(lambda: len(made.deliveries) == 2)


def test_a_model_that_reads_a_prompt_is_not_stopped_for_a_caller(lab) -> None:
    class Reading(Slow):
        """Says nothing for a while, and asks whether to go on, as a model in its own process."""

        def generate(self, clip, prompts, options, on_text):
            if 'cups' not in prompts[0]:
                self.begun.append(on_text(0, ''))
                assert self.done.wait(PATIENCE_S)
                self.begun.append(on_text(0, ''))
            return TruthfulBackend.generate(self, clip, prompts, options, on_text)

    reading = Reading()
    made = lab(reading, prepare=False)
    made.film(0, 20)
    made.wait(lambda: reading.begun)
    job = made.session.submit(Query('How many cups are there?'))
    reading.done.set()
    assert isinstance(job.result(), Answer)
    assert reading.begun[:2] == [True, True]


def test_a_pass_that_takes_too_long_ends_and_its_turn_failed(lab) -> None:
    gate = Gate()
    made = lab(gate, timeout_seconds=0.1, prepare=False)
    gate.closed = True
    made.film(0, 20)
    assert gate.entered.wait(PATIENCE_S)
    made.wait(lambda: made.session.stats().last_error)
    assert 'no answer within' in made.session.stats().last_error
    gate.open.set()
    made.wait(lambda: made.standing.statuses()[0].failed)
    assert 'no answer within' in made.standing.statuses()[0].last_error


def test_a_pass_that_hangs_makes_questions_fail_at_once(lab) -> None:
    gate = Gate()
    made = lab(gate, timeout_seconds=0.1, stuck_seconds=0.1, prepare=False)
    gate.closed = True
    made.film(0, 20)
    assert gate.entered.wait(PATIENCE_S)
    made.wait(lambda: made.session.stats().stuck)
    with pytest.raises(ModelStuck):
        made.session.submit(Query('Where is the cup?'))
    gate.open.set()


def test_closing_ends_a_pass_and_counts_no_failure(lab) -> None:
    gate = Gate()
    made = lab(gate, prepare=False)
    gate.closed = True
    made.film(0, 20)
    assert gate.entered.wait(PATIENCE_S)
    closer = threading.Thread(target=made.session.close)
    closer.start()
    gate.open.set()
    closer.join(PATIENCE_S)
    assert made.standing.statuses()[0].failed == 0
    assert made.deliveries == []


def test_a_failed_pass_is_told_as_the_backends_error(lab) -> None:
    backend = TruthfulBackend(GRASPS, errors=[RuntimeError('no memory')])
    made = lab(backend, prepare=False)
    made.film(0, 20)
    made.wait(lambda: made.session.stats().backend_error)
    assert made.session.stats().backend_error == 'RuntimeError: no memory'
    assert isinstance(made.session.submit(Query('Where is the cup?')).result(), Answer)


def test_a_span_that_the_buffer_does_not_hold_is_answered_from_events(lab) -> None:
    made = lab(prepare=False)
    for end in range(10, 101, 5):
        made.film(end - 5, end)
        made.wait(lambda end=end: made.standing.statuses()[0].covered_until_ns == stamp(end))
    calls = len(made.backend.calls)
    job = made.session.submit(Query(QUESTION, start_ns=stamp(5), end_ns=stamp(95)))
    assert job.done
    answer = job.result()
    assert (answer.count, answer.unseen) == (13, ())
    assert len(made.backend.calls) == calls
    assert made.session.submit(Query(QUESTION, start_ns=stamp(80), end_ns=stamp(95))).result()
    assert len(made.backend.calls) == calls + 1
    with pytest.raises(WindowNotCovered):
        made.session.submit(Query('Where is the cup?', start_ns=stamp(5), end_ns=stamp(60)))


def test_a_question_may_be_set_while_the_worker_is_idle(lab) -> None:
    made = lab(standing_queries=(), prepare=False)
    made.film(0, 10)
    made.standing.set(StandingRequest(QUESTION))
    made.film(10, 30)
    made.wait(lambda: made.deliveries)
    made.session.set_buffers({})
    made.film(30, 40)
    assert made.session.stats().outcomes == {}


def test_state_that_cannot_be_joined_does_not_end_the_worker(lab, monkeypatch) -> None:
    made = lab(prepare=False)

    def fail(*_) -> None:
        raise BackendError('odd')

    monkeypatch.setattr('molmo_ground_ros.grounding.stitch.RunningStitcher.add', fail)
    made.film(0, 20)
    made.wait(lambda: made.standing.statuses()[0].failed)
    assert 'odd' in made.standing.statuses()[0].last_error
    assert made.deliveries == []
    monkeypatch.undo()
    made.film(20, 30)
    made.wait(lambda: made.deliveries)
    assert made.standing.statuses()[0].last_error == ''
