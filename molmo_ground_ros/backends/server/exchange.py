# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sends one request and reads the reply in a thread: the caller can stop waiting at any time.

It uses http.client because the core of the package needs only numpy and OpenCV, because one request
at a time needs neither a pool of connections nor HTTP/2, and because no HTTP library would call
`on_text` while it waits.
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

# Bytes that are read at once, and of the body of a refusal.
MOST_AT_ONCE = 65_536
_END = b''
# What connecting and reading raise. UnicodeError is for host names that cannot be encoded.
FAILURES = (OSError, http.client.HTTPException, UnicodeError)


@dataclass(frozen=True, slots=True)
class Start:
    """The head of a reply.

    kind: the content type. words: the body, of a reply whose status is not 200.
    """

    status: int
    kind: str
    retry_after: str
    words: str = ''


class Exchange:
    """A request in progress.

    `next` returns a Start, then the bytes of the body, and b'' at its end.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        tls: ssl.SSLContext | None,
        headers: Mapping[str, str],
        body: bytes,
        path: str = '',
    ) -> None:
        """Start the thread that sends the request and reads the reply.

        path: '' is that of the chat. Without a body the request is a GET.
        """
        self._received: queue.SimpleQueue[Start | bytes | Exception] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None  # guarded by _lock
        self._closed = False  # guarded by _lock
        where = (endpoint.host, endpoint.port)
        # After connecting, the socket's timeout only serves to end a thread that nobody waits for.
        self._idle_s = max(endpoint.first_s, endpoint.between_s)
        connection = (
            http.client.HTTPConnection(*where, timeout=endpoint.connect_s)
            if tls is None
            else http.client.HTTPSConnection(*where, timeout=endpoint.connect_s, context=tls)
        )
        path = path or f'{endpoint.path}/chat/completions'
        threading.Thread(
            target=self._run,
            args=(connection, path, dict(headers), body),
            name='molmo_ground server reply',
            daemon=True,
        ).start()

    def next(self, timeout_s: float) -> Start | bytes:
        """The next part of the reply. Raises queue.Empty if none arrives within `timeout_s`.

        Raises the error of the connection, one of FAILURES, if it failed.
        """
        received = self._received.get(timeout=timeout_s)
        if isinstance(received, Exception):
            raise received
        return received

    def close(self) -> None:
        """Close the connection, now or as soon as it is open. The thread then ends."""
        with self._lock:
            self._closed = True
            if self._socket is not None:
                # socket.socket's own method: SSLSocket.shutdown would drop the TLS object that the
                # reading thread still uses.
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
                    connection.request('POST' if body else 'GET', path, body, headers)
                    with connection.getresponse() as response:
                        self._read(response)
        except FAILURES as err:
            self._received.put(err)

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
            self._received.put(Start(response.status, kind, again, words))
            return
        self._received.put(Start(response.status, kind, again))
        while piece := response.read1(MOST_AT_ONCE):
            self._received.put(piece)
        self._received.put(_END)
