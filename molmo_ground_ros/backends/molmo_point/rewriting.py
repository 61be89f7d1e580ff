# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes the grounding tokens of an answer as points: their time, id and place.

MolmoPoint writes a point as a patch, a subpatch, a location and an id:

    <points coords="<POINT_28><POINT_45><POINT_51>1<POINT_40>...">blue blocks</points>

The same points, in the form that every reader of answers here knows, places as shares of the image:

    <points coords="1.5 1 0.573889 0.240556;...">blue blocks</points>

Source of the places: molmo2 f3cb108, olmo/hf_model/modeling_molmo_point.py:75-90, 970-1000.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from molmo_ground_ros.backends.base import Generation, Token
from molmo_ground_ros.backends.molmo_point.rules import GroundingBounds
from molmo_ground_ros.backends.pixels import PixelConfig, pooling_indices

_GROUNDING = re.compile(r'(<POINT_[0-9]+>)')
# A point's id, or the beginning of one.
_ID = re.compile(r' ?[0-9]*')
# parity: a third of a subpatch is 0.33 of it.
_THIRD = 0.33


class PointPlaces:
    """Where the grounding tokens of one clip point. seconds: the labels of its frames."""

    def __init__(self, pixels: PixelConfig, seconds: Sequence[float]) -> None:
        self._pooling = pooling_indices(pixels)  # (T, K)
        self._side = pixels.side
        self._seconds = seconds
        tokens, pool = self._pooling.shape
        # In text they are counted from the first grounding token.
        self.bounds = GroundingBounds(0, tokens * len(seconds), pool)

    def time(self, patch: int) -> float:
        """The label of the frame of a patch."""
        return self._seconds[patch // len(self._pooling)]

    def place(self, patch: int, subpatch: int, location: int) -> tuple[float, float]:
        """Where a point is, as shares of the image's width and height."""
        index = int(self._pooling[patch % len(self._pooling), subpatch])
        row, column = divmod(index, self._side)
        right, down = divmod(location, 3)
        x = column + (right + 0.5) * _THIRD
        y = row + (down + 0.5) * _THIRD
        return x / self._side, y / self._side


class Rewriter:
    """Rewrites one answer's text while it is generated, a token at a time."""

    def __init__(self, places: PointPlaces) -> None:
        self._tokens = TokenRewriter(places)

    def feed(self, text: str) -> str:
        """The text that this token completes; '' while a point is not complete."""
        return _joined(self._tokens.push(Token(text, math.nan)))

    def finish(self, *, cut: bool) -> str:
        """The text not returned yet. cut: the limit of tokens ended the answer."""
        return _joined(self._tokens.finish(cut=cut))


class TokenRewriter:
    """As Rewriter, for tokens with their probabilities: each keeps its own.

    A point's tokens are given when its id is complete, in the order in which they are read: the
    patch as its time, the id, subpatch and location as the two coordinates, which both decide.
    """

    def __init__(self, places: PointPlaces) -> None:
        self._places = places
        # The point that is being written: its grounding tokens, and its id so far.
        self._point: list[tuple[int, float]] = []
        self._id: list[Token] = []
        # The last character given, which says whether a point begins the coordinates.
        self._last = ''

    def push(self, token: Token) -> list[Token]:
        """The tokens that this one completes.

        A grounding token that follows half of a character comes in one piece with it.
        """
        pieces = [piece for piece in _GROUNDING.split(token.text) if piece] or ['']
        return [
            rewritten_token
            for piece in pieces
            for rewritten_token in self._given(self._push(Token(piece, token.logprob)))
        ]

    def finish(self, *, cut: bool) -> list[Token]:
        """The rest. Where the answer was cut off, so may be the last id: that point is left out."""
        if not self._point:
            return []
        if cut:
            self._point = self._point[:1]
        return self._given(self._end_point())

    def _push(self, token: Token) -> list[Token]:
        match = _GROUNDING.fullmatch(token.text)
        if match:
            return self._push_grounding(int(token.text[len('<POINT_') : -1]), token.logprob)
        if not self._point:
            return [token]
        length = self._id_length(token.text)
        if length:
            self._id.append(Token(token.text[:length], token.logprob))
        if token.text and length == len(token.text):
            return []
        return [*self._end_point(), Token(token.text[length:], token.logprob)]

    def _id_length(self, text: str) -> int:
        """How many first characters belong to the id of the point."""
        complete = len(self._point) == len(('patch', 'subpatch', 'location'))
        head = _ID.match(text)
        if head is None or not complete or (self._id and text.startswith(' ')):
            return 0
        return head.end()

    def _push_grounding(self, number: int, logprob: float) -> list[Token]:
        bounds = self._places.bounds
        if number == bounds.no_more:
            return [*self._end_point(), Token('', logprob)]
        if not bounds.is_patch(number):
            # The rules let neither come without a patch.
            self._point += [(number, logprob)] if self._point else []
            return []
        complete = self._end_point()
        self._point = [(number, logprob)]
        return complete

    def _end_point(self) -> list[Token]:
        """The tokens of the point that was being written. What lacks is missing in the text."""
        if not self._point:
            return []
        bounds = self._places.bounds
        (patch, logprob), *others = self._point
        words, self._point, self._id = self._id, [], []
        separator = '' if self._last in ('', '"', "'") else ';'
        tokens = [Token(f'{separator}{self._places.time(patch):.1f}', logprob)]
        if len(others) < 2:
            return tokens
        digits = [replace(word, text=word.text.strip()) for word in words]
        if not _joined(digits):
            digits = [Token('?', math.nan)]
        (subpatch, second), (location, third) = others
        x, y = self._places.place(
            patch, subpatch - bounds.first_subpatch, location - bounds.first_location
        )
        tokens += [replace(digits[0], text=f' {digits[0].text}'), *digits[1:]]
        return [*tokens, Token(f' {x:.6f}', second), Token(f' {y:.6f}', third)]

    def _given(self, tokens: list[Token]) -> list[Token]:
        self._last = (_joined(tokens) or self._last)[-1:]
        return tokens


def rewritten(generation: Generation, places: PointPlaces) -> Generation:
    """A generation with points in place of its grounding tokens."""
    rewriter = TokenRewriter(places)
    tokens = [token for each in generation.tokens for token in rewriter.push(each)]
    tokens += rewriter.finish(cut=generation.truncated or generation.stopped)
    return replace(generation, text=_joined(tokens), tokens=tuple(tokens))


def _joined(tokens: Sequence[Token]) -> str:
    return ''.join(token.text for token in tokens)
