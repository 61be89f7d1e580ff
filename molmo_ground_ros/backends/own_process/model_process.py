# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One child process that runs a backend: its start, its calls and its end."""

from __future__ import annotations

import dataclasses
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.own_process.channel import Disconnected, JsonChannel, Message
from molmo_ground_ros.backends.own_process.death import ModelProcessDied, died, oom_kills
from molmo_ground_ros.backends.own_process.shared_frames import SentFrames, memory_file
from molmo_ground_ros.backends.own_process.values import error_of
from molmo_ground_ros.errors import BackendError, GroundError
from molmo_ground_ros.types import Frame

_log = logging.getLogger(__name__)

CHILD = 'molmo_ground_ros.backends.own_process.child'
# How often a call that waits for the child looks at what else there is to do.
POLL_S = 0.1
# A child reads when it is not in a call, so one that takes no message for so long is stuck.
_SEND_TIMEOUT_S = 10.0
# How long a process may take to end after it closed its connection.
_END_TIMEOUT_S = 2.0


class ModelProcess:
    """A child process. `end` and `wait` may be called from any thread, all else from one."""

    def __init__(self, kept_bytes: int, module: str = CHILD) -> None:
        """Start the process, which loads nothing yet. Raises BackendError if it cannot start.

        kept_bytes: of images that the child may keep. module: what it runs. It ends with the
        thread that calls this: Linux takes that thread for its parent.
        """
        self._kernel_kills = oom_kills()
        try:
            self._process, connection = _start(module)
        except OSError as err:
            raise BackendError(f"the model's process cannot be started: {err}") from err
        self._channel = JsonChannel(connection, _SEND_TIMEOUT_S)
        self._sent = SentFrames(kept_bytes)
        # Held while a call is open.
        self._calling = threading.Lock()
        # The number of the newest call, and whether the child has ended it.
        self._call = 0
        self._replied = True
        self._released = False
        # Why this process ended the child; '' if it did not.
        self._ended_because = ''
        self._death: ModelProcessDied | None = None

    @property
    def pid(self) -> int:
        """Of the child."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the child is no more, or about to end."""
        return bool(self._ended_because) or self._process.poll() is not None

    def load(self, backend: str, settings: BackendSettings) -> str:
        """Load a backend, which may take minutes; returns the model's name.

        Raises what loading raises there, and ModelProcessDied.
        """
        fields = dataclasses.asdict(settings)
        with self.call('load', backend=backend, settings=fields) as replies:
            name: str = next(reply['result'] for reply in replies if reply is not None)
        return name

    @contextmanager
    def call(
        self, what: str, frames: Sequence[Frame] = (), **fields: Any
    ) -> Iterator[Iterator[Message | None]]:
        """Make a call; gives its replies, the last of which holds 'result'.

        frames: named in the message, and sent before it where the child has not got them yet. None
        stands for POLL_S without a reply. Raises the error that the backend raised, and
        ModelProcessDied. A call that is left before its end costs the process.
        """
        with self._calling:
            if self._released:
                raise self.wait()
            try:
                self._begin(what, frames, fields)
                yield self._replies()
            except TimeoutError:
                self.end(f'took no message for {_SEND_TIMEOUT_S:g} s')
                raise self.wait() from None
            except Disconnected as error:
                raise self._wait_death(error.it) from None
            finally:
                if not self._replied:
                    self.end('was in a call that was given up')

    def stop(self, index: int) -> None:
        """Let the call that is open end its prompt of this index at the next token."""
        self._channel.send({'do': 'stop', 'call': self._call, 'index': index})

    def close(self, timeout_s: float) -> None:
        """Let the backend close, for so long at most, and end the process."""
        with self._calling, suppress(Disconnected, TimeoutError, subprocess.TimeoutExpired):
            self._channel.send({'do': 'close'})
            self._process.wait(timeout_s)
        self.end('was closed')

    def end(self, because: str) -> None:
        """End the process at once, if it has not ended. because: '... it BECAUSE', for messages."""
        if self._process.poll() is None:
            self._ended_because = self._ended_because or because
            self._process.kill()

    def wait(self, timeout_s: float | None = None) -> ModelProcessDied:
        """Wait until the process has ended; says how. Raises subprocess.TimeoutExpired."""
        returncode = self._process.wait(timeout_s)
        if self._death is None:
            kills = oom_kills() - self._kernel_kills
            self._death = died(returncode, self._ended_because, kills)
        return self._death

    def release(self) -> None:
        """Close the connection to a process that has ended."""
        with self._calling:
            self._released = True
            self._channel.close()

    def _wait_death(self, because: str) -> ModelProcessDied:
        """How the process ended with which nothing can be exchanged; ends it if it goes on."""
        try:
            return self.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.end(because)
            return self.wait()

    def _begin(self, what: str, frames: Sequence[Frame], fields: dict[str, Any]) -> None:
        named = self._send_frames(frames)
        self._call += 1
        self._channel.send({'do': what, 'call': self._call, 'frames': named, **fields})
        self._replied = False

    def _replies(self) -> Iterator[Message | None]:
        while not self._replied:
            reply = self._channel.receive(POLL_S)
            if reply is not None and 'error' in reply:
                error = _error(reply['error'])
                self._replied = True
                raise error
            self._replied = reply is not None and 'result' in reply
            yield reply

    def _send_frames(self, frames: Sequence[Frame]) -> list[list[Any]]:
        """Send the images that the child has not got; returns what names each frame to it."""
        named: list[list[Any]] = []
        for frame in frames:
            number = self._sent.number_of(frame.image)
            if number is None:
                number = self._send_image(frame)
            named.append([number, frame.stamp_ns, frame.frame_id])
        dropped = self._sent.dropped({number for number, *_ in named})
        if dropped:
            self._channel.send({'do': 'drop', 'numbers': dropped})
        return named

    def _send_image(self, frame: Frame) -> int:
        try:
            file = memory_file(frame.image)
        except OSError as err:
            raise BackendError(f"a frame cannot be sent to the model's process: {err}") from err
        try:
            number = self._sent.add(frame.image)
            shape = list(frame.image.shape)
            self._channel.send({'do': 'frame', 'number': number, 'shape': shape}, [file])
        finally:
            os.close(file)
        return number


def _start(module: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start Python anew: a forked copy of a process with threads may hang, and CUDA takes none.

    Returns the process and our end of its connection. Raises OSError.
    """
    # The child imports what this process would; with -P nothing from the current folder.
    path = os.pathsep.join(os.path.abspath(folder) for folder in sys.path)  # noqa: PTH100
    ours, theirs = socket.socketpair()
    with theirs:
        descriptor = theirs.fileno()
        try:
            process = subprocess.Popen(
                [sys.executable, '-P', '-m', module, str(descriptor), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                pass_fds=(descriptor,),
                env={**os.environ, 'PYTHONPATH': path},
            )
        except OSError:
            ours.close()
            raise
    return process, ours


def _error(value: dict[str, Any]) -> GroundError:
    if value['trace']:
        _log.error("in the model's process: %s", value['trace'])
    return error_of(value)
