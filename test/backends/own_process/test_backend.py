# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A backend in a process of its own, which answers, crashes, hangs and is ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.clips import make_clip
from support.obedient_child import digest

from molmo_ground_ros.backends.base import BackendSettings, GenerateOptions, Restarting, Token
from molmo_ground_ros.backends.own_process import OwnProcessBackend
from molmo_ground_ros.backends.own_process.death import ModelProcessDied
from molmo_ground_ros.errors import (
    BackendError,
    BadModel,
    Canceled,
    DoesNotFit,
    GroundError,
    ShuttingDown,
)
from molmo_ground_ros.types import Clip, Frame

PATIENCE_S = 20.0
SHORT_S = 0.3
OPTIONS = GenerateOptions()


def go_on(_: int, __: str) -> bool:
    return True


@contextmanager
def opened(model: str = 'm', **options: Any) -> Iterator[OwnProcessBackend]:
    defaults = {'kept_bytes': 10_000_000, 'patience_s': PATIENCE_S, 'pauses_s': (0.0,)}
    options = {**defaults, 'module': 'support.obedient_child', **options}
    before = children(), threads()
    backend = OwnProcessBackend('obedient', BackendSettings(model), **options)
    try:
        yield backend
    finally:
        backend.close()
    assert (children(), threads()) == before


def children() -> set[int]:
    """The child processes of this one that run a model."""
    listed = set()
    for path in Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):
            parent = int((path / 'stat').read_text().rpartition(')')[2].split()[1])
            if parent == os.getpid() and 'obedient' in (path / 'cmdline').read_text():
                listed.add(int(path.name))
    return listed


def threads() -> int:
    return len([thread for thread in threading.enumerate() if thread.name == 'model process'])


def wait_for(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def shown(images: int = 2) -> Clip:
    """A clip of distinct images that cannot be written to."""
    frames = []
    for value, frame in enumerate(make_clip(images, 16, 12).frames):
        image = np.full_like(frame.image, value)
        image.flags.writeable = False
        frames.append(replace(frame, image=image))
    return replace(make_clip(images), frames=tuple(frames))


def ask(backend: OwnProcessBackend, *prompts: str, clip: Clip | None = None) -> list[str]:
    generations = backend.generate(clip or shown(), prompts, OPTIONS, go_on)
    return [generation.text for generation in generations]


@pytest.fixture(scope='module')
def steady() -> Iterator[OwnProcessBackend]:
    """A backend for tests that do not harm it."""
    with opened() as backend:
        yield backend


def test_answers_text_and_tokens_are_those_of_the_child(steady: OwnProcessBackend) -> None:
    heard: list[tuple[int, str]] = []

    def on_text(index: int, text: str) -> bool:
        heard.append((index, text))
        return True

    first, second = steady.generate(shown(), ['count 3', 'count 2'], OPTIONS, on_text)
    assert (first.text, second.text) == ('0 1 2 ', '0 1 ')
    assert first.tokens == (Token('0 ', 0.0), Token('1 ', -1.0), Token('2 ', -2.0))
    assert [pair for pair in heard if pair[1]] == [
        (0, '0 '), (0, '1 '), (0, '2 '), (1, '0 '), (1, '1 '),
    ]  # fmt: skip
    assert steady.model == 'm'
    assert isinstance(steady, Restarting)


def test_stopped_prompt_ends_with_the_token_that_stopped_it(steady: OwnProcessBackend) -> None:
    stopped, other = steady.generate(
        shown(), ['count 100000', 'count 3'], OPTIONS, lambda index, text: index or text != '4 '
    )
    assert stopped.text == '0 1 2 3 4 '
    assert len(stopped.tokens) == 5
    assert (stopped.stopped, stopped.truncated) == (True, False)
    assert (other.text, other.stopped) == ('0 1 2 ', False)
    # A stop that comes after the end of its call is of no other call.
    for _ in range(20):
        (late,) = steady.generate(shown(), ['count 2'], OPTIONS, lambda _, text: text != '1 ')
        assert (late.text, late.stopped) == ('0 1 ', True)
        assert ask(steady, 'count 2') == ['0 1 ']


def test_frames_arrive_with_their_pixels_and_are_sent_once(
    steady: OwnProcessBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = os.memfd_create

    def counted(name: str, flags: int) -> int:
        sizes.append(1)
        return real(name, flags)

    monkeypatch.setattr(os, 'memfd_create', counted)
    clip = shown(5)
    expected = ' '.join(['front', *map(digest, clip.frames)])
    assert ask(steady, 'look', clip=clip) == [expected]
    assert len(sizes) == 5
    slid = replace(clip, frames=clip.frames[2:])
    assert ask(steady, 'look', clip=slid) == [' '.join(['front', *map(digest, slid.frames)])]
    assert ask(steady, 'look', clip=clip) == [expected]
    assert len(sizes) == 5


def test_image_that_changes_in_place_is_sent_as_it_is_now(steady: OwnProcessBackend) -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    clip = replace(shown(), frames=(Frame(1, image),))
    before = ask(steady, 'look', clip=clip)
    image[:] = 7
    after = ask(steady, 'look', clip=clip)
    assert before != after == ask(steady, 'look', clip=clip)


def test_frame_is_prepared_in_the_child(steady: OwnProcessBackend) -> None:
    (frame, _) = shown().frames
    steady.prepare('left', frame)
    assert ask(steady, 'prepared') == [f'left {frame.stamp_ns} optical {digest(frame)}']


def test_error_of_ours_keeps_its_class_and_values(steady: OwnProcessBackend) -> None:
    with pytest.raises(DoesNotFit, match='less would fit') as caught:
        ask(steady, 'fit')
    assert caught.value.parts == (('cache', 3), ('scores', 4))
    assert caught.value.free == 5
    assert ask(steady, 'hello') == ['hello']


def test_whatever_else_the_child_raises_is_a_backend_error_and_costs_no_process(
    steady: OwnProcessBackend, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(BackendError, match='RuntimeError: no more'):
        ask(steady, 'raise no more')
    assert 'obedient_child.py' in caplog.text
    with pytest.raises(BackendError, match='SystemExit: now'):
        ask(steady, 'leave now')
    with pytest.raises(BackendError, match='RuntimeError: no picture'):
        steady.prepare('raise', shown().frames[0])
    assert steady.restarts().count == 0


def test_nothing_of_it_lies_in_shared_memory(steady: OwnProcessBackend) -> None:
    ask(steady, 'look', clip=shown(20))
    assert not list(Path('/dev/shm').glob('*molmo*'))


@pytest.mark.parametrize(
    ('prompt', 'message', 'out_of_memory'),
    [
        (f'signal {signal.SIGSEGV:d}', 'was ended by SIGSEGV', False),
        (f'signal {signal.SIGKILL:d}', 'was ended by SIGKILL: ', True),
        ('exit 3', 'exited with code 3', False),
    ],
)
def test_crash_costs_one_answer(prompt: str, message: str, out_of_memory: bool) -> None:
    clip = shown()
    with opened() as backend:
        (first,) = ask(backend, 'pid', clip=clip)
        began_s = time.monotonic()
        with pytest.raises(ModelProcessDied, match=message) as caught:
            ask(backend, prompt, clip=clip)
        assert time.monotonic() - began_s < 2.0
        assert caught.value.out_of_memory is out_of_memory
        # The next question waits for the new process, which gets the frames anew.
        pid, look = ask(backend, 'pid', 'look', clip=clip)
        assert pid != first
        assert look == ' '.join(['front', *map(digest, clip.frames)])
        restarts = backend.restarts()
        assert (restarts.count, restarts.going_on) == (1, False)
        assert message in restarts.reason


def test_end_between_questions_is_noticed_without_one() -> None:
    with opened() as backend:
        (pid,) = ask(backend, 'pid')
        os.kill(int(pid), signal.SIGKILL)
        wait_for(lambda: backend.restarts().count == 1 and not backend.restarts().going_on)
        assert ask(backend, 'pid') != [pid]


def test_answer_that_nobody_waits_for_costs_the_process_if_it_does_not_come() -> None:
    with opened(patience_s=SHORT_S) as backend:
        began_s = time.monotonic()
        asked: list[float] = []

        def stop_soon(_: int, text: str) -> bool:
            assert text == ''
            asked.append(time.monotonic() - began_s)
            return asked[-1] < 2 * SHORT_S

        with pytest.raises(ModelProcessDied, match=r'come back 0.3 s after .* no longer needed'):
            backend.generate(shown(), ['hang', 'more'], OPTIONS, stop_soon)
        # As long as somebody waits, it may take as long as it likes.
        assert time.monotonic() - began_s > 3 * SHORT_S
        assert ask(backend, 'hello') == ['hello']
        assert backend.restarts().count == 1


def test_hang_in_prepare_costs_the_process() -> None:
    frame = shown().frames[0]
    with opened(patience_s=SHORT_S) as backend:
        with pytest.raises(ModelProcessDied, match=r'preparing one frame for more than 0\.3 s'):
            backend.prepare('hang', frame)
        backend.prepare('left', frame)
        assert ask(backend, 'prepared') != ['']


def test_stopped_process_that_takes_no_message_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        'molmo_ground_ros.backends.own_process.model_process._SEND_TIMEOUT_S', SHORT_S
    )
    with opened() as backend:
        (pid,) = ask(backend, 'pid')
        os.kill(int(pid), signal.SIGSTOP)
        with pytest.raises(ModelProcessDied, match=r'took no message for 0\.3 s'):
            ask(backend, 'x' * 10_000_000)
        assert ask(backend, 'hello') == ['hello']


def test_on_text_that_raises_costs_the_process_and_the_next_answer_is_right() -> None:
    def fail(_: int, text: str) -> bool:
        raise ZeroDivisionError(text)

    with opened() as backend:
        with pytest.raises(ZeroDivisionError):
            backend.generate(shown(), ['count 100'], OPTIONS, fail)
        assert ask(backend, 'hello') == ['hello']
        assert 'was in a call that was given up' in backend.restarts().reason


@pytest.mark.parametrize('words', ['no JSON', '[]', '7', '{"text": 3}', '{"error": {}}'])
def test_child_that_sends_what_is_no_reply_costs_one_answer(words: str) -> None:
    with opened() as backend:
        # A guard above makes an error of ours of it (`grounding.guarded_backend`).
        with pytest.raises(Exception, match=r'no message|argument after|trace'):
            ask(backend, f'babble {words}')
        assert ask(backend, 'hello') == ['hello']
        assert backend.restarts().count == 1


def test_process_that_cannot_be_started_is_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = len(list(Path('/proc/self/fd').iterdir()))
    monkeypatch.setattr(sys, 'executable', '/no/python')
    with pytest.raises(BackendError, match=r"cannot be started: .*'/no/python'"), opened():
        pass
    assert len(list(Path('/proc/self/fd').iterdir())) == files


@pytest.mark.parametrize(
    ('orders', 'message'),
    [('exit', 'exited with code 7'), ('fail', 'it is bad')],
    ids=['crash', 'error'],
)
def test_load_that_fails_after_a_crash_costs_one_answer_each(
    orders: str, message: str, tmp_path: Path
) -> None:
    model = tmp_path / 'orders'
    model.write_text(f'load\n{orders}\n{orders}\nload\n')
    with opened(str(model), pauses_s=(0.1, 0.2, 0.4, 0.8)) as backend:
        began_s = time.monotonic()
        with pytest.raises(ModelProcessDied, match='code 3'):
            ask(backend, 'exit 3')
        for _ in range(2):
            with pytest.raises(GroundError, match=message):
                ask(backend, 'hello')
            assert backend.restarts().going_on
        assert ask(backend, 'hello') == ['hello']
        assert backend.restarts().count == 3
        # The pauses grow until an answer comes.
        assert time.monotonic() - began_s > 0.1 + 0.2 + 0.4
        with pytest.raises(ModelProcessDied, match='code 3'):
            ask(backend, 'exit 3')
        began_s = time.monotonic()
        wait_for(lambda: backend.restarts().count == 4)
        assert time.monotonic() - began_s < 0.4


def test_load_that_takes_long_is_ended_from_another_thread() -> None:
    started: list[OwnProcessBackend] = []

    def end_soon(backend: OwnProcessBackend) -> None:
        started.append(backend)
        threading.Timer(0.2, backend.end).start()

    before = children(), threads()
    with pytest.raises(ShuttingDown), opened('hang', on_start=end_soon):
        pass
    assert (len(started), children(), threads()) == (1, *before)


def test_first_load_that_fails_raises_its_error_and_leaves_nothing() -> None:
    before = children(), threads()
    with pytest.raises(BadModel, match="model 'fail': it is bad"):
        OwnProcessBackend(
            'obedient', BackendSettings('fail'), kept_bytes=0, patience_s=1.0,
            module='support.obedient_child',
        )  # fmt: skip
    assert (children(), threads()) == before


def test_process_that_dies_of_its_first_load_is_started_again(tmp_path: Path) -> None:
    model = tmp_path / 'orders'
    model.write_text('exit\nload\n')
    with opened(str(model)) as backend:
        assert 'exited with code 7' in backend.restarts().reason
        assert backend.model == str(model)
        assert ask(backend, 'hello') == ['hello']


def test_question_that_is_withdrawn_while_the_model_starts_again_ends(tmp_path: Path) -> None:
    model = tmp_path / 'orders'
    model.write_text('load\nhang\n')
    with opened(str(model)) as backend:
        with pytest.raises(ModelProcessDied):
            ask(backend, 'exit 3')
        with pytest.raises(Canceled):
            backend.generate(shown(), ['hello'], OPTIONS, lambda *_: False)
        assert backend.restarts().going_on


@pytest.mark.parametrize('model', ['m', 'hang in close'])
def test_close_ends_everything_within_a_second(model: str) -> None:
    with opened(model) as backend:
        ask(backend, 'hello')
        began_s = time.monotonic()
        backend.close()
        assert time.monotonic() - began_s < 1.0
        with pytest.raises(ShuttingDown):
            ask(backend, 'hello')


def test_end_frees_a_call_that_hangs_at_once() -> None:
    with opened() as backend:
        errors: list[Exception] = []

        def run() -> None:
            try:
                ask(backend, 'hang')
            except GroundError as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(0.2)
        began_s = time.monotonic()
        backend.end()
        thread.join(PATIENCE_S)
        assert time.monotonic() - began_s < 1.0
        assert [type(error) for error in errors] == [ModelProcessDied]


# A parent that holds a child in a call and prints its process id.
PARENT = """
import sys, threading, time
from molmo_ground_ros.backends.base import BackendSettings, GenerateOptions
from molmo_ground_ros.backends.own_process import OwnProcessBackend
from support.clips import make_clip
backend = OwnProcessBackend('obedient', BackendSettings('m'), kept_bytes=1000, patience_s=9.0,
                            module='support.obedient_child')
arguments = make_clip(), GenerateOptions(), lambda *_: True
print(backend.generate(arguments[0], ['pid'], *arguments[1:])[0].text, flush=True)
if sys.argv[1] == 'busy':
    backend.generate(arguments[0], ['hang'], *arguments[1:])
time.sleep(1000)
"""


@pytest.mark.parametrize('doing', ['idle', 'busy'])
def test_child_ends_with_a_parent_that_is_killed(doing: str) -> None:
    path = os.pathsep.join(sys.path)
    parent = subprocess.Popen(
        [sys.executable, '-c', PARENT, doing],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': path},
    )
    assert parent.stdout is not None
    with parent:
        pid = int(parent.stdout.readline())
        assert Path(f'/proc/{pid}').exists()
        time.sleep(0.2)
        parent.kill()
    wait_for(lambda: is_over(pid))


def is_over(pid: int) -> bool:
    """Whether a process has ended; one whose new parent never asks for it stays as a zombie."""
    try:
        status = Path(f'/proc/{pid}/stat').read_text()
    except OSError:
        return True
    return status.rpartition(')')[2].split()[0] in 'ZX'


def test_kernel_ends_the_child_before_this_process_where_memory_runs_out(
    steady: OwnProcessBackend,
) -> None:
    (pid,) = ask(steady, 'pid')
    child, ours = (
        int(Path(f'/proc/{number}/oom_score_adj').read_text()) for number in (pid, 'self')
    )
    assert child > ours
