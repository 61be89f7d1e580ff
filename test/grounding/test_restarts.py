# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A session whose backend runs in a process of its own, which crashes and hangs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.clips import filled

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.own_process import OwnProcessBackend
from molmo_ground_ros.backends.own_process.death import ModelProcessDied
from molmo_ground_ros.config import Settings
from molmo_ground_ros.errors import Canceled, ErrorCode, ModelLoading, ShuttingDown, TimedOut
from molmo_ground_ros.frames.decoded_cache import DecodedCache
from molmo_ground_ros.grounding.session import Session
from molmo_ground_ros.grounding.session_stats import ModelState
from molmo_ground_ros.types import Query, Task

PATIENCE_S = 20.0
SHORT_S = 0.3


def wait_for(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def opened(model: str = 'm', pause_s: float = 0.0, **settings: Any) -> Iterator[Session]:
    def load() -> OwnProcessBackend:
        return OwnProcessBackend(
            'obedient',
            BackendSettings(model),
            kept_bytes=10_000_000,
            patience_s=SHORT_S,
            pauses_s=(pause_s,),
            module='support.obedient_child',
        )

    buffer = filled('front', decode=DecodedCache(10_000_000).decode)
    session = Session(load, {'front': buffer}, Settings(stuck_seconds=SHORT_S, **settings))
    session.wait_ready(PATIENCE_S)
    try:
        yield session
    finally:
        session.close()


def asks(words: str) -> Query:
    """A query whose prompt is its words."""
    return Query(words, Task.TEXT)


def prepared(session: Session) -> list[str]:
    """The stamps of the frames that the child has prepared since it started."""
    text = session.submit(asks('prepared')).result().text
    return [frame.split()[1] for frame in text.split('; ') if frame]


def test_crash_costs_one_answer_and_diagnostics_say_so() -> None:
    with opened(pause_s=SHORT_S) as session:
        assert session.submit(asks('hello')).result().text == 'hello'
        with pytest.raises(ModelProcessDied, match='SIGSEGV') as caught:
            session.submit(asks('signal 11')).result()
        assert caught.value.code is ErrorCode.BACKEND_FAILED
        with pytest.raises(ModelLoading, match=r'starting again: .* SIGSEGV') as refused:
            session.submit(asks('hello'))
        assert refused.value.code is ErrorCode.MODEL_LOADING
        stats = session.stats()
        assert stats.state is ModelState.RESTARTING
        assert 'SIGSEGV' in stats.restart_reason
        wait_for(lambda: session.stats().state is ModelState.READY)
        answer = session.submit(asks('hello')).result()
        # The frames in the buffer have stayed.
        assert (answer.text, answer.frames_used) == ('hello', answer.frames_expected)
        assert session.stats().restarts == 1


def test_question_that_waits_behind_the_crash_is_answered() -> None:
    with opened() as session:
        crash = session.submit(asks('exit 3'))
        waiting = session.submit(asks('hello'))
        with pytest.raises(ModelProcessDied, match='code 3'):
            crash.result()
        assert waiting.result().text == 'hello'


@pytest.mark.parametrize('error', [Canceled, TimedOut])
def test_answer_that_nobody_waits_for_costs_a_restart_and_no_more(error: type) -> None:
    with opened() as session:
        job = session.submit(asks('hang'), 200_000_000 if error is TimedOut else 0)
        if error is Canceled:
            wait_for(lambda: job.progress.stage == 'generating')
            session.cancel(job)
        with pytest.raises(error):
            job.result()
        wait_for(lambda: session.stats().restarts == 1)
        wait_for(lambda: session.stats().state is ModelState.READY)
        assert 'no longer needed' in session.stats().restart_reason
        assert session.stats().stuck == ''
        assert session.submit(asks('hello')).result().text == 'hello'


def test_frames_are_prepared_again_for_a_process_that_has_none() -> None:
    with opened() as session:
        wait_for(lambda: session.stats().prepared >= 10)
        before = prepared(session)
        assert len(before) == 10
        with pytest.raises(ModelProcessDied):
            session.submit(asks('exit 3')).result()
        wait_for(lambda: session.stats().prepared >= 20)
        assert sorted(set(prepared(session))) == sorted(before)


def test_frames_are_not_prepared_twice_by_a_process_that_lives() -> None:
    with opened() as session:
        wait_for(lambda: session.stats().prepared >= 10)
        time.sleep(2 * SHORT_S)
        assert session.stats().prepared == 10


@pytest.mark.parametrize('words', ['hang', 'hello'])
def test_close_ends_a_process_that_hangs_and_leaves_no_worker(words: str) -> None:
    with opened('hang in close') as session:
        job = session.submit(asks(words))
        if words == 'hang':
            wait_for(lambda: job.progress.stage == 'generating')
        else:
            job.result()
        pid = session._backend._backend._supervisor._process.pid  # type: ignore[union-attr]
        began_s = time.monotonic()
        session.close()
        assert time.monotonic() - began_s < 1.7
        assert not session._worker.is_alive()
        assert not Path(f'/proc/{pid}').exists()
        if words == 'hang':
            with pytest.raises(ShuttingDown):
                job.result()
