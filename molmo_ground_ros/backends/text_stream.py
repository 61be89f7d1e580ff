# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Token ids to text as they come. Never shows half of a UTF-8 sequence."""

from __future__ import annotations

from collections.abc import Callable

_HALF = '\N{REPLACEMENT CHARACTER}'


class TextStream:
    """Turns ids into pieces of text whose concatenation is `decode` of all of them.

    decode: ids to text, special tokens left out, bytes that are not UTF-8 shown as U+FFFD. It must
    be byte-level, i.e. decode(a + b) == decode(a) + decode(b) wherever a ends with a whole
    character, as the tokenizers of all Molmo2 checkpoints are.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []  # since the last whole character
        self._shown = 0  # characters of decode(_ids) that were given out

    def push(self, token: int) -> str:
        """The text this token completes, '' where it ends inside a character."""
        self._ids.append(token)
        text = self._decode(self._ids)
        # An unfinished sequence at the end is one U+FFFD; all before it can no longer change.
        if text.endswith(_HALF):
            piece = text[self._shown : -1]
            self._shown = len(text) - 1
            return piece
        piece = text[self._shown :]
        self._ids, self._shown = [], 0
        return piece

    def finish(self) -> str:
        """What was held back: U+FFFD where the last sequence was never completed."""
        text = self._decode(self._ids)[self._shown :] if self._ids else ''
        self._ids, self._shown = [], 0
        return text
