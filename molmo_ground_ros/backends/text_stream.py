# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns token ids into text while they are generated. Never emits part of a UTF-8 sequence."""

from __future__ import annotations

from collections.abc import Callable

_HALF = '\N{REPLACEMENT CHARACTER}'


class TextStream:
    """Turns ids into pieces of text, which joined are the `decode` of all ids.

    decode: turns ids into text without special tokens, and bytes that are not UTF-8 into U+FFFD. It
    must be byte-level, as the tokenizers of all Molmo2 checkpoints are: wherever `a` ends at the
    end of a character, decode(a + b) == decode(a) + decode(b).
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        # The ids since the last place where a character ended.
        self._ids: list[int] = []
        # How many characters of decode(_ids) were returned already.
        self._emitted = 0

    def push(self, token: int) -> str:
        """The text that this token completes; '' where it ends inside a character."""
        self._ids.append(token)
        text = self._decode(self._ids)
        # An unfinished sequence at the end decodes to one U+FFFD; the text before it is final.
        if text.endswith(_HALF):
            piece = text[self._emitted : -1]
            self._emitted = len(text) - 1
            return piece
        piece = text[self._emitted :]
        self._ids, self._emitted = [], 0
        return piece

    def finish(self) -> str:
        """The text not returned yet: U+FFFD where the last sequence was never completed."""
        text = self._decode(self._ids)[self._emitted :] if self._ids else ''
        self._ids, self._emitted = [], 0
        return text
