# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the child does with messages, on a thread of this process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.own_process import child
from molmo_ground_ros.backends.own_process.channel import Disconnected, JsonChannel
from molmo_ground_ros.backends.own_process.shared_frames import memory_file
from molmo_ground_ros.backends.replay import ReplayBackend

PATIENCE_S = 10.0
IMAGE = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
CLIP = {
    'camera': 'front', 'seconds': [0.0], 'start_ns': 5, 'end_ns': 5, 'frames_expected': 1,
    'max_new_tokens': 9,
}  # fmt: skip


class Noting(ReplayBackend):
    """Answers 'yes and no', and notes what it was shown."""

    def __init__(self) -> None:
        super().__init__(['yes and no'], repeat=True)
        self.calls: list[Any] = []

    def generate(self, clip: Any, *arguments: Any) -> Any:
        self.calls.append(clip)
        return super().generate(clip, *arguments)

    def prepare(self, camera: str, frame: Any) -> None:
        self.calls.append((camera, frame))

    def close(self) -> None:
        self.calls.append('close')


@pytest.fixture
def backend() -> Noting:
    return Noting()


@pytest.fixture
def channel(backend: Noting) -> Iterator[JsonChannel]:
    ours, theirs = socket.socketpair()
    channel = JsonChannel(ours)
    asked: list[Any] = []

    def load(*arguments: Any) -> Noting:
        asked.append(arguments)
        return backend

    thread = threading.Thread(target=child.serve, args=(JsonChannel(theirs), load))
    thread.start()
    settings = BackendSettings('m', threads=3)
    channel.send({'do': 'load', 'call': 1, 'backend': 'b', 'settings': asdict(settings)})
    assert channel.receive(PATIENCE_S) == {'result': 'replay'}
    assert asked == [('b', settings)]
    yield channel
    channel.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def send_image(channel: JsonChannel, number: int) -> None:
    file = memory_file(IMAGE)
    channel.send({'do': 'frame', 'number': number, 'shape': list(IMAGE.shape)}, [file])
    os.close(file)


def test_clip_is_made_of_the_frames_that_were_sent(channel: JsonChannel, backend: Noting) -> None:
    send_image(channel, 4)
    frames = [[4, 5, 'optical']]
    channel.send({'do': 'generate', 'call': 2, 'frames': frames, 'prompts': ['Is it?'], **CLIP})
    replies = [channel.receive(PATIENCE_S) for _ in range(6)]
    assert [reply['text'] for reply in replies[:5] if reply] == [
        [0, text] for text in ('yes', ' ', 'and', ' ', 'no')
    ]
    assert replies[5] == {'result': [['yes and no', [], False, False]]}
    (clip,) = backend.calls
    assert (clip.camera, clip.seconds, clip.start_ns, clip.end_ns) == ('front', (0.0,), 5, 5)
    assert (clip.frames[0].stamp_ns, clip.frames[0].frame_id) == (5, 'optical')
    assert np.array_equal(clip.frames[0].image, IMAGE)


def test_image_that_was_dropped_is_an_error_of_the_call_alone(
    channel: JsonChannel, backend: Noting
) -> None:
    send_image(channel, 4)
    channel.send({'do': 'drop', 'numbers': [4, 9]})
    prepare = {'do': 'prepare', 'call': 2, 'camera': 'left', 'frames': [[4, 5, '']]}
    channel.send(prepare)
    reply = channel.receive(PATIENCE_S)
    assert reply is not None
    assert reply['error']['message'] == 'KeyError: 4'
    send_image(channel, 4)
    channel.send(prepare)
    assert channel.receive(PATIENCE_S) == {'result': None}
    assert backend.calls[0][0] == 'left'


def test_stop_of_an_earlier_call_stops_nothing(channel: JsonChannel) -> None:
    channel.send({'do': 'stop', 'call': 1, 'index': 0})
    call = {'do': 'generate', 'call': 2, 'frames': [], 'prompts': ['Is it?'], **CLIP}
    channel.send(call)
    channel.send({'do': 'stop', 'call': 1, 'index': 0})
    replies = [channel.receive(PATIENCE_S) for _ in range(6)]
    assert replies[5] == {'result': [['yes and no', [], False, False]]}


def test_stop_ends_the_prompt_at_the_next_token(channel: JsonChannel) -> None:
    call = {'do': 'generate', 'call': 2, 'frames': [], 'prompts': ['Is it?'], **CLIP}
    channel.send({**call, 'call': 3})
    channel.send({'do': 'stop', 'call': 3, 'index': 0})
    replies = iter(lambda: channel.receive(PATIENCE_S), None)
    result = next(reply['result'] for reply in replies if reply and 'result' in reply)
    # The stop may come after some tokens.
    assert result[0][3] or result[0][0] == 'yes and no'


def test_close_closes_the_backend_and_ends(channel: JsonChannel, backend: Noting) -> None:
    channel.send({'do': 'close'})
    with pytest.raises(Disconnected):
        channel.receive(PATIENCE_S)
    assert backend.calls == ['close']


def test_child_whose_parent_is_another_ends_at_once() -> None:
    ours, theirs = socket.socketpair()
    command = [sys.executable, '-m', child.__name__, str(theirs.fileno()), '1']
    done = subprocess.run(command, pass_fds=(theirs.fileno(),), check=False, timeout=60)
    assert done.returncode == 1
    ours.close()
    theirs.close()


def test_frames_that_a_context_takes_are_told(channel: JsonChannel, backend: Noting):
    channel.send({'do': 'most_frames', 'call': 2, 'frames': []})
    assert channel.receive(PATIENCE_S) == {'result': 127}
    backend.most_frames = lambda: 33  # type: ignore[attr-defined]
    channel.send({'do': 'most_frames', 'call': 3, 'frames': []})
    assert channel.receive(PATIENCE_S) == {'result': 33}
