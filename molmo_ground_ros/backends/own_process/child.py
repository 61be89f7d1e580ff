# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the child runs: `python -m ...own_process.child SOCKET PARENT`.

Loads the backend that it is told to, and answers one call at a time. It ends with its parent,
whatever ends that: the kernel sends SIGKILL, and the connection closes.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.base import (
    Backend,
    BackendSettings,
    Bounded,
    GenerateOptions,
    Savings,
)
from molmo_ground_ros.backends.own_process.channel import Disconnected, JsonChannel, Message
from molmo_ground_ros.backends.own_process.shared_frames import map_image
from molmo_ground_ros.backends.own_process.values import error_value, generation_value
from molmo_ground_ros.backends.registry import load
from molmo_ground_ros.frames.windows import MAX_FRAMES
from molmo_ground_ros.types import Clip, Frame

Load = Callable[[str, BackendSettings], Backend]

# <sys/prctl.h>
_PR_SET_PDEATHSIG = 1
# Where memory runs out, the kernel ends this process before it ends the node (0) and others.
_OOM_SCORE_ADJ = '500'


def main(arguments: Sequence[str], load_backend: Load = load) -> int:
    """Serve the socket whose descriptor is the first argument, until it closes."""
    descriptor, parent = map(int, arguments)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # The parent ended before the kernel was told to tell of it.
        return 1
    # Ctrl-C reaches every process of a terminal. The parent then closes the connection.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    with suppress(OSError):
        Path('/proc/self/oom_score_adj').write_text(_OOM_SCORE_ADJ)
    serve(JsonChannel(socket.socket(fileno=descriptor)), load_backend)
    return 0


def serve(channel: JsonChannel, load_backend: Load = load) -> None:
    """Answer calls until the other end closes the connection or asks to close."""
    server = ModelServer(channel, load_backend)
    with suppress(Disconnected):
        while server.answer_next():
            pass
    channel.close()


class ModelServer:
    """Answers calls with a backend, which the first call loads."""

    def __init__(self, channel: JsonChannel, load_backend: Load) -> None:
        """Take the connection to the parent."""
        self._channel = channel
        self._load = load_backend
        self._backend: Backend | None = None
        self._images: dict[int, NDArray[np.uint8]] = {}
        # Of the call that is answered now.
        self._call = 0
        self._stopped: set[int] = set()

    def answer_next(self) -> bool:
        """Take the next message and do what it says; False once it was to close."""
        message = self._channel.receive(None)
        assert message is not None
        does: dict[str, Callable[[Message], Any]] = {
            'load': self._do_load,
            'prepare': self._do_prepare,
            'generate': self._do_generate,
            'most_frames': self._do_most_frames,
        }
        match message['do']:
            case 'frame':
                image = map_image(self._channel.take_file(), message['shape'])
                self._images[message['number']] = image
            case 'drop':
                for number in message['numbers']:
                    self._images.pop(number, None)
            case 'stop':
                # The call that it means has ended meanwhile.
                pass
            case 'close':
                if self._backend is not None:
                    self._backend.close()
                return False
            case name:
                self._answer(message['call'], lambda: does[name](message))
        return True

    def _answer(self, call: int, work: Callable[[], Any]) -> None:
        self._call = call
        self._stopped.clear()
        try:
            reply = {'result': work()}
        except Disconnected:
            raise
        except BaseException as error:  # noqa: BLE001 - a backend runs code that is not ours
            reply = {'error': error_value(error)}
        self._channel.send(reply)

    def _do_load(self, message: Message) -> str:
        fields = message['settings']
        savings = Savings(**fields.pop('savings'))
        settings = BackendSettings(**fields, savings=savings)
        self._backend = self._load(message['backend'], settings)
        return self._backend.model

    def _do_prepare(self, message: Message) -> None:
        assert self._backend is not None
        self._backend.prepare(message['camera'], self._frame(message['frames'][0]))

    def _do_most_frames(self, _: Message) -> int:
        backend: object = self._backend
        return backend.most_frames() if isinstance(backend, Bounded) else MAX_FRAMES

    def _do_generate(self, message: Message) -> list[Any]:
        assert self._backend is not None
        clip = Clip(
            camera=message['camera'],
            frames=tuple(self._frame(frame) for frame in message['frames']),
            seconds=tuple(message['seconds']),
            start_ns=message['start_ns'],
            end_ns=message['end_ns'],
            frames_expected=message['frames_expected'],
        )
        options = GenerateOptions(message['max_new_tokens'])
        generations = self._backend.generate(clip, message['prompts'], options, self._on_text)
        return [generation_value(generation) for generation in generations]

    def _frame(self, fields: list[Any]) -> Frame:
        number, stamp_ns, frame_id = fields
        return Frame(stamp_ns, self._images[number], frame_id)

    def _on_text(self, index: int, text: str) -> bool:
        """Send text; whether the parent has not stopped this prompt up to now."""
        self._channel.send({'text': [index, text]})
        # Nothing else comes during a call.
        while (message := self._channel.receive(0)) is not None:
            if message['call'] == self._call:
                self._stopped.add(message['index'])
        return index not in self._stopped


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
