# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One POST and its reply, read by a thread, so that waiting for it can be given up at any time.

http.client, not a library: the core has numpy and OpenCV only, one request at a time needs neither
a pool nor HTTP/2, and no timeout of a library's would call `on_text` while it waits.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from molmo_ground_ros.backends.server.endpoint import Endpoint

MOST_AT_ONCE = 65_536  # bytes read at once, and of a refusal
_END = b''
# What connecting and reading raise; of host names that cannot be written it is UnicodeError.
FAILURES = (OSError, http.client.HTTPException, UnicodeError)


@dataclass(frozen=True, slots=True)
class Start:
    """The head of a reply; `words` is the body of one that is not 200."""

    status: int
    kind: str  # the content type
    retry_after: str
    words: str = ''


class Exchange:
    """A request under way. `next` gives a Start, then the bytes of the body, b'' at its end."""

    def __init__(
        self,
        endpoint: Endpoint,
        tls: ssl.SSLContext | None,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        """Send it, from a thread."""
        self._come: queue.SimpleQueue[Start | bytes | Exception] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None  # guarded by _lock
        self._closed = False  # guarded by _lock
        where = (endpoint.host, endpoint.port)
        # Once connected the socket's own timeout only ends a thread that nobody waits for.
        self._idle_s = max(endpoint.first_s, endpoint.between_s)
        connection = (
            http.client.HTTPConnection(*where, timeout=endpoint.connect_s)
            if tls is None
            else http.client.HTTPSConnection(*where, timeout=endpoint.connect_s, context=tls)
        )
        path = f'{endpoint.path}/chat/completions'
        threading.Thread(
            target=self._run,
            args=(connection, path, dict(headers), body),
            name='molmo_ground server reply',
            daemon=True,
        ).start()

    def next(self, timeout_s: float) -> Start | bytes:
        """What came next. Raises queue.Empty when nothing did.

        Raises what connecting or reading raised, too: one of FAILURES.
        """
        come = self._come.get(timeout=timeout_s)
        if isinstance(come, Exception):
            raise come
        return come

    def close(self) -> None:
        """Break the connection, as soon as there is one; its thread ends by itself."""
        with self._lock:
            self._closed = True
            if self._socket is not None:
                # The plain socket's: SSLSocket.shutdown takes TLS from under the reading thread.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _run(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        headers: dict[str, str],
        body: bytes,
    ) -> None:
        try:
            with contextlib.closing(connection):
                connection.connect()
                if self._opened(connection.sock):
                    connection.request('POST', path, body, headers)
                    with connection.getresponse() as response:
                        self._read(response)
        except FAILURES as err:
            self._come.put(err)

    def _opened(self, sock: socket.socket) -> bool:
        with self._lock:
            self._socket = sock
            sock.settimeout(self._idle_s)
            return not self._closed

    def _read(self, response: http.client.HTTPResponse) -> None:
        kind = response.headers.get_content_type()
        again = response.headers.get('Retry-After', '')
        if response.status != http.client.OK:
            words = response.read(MOST_AT_ONCE).decode('utf-8', 'replace')
            self._come.put(Start(response.status, kind, again, words))
            return
        self._come.put(Start(response.status, kind, again))
        while piece := response.read1(MOST_AT_ONCE):
            self._come.put(piece)
        self._come.put(_END)
