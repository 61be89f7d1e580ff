# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What parsing an answer gives: points, blocks, rejections with their reasons, and the limits."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from molmo_ground_ros.types import Rejection

Kind = Literal['points', 'tracks']

# Characters of the offending text that a rejection shows.
SNIPPET = 80


class Reason(enum.StrEnum):
    """Why a piece of an answer was reported. `Rejection.reason` holds the value, a stable string.

    TIME_ORDER and DEGENERATE are reports: the rows they show are kept. All others were dropped.
    """

    # The text ends inside the piece.
    CUT_OFF = 'cut off'
    # A coordinate off the image, a head or id below 0 or too long.
    OUT_OF_RANGE = 'out of range'
    # An id that is twice in one frame. The first point is used.
    REPEATED_ID = 'repeated id'
    # A frame before the one above it.
    TIME_ORDER = 'time out of order'
    # A number above one of ParseLimits.
    TOO_MANY = 'too many points'
    # `id x y z`, as MolmoMotion writes.
    EXTRA = 'extra coordinates'
    # The piece is not of this grammar.
    UNREADABLE = 'unreadable'
    # A <points> block that holds the same point with the same id in every frame.
    DEGENERATE = 'degenerate'
    # The last rejection when there were too many; its text says how many more.
    MORE = 'more'


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """How much of an answer is read: the guard against runaway repetition.

    Molmo2 was trained on at most 60 points a query, and its evaluation stops at 4096 tokens, about
    450 points (molmo2 f3cb108, olmo/data/molmo2_datasets.py:781-807, olmo/eval/eval_utils.py:315).
    """

    points_per_frame: int = 120
    rows: int = 4096  # in all, kept or rejected
    blocks: int = 256
    rejections: int = 50


DEFAULT_LIMITS = ParseLimits()


@dataclass(frozen=True, slots=True)
class ParsedPoint:
    """One `id x y` row and the head it stands under. At most one of time, frame_index is set."""

    # The head as written: seconds of a video, or of images the index of one, from 1.
    time: float | None
    # The k of the article's `t^k`, or JSON's frame: which sampled frame, from 1.
    frame_index: int | None
    id: int
    # Share of the image's width, 0..1 from the left.
    x: float
    # Share of its height, 0..1 from the top.
    y: float
    # "id x y" is text[start:end], or in JSON the object.
    start: int
    end: int
    # Where the head of the row begins in the text, or in JSON the object.
    head_start: int
    # The index of the block in the answer.
    block: int
    # The point's own label, which only JSON has. The label of others is their block's.
    label: str = ''
    # Only of JSON: the spans of characters that decide the point, and in `fine` the places of
    # digits that are finer than 1 % of the image. See grounding/scores.py.
    deciding: tuple[tuple[int, int], ...] = ()
    fine: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Block:
    """One `<points ...>` or `<tracks ...>`. Ids mean something inside their block only."""

    kind: Kind
    # The body of the block, else its alt= or label=; '' if neither is complete.
    label: str
    # In the order written.
    points: tuple[ParsedPoint, ...]
    # The coordinates were closed, so none is missing.
    complete: bool


@dataclass(frozen=True, slots=True)
class Parsed:
    """What an answer says. A stated total, "none" and a refusal are three different answers."""

    blocks: tuple[Block, ...] = ()
    # The stated total; None if none is stated, also when `none` is True.
    count: int | None = None
    # As in "There are none." and "No tracks available."
    none: bool = False
    # As in "Sorry, I can't count ...".
    refused: bool = False
    rejections: tuple[Rejection, ...] = ()

    @property
    def total(self) -> int | None:
        """The total that the answer states; 0 where it says in words that there is none."""
        return 0 if self.none and self.count is None else self.count

    @property
    def points(self) -> tuple[ParsedPoint, ...]:
        """The points of every `<points>` block, in the order written."""
        return self._of('points')

    @property
    def tracks(self) -> tuple[ParsedPoint, ...]:
        """The points of every `<tracks>` block, in the order written."""
        return self._of('tracks')

    @property
    def label(self) -> str:
        """The first block's label that is not empty."""
        return next((block.label for block in self.blocks if block.label), '')

    def _of(self, kind: Kind) -> tuple[ParsedPoint, ...]:
        return tuple(point for block in self.blocks if block.kind == kind for point in block.points)


class Ledger:
    """What one parse has spent of its limits, and what it turned away."""

    def __init__(self, limits: ParseLimits) -> None:
        self.limits = limits
        # Rows that were read so far, used or not.
        self.rows = 0
        self._rejections: list[Rejection] = []
        self._more = 0

    def reject(self, reason: Reason, text: str) -> None:
        """Note a piece that was not used. Only its first 80 characters are shown."""
        if len(self._rejections) < self.limits.rejections:
            self._rejections.append(Rejection(reason.value, snippet(text)))
        else:
            self._more += 1

    def rejections(self) -> tuple[Rejection, ...]:
        """All that was noted; beyond the limit, one that says how many more."""
        if not self._more:
            return tuple(self._rejections)
        return (*self._rejections, Rejection(Reason.MORE.value, f'{self._more} more rejections'))


def snippet(text: str) -> str:
    """The text in at most 80 printable characters: safe in a log line and in UTF-8."""
    if len(text) > SNIPPET:
        text = text[: SNIPPET - 3] + '...'
    return ''.join(char if char.isprintable() else '?' for char in text)
