# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A session whose backend exits, hangs or takes the worker's thread with it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.clips import filled

from molmo_ground_ros.backends.base import Backend
from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.config import Settings
from molmo_ground_ros.errors import (
    BackendError,
    ErrorCode,
    ModelStuck,
    ShuttingDown,
    TimedOut,
)
from molmo_ground_ros.frames.decoded_cache import DecodedCache
from molmo_ground_ros.grounding import session as sessions
from molmo_ground_ros.grounding.job import WorkerEnded
from molmo_ground_ros.grounding.session import Session
from molmo_ground_ros.grounding.session_stats import ModelState
from molmo_ground_ros.types import Frame, Query

QUESTION = Query('Is it there?')
# Longer than any test takes; no test waits it out.
PATIENCE_S = 10.0
SHORT_NS = 50_000_000


class Hanging(ReplayBackend):
    """Hangs in the methods named, until `free` is set."""

    def __init__(self, *methods: str) -> None:
        super().__init__(['yes'], repeat=True, delay=lambda: self._hang('generate'))
        self.methods = methods
        self.free = threading.Event()
        self.entered = threading.Event()

    def prepare(self, camera: str, frame: Frame) -> None:
        self._hang('prepare')

    def close(self) -> None:
        self._hang('close')

    def _hang(self, method: str) -> None:
        if method in self.methods:
            self.entered.set()
            assert self.free.wait(PATIENCE_S)


class ExitingInPrepare(ReplayBackend):
    def prepare(self, camera: str, frame: Frame) -> None:
        raise SystemExit('the library exits')


def wait_for(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def opened(load: Callable[[], Backend], **settings: Any) -> Iterator[Session]:
    buffer = filled('front', decode=DecodedCache(10_000_000).decode)
    session = Session(load, {'front': buffer}, Settings(**settings))
    session.wait_ready(PATIENCE_S)
    yield session
    session.close()


def raise_once(error: BaseException) -> Callable[[], None]:
    errors = [error]

    def step() -> None:
        if errors:
            raise errors.pop()

    return step


@pytest.mark.parametrize('error', [SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_backend_that_exits_fails_its_question_and_answers_the_next(error: BaseException) -> None:
    with opened(lambda: ReplayBackend(['yes'], repeat=True, delay=raise_once(error))) as session:
        with pytest.raises(BackendError, match=type(error).__name__):
            session.submit(QUESTION).result()
        wait_for(lambda: type(error).__name__ in session.stats().backend_error)
        assert session.submit(QUESTION).result().text == 'yes'
        wait_for(lambda: session.stats().backend_error == '')


def test_backend_that_exits_while_preparing_answers_questions() -> None:
    with opened(lambda: ExitingInPrepare(['yes'])) as session:
        wait_for(lambda: session.stats().unprepared > 0)
        assert session.stats().prepare_error == 'SystemExit: the library exits'
        assert session.submit(QUESTION).result().text == 'yes'


def test_load_that_exits_is_the_answer_to_every_question() -> None:
    def load() -> Backend:
        raise SystemExit('no licence')

    session = Session(load, {'front': filled()}, Settings())
    with pytest.raises(BackendError, match='SystemExit: no licence'):
        session.wait_ready(PATIENCE_S)
    with pytest.raises(BackendError, match='no licence'):
        session.submit(QUESTION)
    assert session.stats().state is ModelState.FAILED
    session.close()


def test_worker_that_ends_answers_what_is_open_and_refuses_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def end(*_: object) -> None:
        raise MemoryError('no thread state')

    monkeypatch.setattr(sessions, 'run_job', end)
    with opened(lambda: ReplayBackend(['yes'])) as session:
        with pytest.raises(WorkerEnded, match='MemoryError: no thread state'):
            session.submit(QUESTION).result()
        with pytest.raises(WorkerEnded):
            session.submit(QUESTION)
        stats = session.stats()
        assert (stats.state, stats.running_s) == (ModelState.FAILED, 0.0)
        assert 'no thread state' in stats.load_error


def test_hang_in_prepare_times_out_what_waits_and_refuses_the_rest_until_it_is_over() -> None:
    backend = Hanging('prepare')
    with opened(lambda: backend) as session:
        assert backend.entered.wait(PATIENCE_S)
        with pytest.raises(TimedOut):
            session.submit(QUESTION, SHORT_NS).result()
        assert session.stats().preparing_s > 0
        assert session.stats().stuck == ''
        session.configure(Settings(stuck_seconds=0.1))
        wait_for(lambda: session.stats().preparing_s > 0.1)
        with pytest.raises(ModelStuck, match=r'preparing .* limit of 0\.1 s') as refused:
            session.submit(QUESTION)
        assert refused.value.code is ErrorCode.BACKEND_FAILED
        assert 'preparing a frame' in session.stats().stuck
        backend.free.set()
        wait_for(lambda: session.stats().stuck == '')
        assert session.submit(QUESTION).result().text == 'yes'


def test_hang_in_an_answer_refuses_questions_once_nobody_waits_for_it() -> None:
    backend = Hanging('generate')
    with opened(lambda: backend, stuck_seconds=0.1) as session:
        job = session.submit(QUESTION)
        assert backend.entered.wait(PATIENCE_S)
        time.sleep(0.15)
        assert session.stats().stuck == ''
        session.cancel(job)
        wait_for(lambda: 'answering a question' in session.stats().stuck)
        with pytest.raises(ModelStuck):
            session.submit(QUESTION)
        backend.free.set()
        wait_for(lambda: session.stats().stuck == '')
        assert session.submit(QUESTION).result().text == 'yes'


@pytest.mark.parametrize('method', ['prepare', 'generate', 'close'])
def test_close_waits_a_second_for_a_backend_that_hangs(method: str) -> None:
    backend = Hanging(method)
    with opened(lambda: backend) as session:
        job = session.submit(QUESTION)
        if method == 'close':
            job.wait(PATIENCE_S)
        else:
            assert backend.entered.wait(PATIENCE_S)
        began = time.monotonic()
        session.close()
        assert time.monotonic() - began < 1.5
        if method != 'close':
            with pytest.raises(ShuttingDown):
                job.result()
    backend.free.set()
