# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The bytes of an event stream to pieces of an answer. Knows no network.

Server-sent events as the WHATWG HTML standard defines them, of which only `data` is used; chunks as
OpenAI's chat protocol defines them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from molmo_ground_ros.backends.base import Token

LONGEST_EVENT = 1_000_000  # bytes
LONGEST_WORDS = 300  # characters of a server's that are shown
DONE = '[DONE]'  # OpenAI's last event; not all send it
_EVENT_END = re.compile(rb'\r\n\r\n|\n\n|\r\r')


class BadEvent(ValueError):
    """What a server sent that is no piece of an answer; the message ends 'the server sent ...'."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one chunk adds. `tokens` is empty where the server gives no log-probabilities."""

    text: str
    tokens: tuple[Token, ...] = ()
    finish: str = ''  # why the answer ends here


class StreamEvents:
    """Cuts a stream into the data of its events."""

    def __init__(self) -> None:
        self._held = b''

    def feed(self, data: bytes) -> Iterator[str]:
        """The events that these bytes complete. Raises BadEvent for what is none."""
        self._held += data
        while end := _EVENT_END.search(self._held):
            event, self._held = self._held[: end.start()], self._held[end.end() :]
            if text := _data(event):
                yield text
        if len(self._held) > LONGEST_EVENT:
            raise BadEvent(f'an event of more than {LONGEST_EVENT} bytes')


def _data(event: bytes) -> str:
    """The data lines of an event joined, '' where there are none, as of a comment."""
    try:
        lines = re.split('\r\n|\n|\r', event.decode())
    except UnicodeDecodeError as err:
        raise BadEvent(f'an event that is not UTF-8: {shortened(repr(event))}') from err
    values = [line.partition(':')[2] for line in lines if line.split(':', 1)[0] == 'data']
    return '\n'.join(value.removeprefix(' ') for value in values)


def read_chunk(data: str) -> Piece:
    """The piece in an event's data. Raises BadEvent for an error or no chunk at all."""
    if data == DONE:
        return Piece('', finish='stop')
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError) as err:
        raise BadEvent(f'an event that is not JSON: {shortened(data)}') from err
    if isinstance(chunk, dict) and chunk.get('error'):
        raise BadEvent(f'an error: {words_of(data)}')
    try:
        choices = chunk['choices']
        return _piece(choices[0]) if choices else Piece('')  # the count of tokens at the end
    except (AttributeError, ArithmeticError, LookupError, TypeError, ValueError) as err:
        raise BadEvent(f'an event that is no chat chunk: {shortened(data)}') from err


def _piece(choice: dict[str, Any]) -> Piece:
    text = choice.get('delta', {}).get('content') or ''
    finish = choice.get('finish_reason') or ''
    if not isinstance(text, str) or not isinstance(finish, str):
        raise TypeError('not text')
    entries = (choice.get('logprobs') or {}).get('content') or []
    return Piece(text, _tokens(text, entries), finish)


def _tokens(text: str, entries: Sequence[dict[str, Any]]) -> tuple[Token, ...]:
    """Tokens whose texts joined are the text.

    A server writes half a character as U+FFFD or as nothing; where its tokens do not add up to the
    text they become one, with the probability of all.
    """
    logprobs = [float(entry['logprob']) for entry in entries]
    if not all(map(math.isfinite, logprobs)):
        raise ValueError('not finite')
    written = [str(entry['token']) for entry in entries]
    if ''.join(written) == text:
        return tuple(map(Token, written, logprobs))
    return (Token(text, sum(logprobs)),) if entries else ()


def words_of(reply: str) -> str:
    """What a server says is wrong, shortened: the message in its JSON, or all of it."""
    found: Any = reply
    try:
        found = json.loads(reply)
        for name in ('error', 'message', 'detail'):  # OpenAI's, vLLM's, FastAPI's
            found = found.get(name, found) if isinstance(found, dict) else found
    except (ValueError, RecursionError):
        pass
    return shortened(found if isinstance(found, str) else json.dumps(found))


def shortened(text: str) -> str:
    """One line, without its end where it is long."""
    line = ' '.join(text.split())
    return line if len(line) <= LONGEST_WORDS else line[:LONGEST_WORDS] + ' ...'
