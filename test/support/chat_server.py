# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A chat server on loopback that does what a test scripts, and keeps what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Scripted = Callable[['Handler'], None]


class Handler(BaseHTTPRequestHandler):
    """One request; the script writes the reply."""

    protocol_version = 'HTTP/1.1'
    server: ChatServer

    def do_POST(self):
        self.body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        self.server.requests.append(self.body)
        self.server.headers.append(dict(self.headers))
        self.server.paths.append(self.path)
        self.close_connection = True
        self.server.scripts.pop(0)(self)

    def do_GET(self):
        self.close_connection = True
        page = self.server.pages.get(self.path)
        self.refuse(200, json.dumps(page)) if page is not None else self.refuse(404, 'Not Found')

    def log_message(self, *_):
        pass

    def refuse(self, status: int, words: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(words)))
        self.end_headers()
        self.wfile.write(words.encode())

    def start(self, kind: str = 'text/event-stream; charset=utf-8') -> None:
        """The head of a chunked reply."""
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()

    def send(self, data: bytes) -> None:
        self.wfile.write(b'%x\r\n%s\r\n' % (len(data), data))
        self.wfile.flush()

    def event(self, data: Any) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        self.send(f'data: {text}\n\n'.encode())

    def end(self) -> None:
        self.wfile.write(b'0\r\n\r\n')


class ChatServer(ThreadingHTTPServer):
    """Answers the nth request by the nth script. Use as a context manager."""

    daemon_threads = True

    def __init__(self, *scripts: Scripted, certificate: Path | None = None) -> None:
        super().__init__(('127.0.0.1', 0), Handler)
        self.scripts = list(scripts)
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.pages: dict[str, Any] = {}  # by path: what a GET is answered with
        self.failed: list[str] = []  # connections that ended in an error of TLS
        self._scheme = 'https' if certificate else 'http'
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request, client_address):
        self.failed.append('connection')

    def model(self, options: str = '', name: str = 'lab/molmo2') -> str:
        """The setting `model` for this server."""
        return f'{self._scheme}://127.0.0.1:{self.server_port}/v1{options}#{name}'


def chunk(text: str = '', finish: str | None = None, logprobs: Any = None) -> dict[str, Any]:
    """A chunk of an answer; logprobs: (token, logprob) pairs."""
    choice: dict[str, Any] = {'index': 0, 'delta': {'content': text}, 'finish_reason': finish}
    if logprobs is not None:
        entries = [{'token': token, 'logprob': value} for token, value in logprobs]
        choice['logprobs'] = {'content': entries}
    return {'object': 'chat.completion.chunk', 'choices': [choice]}


def says(*chunks: Any, done: bool = True) -> Scripted:
    """A script that streams these chunks and ends as it should."""

    def script(handler: Handler) -> None:
        handler.start()
        for one in chunks:
            handler.event(one)
        if done:
            handler.event('[DONE]')
        handler.end()

    return script


def refuses(status: int, words: str = '{"error": {"message": "no"}}', **headers: str) -> Scripted:
    """A script that answers with a status and no stream."""
    return lambda handler: handler.refuse(status, words, **headers)
