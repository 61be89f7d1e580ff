# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Guesses how a points or tracks block continues. Knows the grammar, but no model and no token ids.

In `<tracks coords="0.0 1 635 522 2 511 124;0.5 1 606 490 ...">label</tracks>` an object's row is
followed by the next id of the frame before, the last row by `;` and the clip's next time, and
coordinates continue as they did last: they rest, or go on along a line or a curve, whichever would
have told the last point best. Of the text around it the parts that never differ are guessed. A
guess is text. The checkpoint's own tokenizer makes tokens
of it, because its vocabulary may hold digits, numbers or complete time labels.
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
_COORDS = ' coords="'
# Characters at the end of the text in which the opening of a block is looked for.
_TAIL = 160
# The most tokens at the end of the text that are tokenized again together with a guess.
_BACK = 8
# Characters of a guess, about 16 tokens of a vocabulary that has numbers. On a CPU, reading more
# takes longer than it saves.
_LENGTH = 48
# The most tokens of a guess, in a vocabulary that has a token for each digit and space, as Qwen's.
_USUAL = 24
# And after a guess that was right as a whole: an object that rests takes 14 of these tokens in each
# frame, and rests for many.
LIMIT = 48


class GrammarDrafter:
    """Reads one answer as it is generated, and guesses what comes next."""

    def __init__(
        self,
        encode: Callable[[str], list[int]],
        decode: Callable[[list[int]], str],
        seconds: Sequence[float],
        limit: int = LIMIT,
    ) -> None:
        """`encode` makes ids of text, `decode` text of ids; `seconds` are the clip's times.

        limit: the most tokens of any guess.
        """
        self._encode = encode
        self._decode = decode
        self._labels = tuple(f'{label:.1f}' for label in seconds)
        self._limit = limit
        self._ids: list[int] = []
        # The last guess, and how many tokens there were before it.
        self._guessed: list[int] = []
        self._before = 0
        self._stream = TextStream(decode)
        self._text = ''
        self._rows: OpenBlock | None = None  # of the open block
        self._group = 0  # where its unfinished frame starts in the text
        self._points = 0  # of the last points block
        self._kind = ''  # of the open block, or of that whose label is being written
        self._label = 0  # where that label starts in the text

    def push(self, token: int) -> None:
        """Add a token that the model chose."""
        self._ids.append(token)
        self._text += self._stream.push(token)
        if self._rows is None and (opening := _OPEN.search(self._text, len(self._text) - _TAIL)):
            self._kind = opening[1]
            self._rows = OpenBlock(self._labels, tracks=self._kind == 'tracks')
            self._group = opening.start(2)
        if self._rows is not None:
            self._read(self._rows)

    def propose(self, room: int) -> list[int]:
        """At most `room` tokens that may follow."""
        most = min(room, self._limit, LIMIT if self._was_right() else _USUAL)
        guess = self._guess()
        self._guessed = self._tokens(guess)[:most] if guess else []
        self._before = len(self._ids)
        return list(self._guessed)

    def _was_right(self) -> bool:
        """Whether the model wrote all of the last guess."""
        end = self._before + len(self._guessed)
        return bool(self._guessed) and self._ids[self._before : end] == self._guessed

    def _read(self, rows: OpenBlock) -> None:
        """Add the complete frames to the block. A frame that is not grammatical is skipped."""
        while match := _SEPARATOR.search(self._text, self._group):
            self._take(rows, match.start(), match[0])
            self._group = match.end()
        shut = self._text.find('"', self._group)
        if shut >= 0:
            self._take(rows, shut, rows.separator)
            self._points, self._rows = rows.count, None
            self._label = shut + 1

    def _take(self, rows: OpenBlock, end: int, separator: str) -> None:
        with contextlib.suppress(ValueError):
            rows.add(self._text[self._group : end].split(' '), separator)

    def _guess(self) -> str:
        if self._rows is not None:
            return self._rows.copy().go_on(self._text[self._group :], _LENGTH)
        if self._kind:
            return self._block_end(self._text[self._label :])
        if self._text.endswith('<points'):
            return _COORDS
        if self._text.endswith('<tracks') and self._labels:
            return f'{_COORDS}{self._labels[0]} 1 '
        return ''

    def _block_end(self, label: str) -> str:
        """What follows the coordinates of the last block: its label is not known, its end is."""
        tag = f'</{self._kind}>'
        total = f' shows a total of {self._points}.' if self._text.startswith(_COUNTING) else ''
        end = tag + (total if self._kind == 'points' else '')
        if tag in label:
            # Only the total may follow, and is guessed once.
            self._kind = ''
            return total if label.endswith(tag) and end != tag else ''
        if len(label) < 2:
            return '>' if not label else ''
        begun = label[label.rfind('<') :] if '<' in label else ''
        return end[len(begun) :] if end.startswith(begun) else ''

    def _tokens(self, guess: str) -> list[int]:
        """The tokens of a guess, which continue the last tokens of the text.

        The tokenizer gets both together, because a token may depend on the text before it: ' 4' may
        be one token, or part of another one.
        """
        for back in range(min(_BACK, len(self._ids)), 0, -1):
            tail = self._ids[-back:]
            ids = self._encode(self._decode(tail) + guess)
            if ids[:back] == tail:
                return ids[back:]
        return self._encode(guess)
