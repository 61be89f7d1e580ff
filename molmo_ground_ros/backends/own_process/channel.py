# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages between two processes: one JSON object a line, with open files beside them.

JSON and not pickle: what a broken or hostile model makes of its process can then name no class and
run no code in this one. A frame is never in a message, so the messages are small.
"""

from __future__ import annotations

import json
import os
import select
import socket
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

Message = dict[str, Any]

# Of a read: longer messages take several.
_READ_BYTES = 1 << 16
# Linux passes at most 253 at once; a message of ours carries one.
_MOST_FILES = 16


class Disconnected(Exception):
    """The other end of a channel is gone, or sends what is no message."""

    def __init__(self, it: str = 'closed its connection') -> None:
        self.it = it
        super().__init__(f'the other end {it}')


class JsonChannel:
    """One end of a connection. For one thread at a time.

    Every method raises Disconnected once the other end is gone, and TimeoutError where that has not
    taken a message within `send_timeout_s`.
    """

    def __init__(self, end: socket.socket, send_timeout_s: float | None = None) -> None:
        """Take a connected Unix socket, which `close` closes."""
        end.settimeout(send_timeout_s)
        self._socket = end
        self._poll = select.poll()
        self._poll.register(end, select.POLLIN)
        self._unread = b''
        self._lines: deque[bytes] = deque()
        self._files: deque[int] = deque()

    def send(self, message: Mapping[str, object], files: Sequence[int] = ()) -> None:
        """Send a message of plain values. The receiver gets its own descriptors of the files."""
        line = json.dumps(message).encode() + b'\n'
        try:
            line = line[socket.send_fds(self._socket, [line], list(files)) :]
            # The other end may have read the message, and closed, by now.
            if line:
                self._socket.sendall(line)
        except TimeoutError:
            raise
        except OSError as err:
            raise Disconnected from err

    def receive(self, timeout_s: float | None) -> Message | None:
        """The next message; None if none came within that time. None as the time waits for ever."""
        while not self._lines:
            if not self._poll.poll(None if timeout_s is None else timeout_s * 1000):
                return None
            self._read()
        try:
            message = json.loads(self._lines.popleft())
        except ValueError as err:
            raise Disconnected('sent what is no message') from err
        if not isinstance(message, dict):
            raise Disconnected('sent what is no message')
        return message

    def take_file(self) -> int:
        """The next file that came: files arrive in the order of their messages. Close it."""
        return self._files.popleft()

    def close(self) -> None:
        """Close this end, and files that nobody took."""
        self._socket.close()
        while self._files:
            os.close(self._files.popleft())

    def _read(self) -> None:
        try:
            piece, files, _, _ = socket.recv_fds(self._socket, _READ_BYTES, _MOST_FILES)
        except OSError as err:
            raise Disconnected from err
        for file in files:
            # recv_fds of Python 3.11 takes no notice of MSG_CMSG_CLOEXEC.
            os.set_inheritable(file, False)
        self._files.extend(files)
        if not piece:
            raise Disconnected
        *lines, self._unread = (self._unread + piece).split(b'\n')
        self._lines.extend(lines)
