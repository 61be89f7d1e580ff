# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The backend `server`: sends questions to a server, and reads the answers as they are generated.

A request is sent again only while the server has not begun to work on it. Tested with `transformers
serve` 5.23, and with vLLM 0.32 on a CPU (docs/server.md), both with the tabletop model.
"""

from __future__ import annotations

import http.client
import logging
import queue
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from molmo_ground_ros.backends.base import (
    BackendSettings,
    GenerateOptions,
    Generation,
    OnText,
    Token,
)
from molmo_ground_ros.backends.features import Fingerprints
from molmo_ground_ros.backends.server.advice import advised
from molmo_ground_ros.backends.server.connection_check import ConnectionCheck
from molmo_ground_ros.backends.server.endpoint import KEY_VARIABLE, Endpoint, read_key
from molmo_ground_ros.backends.server.events import (
    BadEvent,
    Piece,
    StreamEvents,
    error_text,
    read_chunk,
)
from molmo_ground_ros.backends.server.exchange import FAILURES, Exchange, Start
from molmo_ground_ros.backends.server.request import EncodedFrame, body, encode
from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.storage.lru import LruCache
from molmo_ground_ros.types import Clip, Frame

# While it waits, `on_text` is asked so often whether to go on.
POLL_S = 0.1
# The pause before a request is sent again doubles from the first to the longest.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# Too many requests; service unavailable.
BUSY = (429, 503)
# How long closing waits for the check of the connection: it is to warn after one question, too.
CHECK_S = 2.0
STREAM = 'text/event-stream'
_log = logging.getLogger(__name__)


class _RequestNotStarted(Exception):
    """The server has not begun to work on the request, so it may be sent again."""

    def __init__(self, why: str, after: str = '') -> None:
        self.pause_s = min(float(after), LONGEST_PAUSE_S) if after.isdecimal() else None
        super().__init__(why)


class _Stopped(Exception):
    """`on_text` returned False."""


@dataclass(slots=True)
class _PartialAnswer:
    """The answer as far as it has arrived."""

    text: str = ''
    tokens: tuple[Token, ...] = ()
    # Whether every piece of text came with log-probabilities.
    has_logprobs: bool = True
    finish: str = ''

    def add(self, piece: Piece) -> None:
        self.text += piece.text
        self.tokens += piece.tokens
        self.has_logprobs = self.has_logprobs and (bool(piece.tokens) or not piece.text)
        self.finish = piece.finish or self.finish

    def generation(self, *, stopped: bool) -> Generation:
        tokens = self.tokens if self.has_logprobs else ()
        # vLLM reports the token that ends the answer too, with no text of its own.
        while tokens and not tokens[-1].text:
            tokens = tokens[:-1]
        return Generation(
            text=self.text,
            tokens=tokens,
            truncated=not stopped and self.finish == 'length',
            stopped=stopped,
        )


class ServerBackend:
    """One model of one server. Opens no connection before the first question.

    `device`, `dtype` and `threads` are ignored: they are settings of the server. Raises BadModel
    for a bad address, BadSetting for a bad key.
    """

    def __init__(self, settings: BackendSettings) -> None:
        self._endpoint = Endpoint.parse(settings.model)
        self.model = self._endpoint.model
        self._tls = self._endpoint.tls()
        self._key = read_key()
        if self._key and self._tls is None:
            _log.warning('%s goes unencrypted to %s', KEY_VARIABLE, self._endpoint.address)
        self._check_connection = ConnectionCheck(settings.model)
        self._fingerprints = Fingerprints()
        self._written: LruCache[bytes, EncodedFrame] = LruCache(settings.savings.feature_bytes)

    def generate(
        self,
        clip: Clip,
        prompts: Sequence[str],
        options: GenerateOptions,
        on_text: OnText,
    ) -> list[Generation]:
        """Send each prompt in turn. While it waits, `on_text` is called every POLL_S.

        Raises BackendError for an empty clip, and for a server that cannot be reached, refuses,
        stalls or breaks off; the message quotes the server and says what to do. A later call is
        not affected.
        """
        if not clip.frames:
            raise BackendError(f"the clip of camera '{clip.camera}' holds no frames")
        images = [self._encoded(frame) for frame in clip.frames]
        limit = options.max_new_tokens
        return [
            self._ask(
                body(self._endpoint, images, clip.seconds, prompt, limit),
                partial(on_text, i),
            )
            for i, prompt in enumerate(prompts)
        ]

    def prepare(self, camera: str, frame: Frame) -> None:  # noqa: ARG002
        """Write a frame as an image file, so that a later question need not."""
        self._encoded(frame)

    def close(self) -> None:
        """Drop the encoded images. No connection is open between questions."""
        self._check_connection.wait(CHECK_S)
        self._written.clear()

    def _encoded(self, frame: Frame) -> EncodedFrame:
        key = self._fingerprints.of(frame.image)
        written = self._written.get(key)
        if written is None:
            written = encode(frame.image, self._endpoint.frames)
            self._written.put(key, written)
        return written

    def _ask(self, request: bytes, on_text: Callable[[str], bool]) -> Generation:
        """Send one question, and again as long as the server has not begun to work on it."""
        pause_s, left = FIRST_PAUSE_S, self._endpoint.retries
        while True:
            answer = _PartialAnswer()
            try:
                self._try(request, answer, on_text)
                return answer.generation(stopped=False)
            except _Stopped:
                return answer.generation(stopped=True)
            except _RequestNotStarted as err:
                if not left:
                    raise BackendError(str(err)) from err
                wait_s = pause_s if err.pause_s is None else err.pause_s
                _log.info('%s; trying again in %.1f s', err, wait_s)
            if not _pause(wait_s, on_text):
                return answer.generation(stopped=True)
            pause_s, left = min(2 * pause_s, LONGEST_PAUSE_S), left - 1

    def _try(self, request: bytes, answer: _PartialAnswer, on_text: Callable[[str], bool]) -> None:
        """Send the request once, and read the reply into `answer`."""
        headers = {'Content-Type': 'application/json', 'Accept': STREAM}
        if self._key:
            headers['Authorization'] = f'Bearer {self._key}'
        exchange = Exchange(self._endpoint, self._tls, headers, request)
        try:
            self._read(exchange, answer, on_text)
        except ConnectionRefusedError as err:
            raise _RequestNotStarted(self._message('refuses the connection')) from err
        except ssl.SSLCertVerificationError as err:
            why = f'its certificate is not trusted: {err.verify_message}'
            raise BackendError(self._message(f'{why}; ?ca=FILE names its CA')) from err
        except FAILURES as err:
            raise BackendError(self._message(f'the connection failed: {err!r}')) from err
        except BadEvent as err:
            raise BackendError(self._message(f'sent {err}')) from err
        finally:
            exchange.close()

    def _read(
        self, exchange: Exchange, answer: _PartialAnswer, on_text: Callable[[str], bool]
    ) -> None:
        """Read the reply up to the end of the answer."""
        events = StreamEvents()
        limit_s, awaited = self._endpoint.first_s, 'its first token'
        deadline = time.monotonic() + limit_s
        while not answer.finish:
            received = _next(exchange, deadline, on_text)
            if received is None:
                raise BackendError(self._message(f'{awaited} did not come within {limit_s:g} s'))
            if isinstance(received, Start):
                self._check(received)
                self._check_connection.start()
                continue
            if not received:
                raise BackendError(self._message(f'broke off after {len(answer.text)} characters'))
            for event in events.feed(received):
                piece = read_chunk(event)
                answer.add(piece)
                if piece.text or piece.tokens:
                    limit_s, awaited = self._endpoint.between_s, 'its next token'
                    deadline = time.monotonic() + limit_s
                    if not on_text(piece.text):
                        raise _Stopped
        if answer.finish not in ('stop', 'length'):
            raise BackendError(self._message(f"ended the answer with '{answer.finish}'"))

    def _check(self, head: Start) -> None:
        """Raise BackendError or _RequestNotStarted unless an answer's stream follows this head."""
        words = advised(error_text(head.words), head.status)
        if head.status in BUSY:
            message = self._message(f'is busy ({head.status}): {words}')
            raise _RequestNotStarted(message, head.retry_after)
        if head.status == http.client.UNAUTHORIZED:
            complaint = 'refuses the key' if self._key else 'wants a key'
            raise BackendError(self._message(f'{complaint} of {KEY_VARIABLE} (401): {words}'))
        if head.status != http.client.OK:
            raise BackendError(self._message(f'answers {head.status}: {words}'))
        if head.kind != STREAM:
            raise BackendError(self._message(f"sends '{head.kind}', not an event stream"))

    def _message(self, problem: str) -> str:
        """A message about this server, in which the key is hidden if the server repeats it."""
        text = problem.replace(self._key, '***') if self._key else problem
        return f'{self._endpoint.address}: {text}'


def _next(
    exchange: Exchange, deadline: float, on_text: Callable[[str], bool]
) -> Start | bytes | None:
    """The next part of the reply; None at the deadline. Raises _Stopped if `on_text` is False."""
    while (left_s := deadline - time.monotonic()) > 0:
        try:
            return exchange.next(min(left_s, POLL_S))
        except queue.Empty:
            if not on_text(''):
                raise _Stopped from None
    return None


def _pause(seconds: float, on_text: Callable[[str], bool]) -> bool:
    """Wait for some seconds; returns False as soon as `on_text` does."""
    deadline = time.monotonic() + seconds
    while (left_s := deadline - time.monotonic()) > 0:
        time.sleep(min(left_s, POLL_S))
        if not on_text(''):
            return False
    return True
