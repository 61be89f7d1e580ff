# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns the bytes of an event stream into pieces of an answer. Knows no network.

Server-sent events are read as the WHATWG HTML standard defines them, of which only `data` is used;
chunks as OpenAI's chat protocol defines them.
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
# Characters of a server's message that are quoted.
LONGEST_WORDS = 300
# OpenAI's last event; not all servers send it.
DONE = '[DONE]'
_EVENT_END = re.compile(rb'\r\n\r\n|\n\n|\r\r')


class BadEvent(ValueError):
    """An event that is no piece of an answer. The message completes 'the server sent ...'."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The text that one chunk adds.

    tokens: empty where the server sends no log-probabilities.
    finish: the reason if the answer ends here, else ''.
    """

    text: str
    tokens: tuple[Token, ...] = ()
    finish: str = ''


class StreamEvents:
    """Cuts a stream into events."""

    def __init__(self) -> None:
        self._held = b''

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield the data of each event that these bytes complete.

        Raises BadEvent for an event that is too long or not UTF-8.
        """
        self._held += data
        while end := _EVENT_END.search(self._held):
            event, self._held = self._held[: end.start()], self._held[end.end() :]
            if text := _data(event):
                yield text
        if len(self._held) > LONGEST_EVENT:
            raise BadEvent(f'an event of more than {LONGEST_EVENT} bytes')


def _data(event: bytes) -> str:
    """The joined `data` lines of an event; '' for an event without any, such as a comment."""
    try:
        lines = re.split('\r\n|\n|\r', event.decode())
    except UnicodeDecodeError as err:
        raise BadEvent(f'an event that is not UTF-8: {shortened(repr(event))}') from err
    values = [line.partition(':')[2] for line in lines if line.split(':', 1)[0] == 'data']
    return '\n'.join(value.removeprefix(' ') for value in values)


def read_chunk(data: str) -> Piece:
    """Read the piece in an event's data. Raises BadEvent for an error, and for no chunk."""
    if data == DONE:
        return Piece('', finish='stop')
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError) as err:
        raise BadEvent(f'an event that is not JSON: {shortened(data)}') from err
    if isinstance(chunk, dict) and chunk.get('error'):
        raise BadEvent(f'an error: {error_text(data)}')
    try:
        choices = chunk['choices']
        # A chunk without choices holds the count of tokens, at the end.
        return _piece(choices[0]) if choices else Piece('')
    except (AttributeError, ArithmeticError, LookupError, TypeError, ValueError) as err:
        raise BadEvent(f'an event that is no chat chunk: {shortened(data)}') from err


def _piece(choice: dict[str, Any]) -> Piece:
    text = (choice.get('delta') or {}).get('content') or ''
    finish = choice.get('finish_reason') or ''
    if not isinstance(text, str) or not isinstance(finish, str):
        raise TypeError('not text')
    entries = (choice.get('logprobs') or {}).get('content') or []
    return Piece(text, _tokens(text, entries), finish)


def _tokens(text: str, entries: Sequence[dict[str, Any]]) -> tuple[Token, ...]:
    """The tokens of a text, with their log-probabilities.

    A server writes a token that ends inside a character as U+FFFD or as ''. If the joined tokens
    differ from the text for that reason, one token with the probability of all is returned. None
    is returned where the probability of one is null.
    """
    if any(entry['logprob'] is None for entry in entries):
        return ()
    logprobs = [float(entry['logprob']) for entry in entries]
    if not all(map(math.isfinite, logprobs)):
        raise ValueError('not finite')
    written = [str(entry['token']) for entry in entries]
    if ''.join(written) == text:
        return tuple(map(Token, written, logprobs))
    return (Token(text, sum(logprobs)),) if entries else ()


def error_text(reply: str) -> str:
    """The error message in a server's reply, shortened: a field of its JSON, or the reply."""
    message: Any = reply
    try:
        message = json.loads(reply)
        # The fields of OpenAI, of vLLM and of FastAPI.
        for name in ('error', 'message', 'detail'):
            message = message.get(name, message) if isinstance(message, dict) else message
    except (ValueError, RecursionError):
        pass
    return shortened(message if isinstance(message, str) else json.dumps(message))


def shortened(text: str) -> str:
    """A text as one line of at most LONGEST_WORDS characters."""
    line = ' '.join(text.split())
    return line if len(line) <= LONGEST_WORDS else line[:LONGEST_WORDS] + ' ...'
