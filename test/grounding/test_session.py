# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from support.clips import empty_buffer, filled, raw, stamp

from molmo_ground_ros.backends.base import Backend, GenerateOptions, Generation, OnText
from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.config import Settings
from molmo_ground_ros.errors import (
    BackendError,
    BadModel,
    BadQuestion,
    BadTimeout,
    Busy,
    Canceled,
    GroundError,
    ModelLoading,
    NoFrames,
    ShuttingDown,
    TimedOut,
    UnknownCamera,
    WindowNotCovered,
)
from molmo_ground_ros.frames.decoded_cache import DecodedCache
from molmo_ground_ros.grounding.job import Job
from molmo_ground_ros.grounding.session import Session
from molmo_ground_ros.grounding.session_stats import ModelState
from molmo_ground_ros.types import Answer, Clip, Frame, Query

QUESTION = Query('How many times was the red block grasped?')
NONE = 'There are none.'
PATIENCE_S = 10.0  # longer than any test takes; no test waits it out
Opened = Callable[..., Session]


class Gate:
    """A backend whose answers wait until they are let through."""

    model = 'gate'

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        self.tokens = 0
        self.closed = False

    def generate(
        self, clip: Clip, prompts: Sequence[str], options: GenerateOptions, on_text: OnText
    ) -> list[Generation]:
        self.entered.release()
        assert self.open.wait(PATIENCE_S)
        for word in NONE.split():
            self.tokens += 1
            if not on_text(0, word):
                return [Generation('', stopped=True)]
        return [Generation(NONE)]

    def prepare(self, camera: str, frame: Frame) -> None:
        """Takes any."""

    def close(self) -> None:
        self.closed = True


class Failing(Gate):
    """Fails at the first question, then answers."""

    calls = 0

    def generate(
        self, clip: Clip, prompts: Sequence[str], options: GenerateOptions, on_text: OnText
    ) -> list[Generation]:
        self.calls += 1
        if self.calls == 1:
            raise RuntimeError('out of memory: 12 GB asked')
        return [Generation(NONE)]


@pytest.fixture
def open_session() -> Iterator[Opened]:
    """Makes sessions and closes them afterwards."""
    opened: list[Session] = []

    def make(backend: Backend, **changes: object) -> Session:
        buffers = {'front': filled('front'), 'rear': filled('rear', seconds=1.0)}
        session = Session(lambda: backend, buffers, Settings(**changes))  # type: ignore[arg-type]
        opened.append(session)
        session.wait_ready(PATIENCE_S)
        return session

    yield make
    for session in opened:
        session.close()


def test_question_is_answered_from_the_only_or_first_camera(open_session: Opened) -> None:
    answer = open_session(ReplayBackend([NONE])).submit(QUESTION).result()
    assert (answer.count, answer.camera) == (0, 'front')
    assert answer.frames_used == 11


def test_questions_are_asked_and_read_in_the_format_that_is_set(open_session: Opened) -> None:
    backend = ReplayBackend(['{"count": 2}'])
    session = open_session(backend, answer_format='qwen3-vl')
    assert session.submit(Query('How many cups are there?')).result().count == 2
    assert 'Answer in JSON only' in backend.prompts[0]


def test_question_names_its_camera(open_session: Opened) -> None:
    session = open_session(ReplayBackend([NONE]))
    assert session.submit(Query('Where is it?', camera='rear')).result().camera == 'rear'


def test_bad_requests_are_refused_at_once_with_their_values(open_session: Opened) -> None:
    session = open_session(ReplayBackend([]))
    with pytest.raises(UnknownCamera, match="'left'; the known ones: 'front', 'rear'"):
        session.submit(Query('x?', camera='left'))
    with pytest.raises(BadQuestion, match='4001'):
        session.submit(Query('x' * 4001))
    with pytest.raises(BadTimeout, match=r'-1\.500'):
        session.submit(QUESTION, -1_500_000_000)
    with pytest.raises(WindowNotCovered, match=r'1700000100\.000'):
        session.submit(Query('x?', start_ns=stamp(100), end_ns=stamp(110)))
    assert session.stats().outcomes == {'BAD_REQUEST': 3, 'WINDOW_NOT_COVERED': 1}


def test_camera_without_frames_is_no_frames() -> None:

    session = Session(lambda: ReplayBackend([NONE]), {'front': empty_buffer('front')}, Settings())
    session.wait_ready(PATIENCE_S)
    with pytest.raises(NoFrames, match='front'):
        session.submit(QUESTION)
    session.close()


def test_window_is_fixed_when_the_question_is_accepted(open_session: Opened) -> None:
    gate = Gate()
    session = open_session(gate)
    session.submit(QUESTION)
    waiting = session.submit(QUESTION)
    assert gate.entered.acquire(timeout=PATIENCE_S)
    buffer = session._buffers['front']
    for i in range(1000):  # the camera goes on; everything the job needs would be evicted
        buffer.push(stamp(5.1 + i * 0.1), raw(), 'optical')
    gate.open.set()
    answer = waiting.result()
    assert answer.newest_ns == stamp(5.0)
    assert answer.frames_used == 11


@pytest.mark.parametrize(
    ('later_s', 'camera', 'span', 'shared'),
    [
        (0.1, 'front', (0, 0), True),
        (0.2, 'front', (0, 0), False),
        (0.1, 'rear', (0, 0), False),
        (0.1, 'front', (stamp(1), stamp(4)), False),
        (0.1, 'front', (stamp(3), stamp(5)), False),  # its end alone is that of the other's window
        (-9.0, 'front', (0, 0), False),  # time began again
    ],
)
def test_questions_asked_together_share_their_frames(
    open_session: Opened, later_s: float, camera: str, span: tuple[int, int], shared: bool
) -> None:
    gate = Gate()
    session = open_session(gate)
    first = session.submit(QUESTION)
    buffer = session._buffers['front']
    if later_s < 0:
        buffer.clear()
    buffer.push(stamp(5.0 + later_s), raw())
    second = session.submit(Query(QUESTION.text, camera=camera, start_ns=span[0], end_ns=span[1]))
    assert (second.window is first.window) == shared
    gate.open.set()
    assert first.result().text == second.result().text == NONE
    after = session.submit(QUESTION)  # nothing is open any more
    assert after.window is not first.window


def test_question_of_the_whole_buffer_does_not_share_the_window_of_one_with_a_span(
    open_session: Opened,
) -> None:
    gate = Gate()
    session = open_session(gate)
    first = session.submit(Query(QUESTION.text, start_ns=stamp(3), end_ns=stamp(5)))
    second = session.submit(QUESTION)
    assert second.window is not first.window
    gate.open.set()
    assert (first.result().start_ns, second.result().start_ns) == (stamp(3), stamp(0))


def test_full_queue_is_busy_at_once(open_session: Opened) -> None:
    gate = Gate()
    session = open_session(gate, queue_size=1)
    running = session.submit(QUESTION)
    assert gate.entered.acquire(timeout=PATIENCE_S)
    waiting = session.submit(QUESTION)
    with pytest.raises(Busy, match='2 questions'):
        session.submit(QUESTION)
    gate.open.set()
    assert running.result().count == waiting.result().count == 0
    assert session.submit(QUESTION).result().count == 0


def test_deadline_answers_while_the_backend_hangs(open_session: Opened) -> None:
    gate = Gate()
    session = open_session(gate, queue_size=1)
    hanging = session.submit(QUESTION, 500_000_000)
    queued = session.submit(QUESTION, 600_000_000)
    for job, stage in ((hanging, 'generating'), (queued, 'queued')):
        with pytest.raises(TimedOut, match=stage):
            job.result()
    gate.open.set()
    assert session.submit(QUESTION).result().count == 0
    assert session.stats().late == 1


def test_timed_out_job_stops_at_the_next_token(open_session: Opened) -> None:
    gate = Gate()
    session = open_session(gate)
    job = session.submit(QUESTION, 500_000_000)
    with pytest.raises(TimedOut):
        job.result()
    gate.open.set()
    assert session.submit(QUESTION).result().count == 0
    assert gate.tokens == 1 + len(NONE.split())


def test_cancel_answers_at_once_and_stops_the_model(open_session: Opened) -> None:
    gate = Gate()
    session = open_session(gate)
    running, waiting = session.submit(QUESTION), session.submit(QUESTION)
    assert gate.entered.acquire(timeout=PATIENCE_S)
    session.cancel(waiting)
    session.cancel(running)
    for job, stage in ((running, 'generating'), (waiting, 'queued')):
        with pytest.raises(Canceled, match=stage):
            job.result()
    gate.open.set()
    assert session.submit(QUESTION).result().count == 0
    assert gate.tokens == 1 + len(NONE.split())


def test_cancelled_question_gives_its_place_in_the_queue_to_the_next(open_session: Opened) -> None:
    gate = Gate()
    session = open_session(gate, queue_size=1)
    running, waiting = session.submit(QUESTION), session.submit(QUESTION)
    assert gate.entered.acquire(timeout=PATIENCE_S)
    session.cancel(waiting)
    assert session.stats().waiting == 0
    following = session.submit(QUESTION)  # not Busy
    gate.open.set()
    assert running.result().count == following.result().count == 0


def test_backend_that_raises_fails_one_question_and_answers_the_next(open_session: Opened) -> None:
    session = open_session(Failing())
    with pytest.raises(BackendError, match='RuntimeError: out of memory: 12 GB asked'):
        session.submit(QUESTION).result()
    assert session.submit(QUESTION).result().count == 0
    assert 'out of memory' in session.stats().last_error


def test_known_errors_of_the_backend_pass_unchanged(open_session: Opened) -> None:
    session = open_session(ReplayBackend([]))
    with pytest.raises(BackendError, match='recorded answers'):
        session.submit(QUESTION).result()


def test_questions_while_loading_are_told_so() -> None:
    loaded = threading.Event()

    def load() -> Backend:
        assert loaded.wait(PATIENCE_S)
        return ReplayBackend([NONE])

    session = Session(load, {'front': filled()}, Settings(model='big'))
    with pytest.raises(ModelLoading, match='big'):
        session.submit(QUESTION)
    assert not session.wait_ready(0.0)
    loaded.set()
    assert session.wait_ready(PATIENCE_S)
    assert session.submit(QUESTION).result().count == 0
    session.close()


@pytest.mark.parametrize(
    ('raised', 'shown'),
    [
        (BadModel('m', 'config.json is missing'), 'config.json is missing'),
        (RuntimeError('CUDA is not there'), 'RuntimeError: CUDA is not there'),
    ],
)
def test_failed_load_is_the_answer_to_every_question(raised: Exception, shown: str) -> None:
    def load() -> Backend:
        raise raised

    session = Session(load, {'front': filled()}, Settings())
    with pytest.raises(BackendError, match=shown):
        session.wait_ready(PATIENCE_S)
    with pytest.raises(BackendError, match=shown):
        session.submit(QUESTION)
    assert session.stats().state is ModelState.FAILED
    assert shown in session.stats().load_error
    session.close()


def test_close_answers_everything_that_is_open(open_session: Opened) -> None:
    gate = Gate()
    session = open_session(gate)
    jobs = [session.submit(QUESTION) for _ in range(3)]
    assert gate.entered.acquire(timeout=PATIENCE_S)
    closer = threading.Thread(target=session.close)
    closer.start()
    for job in jobs:
        with pytest.raises(ShuttingDown):
            job.result()
    gate.open.set()
    closer.join(PATIENCE_S)
    assert gate.closed
    with pytest.raises(ShuttingDown):
        session.submit(QUESTION)
    with pytest.raises(ShuttingDown):
        session.wait_ready(PATIENCE_S)
    session.close()


def test_worker_that_never_returns_does_not_hold_up_close(
    open_session: Opened, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr('molmo_ground_ros.grounding.session.JOIN_TIMEOUT_S', 0.05)
    gate = Gate()
    session = open_session(gate)
    session.submit(QUESTION)
    assert gate.entered.acquire(timeout=PATIENCE_S)
    session.close()
    assert 'did not come back' in caplog.text
    gate.open.set()


def test_backend_that_fails_to_close_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(Gate):
        def close(self) -> None:
            raise RuntimeError('will not')

    session = Session(Stubborn, {'front': filled()}, Settings())
    session.wait_ready(PATIENCE_S)
    session.close()
    assert 'failed to close' in caplog.text


def test_close_while_loading_ends_the_session() -> None:
    loaded = threading.Event()
    gate = Gate()

    def load() -> Backend:
        assert loaded.wait(PATIENCE_S)
        return gate

    session = Session(load, {'front': filled()}, Settings())
    closer = threading.Thread(target=session.close)
    closer.start()
    while session.stats().state is not ModelState.CLOSED:
        time.sleep(0)
    loaded.set()
    closer.join(PATIENCE_S)
    assert gate.closed


class Preparing(Gate):
    """Notes the pixels it is given ahead of a question and in one."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.ahead: list[object] = []
        self.asked: list[object] = []
        self.fails = fails
        self.open.set()

    def generate(
        self, clip: Clip, prompts: Sequence[str], options: GenerateOptions, on_text: OnText
    ) -> list[Generation]:
        self.asked = [frame.image for frame in clip.frames]
        return super().generate(clip, prompts, options, on_text)

    def prepare(self, camera: str, frame: Frame) -> None:
        self.ahead.append(frame.image)
        if self.fails:
            raise RuntimeError('out of memory')


def prepared_session(backend: Backend, **changes: object) -> Session:
    buffer = filled('front', decode=DecodedCache(10_000_000).decode)
    return Session(lambda: backend, {'front': buffer}, Settings(**changes))  # type: ignore[arg-type]


def wait_for(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_question_finds_its_frames_prepared() -> None:
    backend = Preparing()
    session = prepared_session(backend)
    wait_for(lambda: session.stats().prepared == 10)  # 0.0 to 4.5 s; the newest is not due
    assert session.submit(QUESTION).result().frames_used == 11
    assert all(any(image is one for one in backend.ahead) for image in backend.asked[:-1])
    session.close()


def test_a_frame_that_cannot_be_prepared_costs_no_answer() -> None:
    session = prepared_session(Preparing(fails=True))
    wait_for(lambda: session.stats().unprepared == 10)
    assert session.submit(QUESTION).result().text == NONE
    session.close()


def test_nothing_is_prepared_where_that_is_switched_off() -> None:
    backend = Preparing()
    session = prepared_session(backend, prepare=False)
    assert session.wait_ready(PATIENCE_S)
    assert session.submit(QUESTION).result().text == NONE
    session.close()
    assert backend.ahead == []


def test_live_settings_apply_to_questions_to_come(open_session: Opened) -> None:
    session = open_session(ReplayBackend([NONE], repeat=True))
    assert not session.submit(QUESTION).result().truncated
    session.configure(Settings(max_new_tokens=2))
    assert session.submit(QUESTION).result().truncated


def test_every_one_of_many_concurrent_questions_gets_an_outcome(open_session: Opened) -> None:
    session = open_session(ReplayBackend([NONE], repeat=True), queue_size=8)
    outcomes: list[str] = []

    def ask() -> None:
        for _ in range(25):
            try:
                outcomes.append(session.submit(QUESTION).result().text)
            except Busy:
                outcomes.append('busy')

    askers = [threading.Thread(target=ask) for _ in range(16)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)
    assert len(outcomes) == 400
    assert set(outcomes) <= {NONE, 'busy'}
    stats = session.stats()
    assert sum(stats.outcomes.values()) == 400
    assert stats.latency_p50_s <= stats.latency_p95_s


def test_latency_of_one_answer_is_both_quantiles(open_session: Opened) -> None:
    session = open_session(ReplayBackend([NONE]))
    assert session.stats().latency_p50_s != session.stats().latency_p50_s  # nan before the first
    session.submit(QUESTION).result()
    assert session.stats().latency_p50_s == session.stats().latency_p95_s > 0


def test_statistics_hold_an_answer_as_soon_as_its_caller_has_it(
    open_session: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = Job.resolve

    def resolve_slowly(job: Job, outcome: Answer | GroundError) -> bool:
        set_now = resolve(job, outcome)
        time.sleep(0.1)
        return set_now

    monkeypatch.setattr(Job, 'resolve', resolve_slowly)
    session = open_session(ReplayBackend([NONE]))
    session.submit(QUESTION).result()
    stats = session.stats()
    assert (stats.outcomes, stats.running) == ({'OK': 1}, None)
    assert stats.latency_p50_s > 0
