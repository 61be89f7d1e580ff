# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers from a server: asks, waits, tries again where that is safe, and gives up where it is not.

Ran against `transformers serve` 5.23 with the tabletop model; never against vLLM, whose side is
written from its source.
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
from molmo_ground_ros.backends.server.endpoint import KEY_VARIABLE, Endpoint, read_key
from molmo_ground_ros.backends.server.events import (
    BadEvent,
    Piece,
    StreamEvents,
    read_chunk,
    words_of,
)
from molmo_ground_ros.backends.server.exchange import FAILURES, Exchange, Start
from molmo_ground_ros.backends.server.request import Jpeg, body, encode
from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.storage.lru import LruCache
from molmo_ground_ros.types import Clip, Frame

POLL_S = 0.1  # between two looks at whether the answer is still wanted
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0  # before trying again, doubling
BUSY = (429, 503)  # too many requests, service unavailable
STREAM = 'text/event-stream'
_log = logging.getLogger(__name__)


class _NotBegun(Exception):
    """The server did not take the request: it may be sent again."""

    def __init__(self, why: str, after: str = '') -> None:
        self.pause_s = min(float(after), LONGEST_PAUSE_S) if after.isdecimal() else None
        super().__init__(why)


class _Unwanted(Exception):
    """`on_text` returned False."""


@dataclass(slots=True)
class _Answer:
    """What came so far."""

    text: str = ''
    tokens: tuple[Token, ...] = ()
    known: bool = True  # every piece of text came with its log-probabilities
    finish: str = ''

    def add(self, piece: Piece) -> None:
        self.text += piece.text
        self.tokens += piece.tokens
        self.known = self.known and (bool(piece.tokens) or not piece.text)
        self.finish = piece.finish or self.finish

    def generation(self, *, stopped: bool) -> Generation:
        return Generation(
            text=self.text,
            tokens=self.tokens if self.known else (),
            truncated=not stopped and self.finish == 'length',
            stopped=stopped,
        )


class ServerBackend:
    """One model of one server. Opens no connection before the first question.

    `device`, `dtype` and `threads` are the server's own affair and not looked at. Raises BadModel
    for a bad address, BadSetting for a bad key.
    """

    def __init__(self, settings: BackendSettings) -> None:
        self._endpoint = Endpoint.parse(settings.model)
        self.model = self._endpoint.model
        self._tls = self._endpoint.tls()
        self._key = read_key()
        if self._key and self._tls is None:
            _log.warning('%s goes unencrypted to %s', KEY_VARIABLE, self._endpoint.address)
        self._fingerprints = Fingerprints()
        self._pictures: LruCache[bytes, Jpeg] = LruCache(settings.savings.feature_bytes)

    def generate(
        self,
        clip: Clip,
        prompts: Sequence[str],
        options: GenerateOptions,
        on_text: OnText,
    ) -> list[Generation]:
        """Ask each prompt, one after the other. `on_text` is called every POLL_S while it waits.

        Raises BackendError for an empty clip, a server that cannot be reached, refuses, stalls or
        breaks off, with its words shortened; the next call starts afresh.
        """
        if not clip.frames:
            raise BackendError(f"the clip of camera '{clip.camera}' holds no frames")
        pictures = [self._encoded(frame) for frame in clip.frames]
        limit = options.max_new_tokens
        return [
            self._ask(
                body(self._endpoint, pictures, clip.seconds, prompt, limit),
                partial(on_text, i),
            )
            for i, prompt in enumerate(prompts)
        ]

    def prepare(self, camera: str, frame: Frame) -> None:  # noqa: ARG002
        """Write a frame as JPEG now, so that a later question finds it."""
        self._encoded(frame)

    def close(self) -> None:
        """Drop the pictures; connections end with their question."""
        self._pictures.clear()

    def _encoded(self, frame: Frame) -> Jpeg:
        key = self._fingerprints.of(frame.image)
        picture = self._pictures.get(key)
        if picture is None:
            picture = encode(frame.image)
            self._pictures.put(key, picture)
        return picture

    def _ask(self, request: bytes, wanted: Callable[[str], bool]) -> Generation:
        """One question, sent again while the server does not begin it."""
        pause_s, left = FIRST_PAUSE_S, self._endpoint.retries
        while True:
            answer = _Answer()
            try:
                self._try(request, answer, wanted)
                return answer.generation(stopped=False)
            except _Unwanted:
                return answer.generation(stopped=True)
            except _NotBegun as err:
                if not left:
                    raise BackendError(str(err)) from err
                wait_s = pause_s if err.pause_s is None else err.pause_s
                _log.info('%s; trying again in %.1f s', err, wait_s)
            if not _pause(wait_s, wanted):
                return answer.generation(stopped=True)
            pause_s, left = min(2 * pause_s, LONGEST_PAUSE_S), left - 1

    def _try(self, request: bytes, answer: _Answer, wanted: Callable[[str], bool]) -> None:
        """Send the request and read all of the reply."""
        headers = {'Content-Type': 'application/json', 'Accept': STREAM}
        if self._key:
            headers['Authorization'] = f'Bearer {self._key}'
        exchange = Exchange(self._endpoint, self._tls, headers, request)
        try:
            self._read(exchange, answer, wanted)
        except ConnectionRefusedError as err:
            raise _NotBegun(self._said('refuses the connection')) from err
        except ssl.SSLCertVerificationError as err:
            why = f'its certificate is not trusted: {err.verify_message}'
            raise BackendError(self._said(f'{why}; ?ca=FILE names its CA')) from err
        except FAILURES as err:
            raise BackendError(self._said(f'the connection failed: {err!r}')) from err
        except BadEvent as err:
            raise BackendError(self._said(f'sent {err}')) from err
        finally:
            exchange.close()

    def _read(self, exchange: Exchange, answer: _Answer, wanted: Callable[[str], bool]) -> None:
        """Take what comes until the answer is whole."""
        events = StreamEvents()
        limit_s, awaited = self._endpoint.first_s, 'its first token'
        deadline = time.monotonic() + limit_s
        while not answer.finish:
            come = _next(exchange, deadline, wanted)
            if come is None:
                raise BackendError(self._said(f'{awaited} did not come within {limit_s:g} s'))
            if isinstance(come, Start):
                self._check(come)
                continue
            if not come:
                raise BackendError(self._said(f'broke off after {len(answer.text)} characters'))
            for event in events.feed(come):
                piece = read_chunk(event)
                answer.add(piece)
                if piece.text or piece.tokens:
                    limit_s, awaited = self._endpoint.between_s, 'its next token'
                    deadline = time.monotonic() + limit_s
                    if not wanted(piece.text):
                        raise _Unwanted
        if answer.finish not in ('stop', 'length'):
            raise BackendError(self._said(f"ended the answer with '{answer.finish}'"))

    def _check(self, head: Start) -> None:
        """Raise for a reply that is no stream of an answer."""
        words = words_of(head.words)
        if head.status in BUSY:
            raise _NotBegun(self._said(f'is busy ({head.status}): {words}'), head.retry_after)
        if head.status == http.client.UNAUTHORIZED:
            what = 'refuses the key' if self._key else 'wants a key'
            raise BackendError(self._said(f'{what} of {KEY_VARIABLE} (401): {words}'))
        if head.status != http.client.OK:
            raise BackendError(self._said(f'answers {head.status}: {words}'))
        if head.kind != STREAM:
            raise BackendError(self._said(f"sends '{head.kind}', not an event stream"))

    def _said(self, what: str) -> str:
        """A message about this server. A key that it repeats is blotted out."""
        shown = what.replace(self._key, '***') if self._key else what
        return f'{self._endpoint.address}: {shown}'


def _next(
    exchange: Exchange, deadline: float, wanted: Callable[[str], bool]
) -> Start | bytes | None:
    """What came next, None at the deadline. Raises _Unwanted when nobody waits any more."""
    while (left_s := deadline - time.monotonic()) > 0:
        try:
            return exchange.next(min(left_s, POLL_S))
        except queue.Empty:
            if not wanted(''):
                raise _Unwanted from None
    return None


def _pause(seconds: float, wanted: Callable[[str], bool]) -> bool:
    """Wait; False as soon as nobody does any more."""
    deadline = time.monotonic() + seconds
    while (left_s := deadline - time.monotonic()) > 0:
        time.sleep(min(left_s, POLL_S))
        if not wanted(''):
            return False
    return True
