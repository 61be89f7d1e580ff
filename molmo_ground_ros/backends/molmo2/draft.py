# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Guesses how a points or tracks block goes on. Knows the grammar's form, no model and no ids.

`<tracks coords="0.0 1 635 522 2 511 124;0.5 1 606 490 ...">label</tracks>`: after a row comes the
next id of the frame before; after its last one `;` and the next time of the clip; coordinates go on
as they last did. A guess is text, made tokens with the checkpoint's own tokenizer: its vocabulary
may hold digits, numbers or whole time labels.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence

from molmo_ground_ros.backends.molmo2.open_block import OpenBlock
from molmo_ground_ros.backends.text_stream import TextStream

_OPEN = re.compile(r'<(points|tracks)\b[^<>"]*?coords="([^"<>]*)$')
_SEPARATOR = re.compile(r'[;\t]')
_COUNTING = 'Counting the '
_TAIL = 160  # characters: a block is noticed within so many of its opening
_BACK = 8  # tokens: how far back a guess may be joined to what is there
LIMIT = 16  # tokens a guess; on a CPU more rows cost more than they bring


class GrammarDrafter:
    """Follows one answer as it comes."""

    def __init__(
        self,
        encode: Callable[[str], list[int]],
        decode: Callable[[list[int]], str],
        seconds: Sequence[float],
        limit: int = LIMIT,
    ) -> None:
        """Take text to ids (`encode`), ids to text, and the clip's labels in `seconds`."""
        self._encode = encode
        self._decode = decode
        self._labels = tuple(f'{label:.1f}' for label in seconds)
        self._limit = limit
        self._ids: list[int] = []
        self._stream = TextStream(decode)
        self._text = ''
        self._rows: OpenBlock | None = None  # of the open block
        self._group = 0  # where its unfinished frame starts in the text
        self._points = 0  # of the last points block

    def push(self, token: int) -> None:
        """A token that the model chose."""
        self._ids.append(token)
        self._text += self._stream.push(token)
        if self._rows is None and (found := _OPEN.search(self._text, len(self._text) - _TAIL)):
            self._rows = OpenBlock(self._labels, tracks=found[1] == 'tracks')
            self._group = found.start(2)
        if self._rows is not None:
            self._read(self._rows)

    def propose(self, room: int) -> list[int]:
        """At most `room` tokens that may follow."""
        guess = self._guess()
        return self._tokens(guess)[: min(room, self._limit)] if guess else []

    def _read(self, rows: OpenBlock) -> None:
        """Take in the frames that are whole; one that is off the grammar is passed over."""
        while found := _SEPARATOR.search(self._text, self._group):
            self._take(rows, found.start(), found[0])
            self._group = found.end()
        shut = self._text.find('"', self._group)
        if shut >= 0:
            self._take(rows, shut, rows.separator)
            self._points, self._rows = rows.count, None

    def _take(self, rows: OpenBlock, end: int, separator: str) -> None:
        with contextlib.suppress(ValueError):
            rows.add(self._text[self._group : end].split(' '), separator)

    def _guess(self) -> str:
        if self._rows is not None:
            return self._rows.copy().go_on(self._text[self._group :], 3 * self._limit)
        if self._text.endswith('</points>') and self._text.startswith(_COUNTING):
            return f' shows a total of {self._points}.'
        return ''

    def _tokens(self, guess: str) -> list[int]:
        """The guess in tokens, joined to the last ones: ' 4' may be one token or half of one."""
        for back in range(min(_BACK, len(self._ids)), 0, -1):
            tail = self._ids[-back:]
            ids = self._encode(self._decode(tail) + guess)
            if ids[:back] == tail:
                return ids[back:]
        return self._encode(guess)
