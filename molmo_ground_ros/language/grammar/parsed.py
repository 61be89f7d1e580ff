# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What parsing an answer gives: points, blocks, rejections with their reasons, and the limits."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from molmo_ground_ros.types import Rejection

Kind = Literal['points', 'tracks']

SNIPPET = 80  # characters of the offending text that a rejection shows


class Reason(enum.StrEnum):
    """Why a piece of an answer was reported. `Rejection.reason` holds the value, a stable string.

    TIME_ORDER and DEGENERATE are reports: the rows they show are kept. All others were dropped.
    """

    CUT_OFF = 'cut off'  # the text ends inside it
    OUT_OF_RANGE = 'out of range'  # a coordinate off the image, a head or id below 0 or too long
    REPEATED_ID = 'repeated id'  # twice in one frame: the first is kept
    TIME_ORDER = 'time out of order'  # a frame before the one above it
    TOO_MANY = 'too many points'  # over one of the Limits
    EXTRA = 'extra coordinates'  # `id x y z`, e.g. MolmoMotion's
    UNREADABLE = 'unreadable'  # not of this grammar
    DEGENERATE = 'degenerate'  # a <points> block that says one point, id and all, in every frame
    MORE = 'more'  # the last rejection when there were too many; its text says how many more


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

    time: float | None  # the head as written: seconds (video), the image's 1-based index (images)
    frame_index: int | None  # the article's `t^k`, JSON's frame: which sampled one, from 1
    id: int
    x: float  # share of the image's width, 0..1 from the left
    y: float  # share of its height, 0..1 from the top
    start: int  # text[start:end] is "id x y"; of JSON the object
    end: int
    head_start: int  # text[head_start] is where this row's head begins; of JSON its object
    block: int  # which block, from 0, among all of the answer's
    label: str = ''  # of JSON: its own; that of others is their block's
    deciding: tuple[tuple[int, int], ...] = ()  # of JSON: the characters that decide it, and
    fine: tuple[int, ...] = ()  # those finer than 1 % of the image; see scores.py


@dataclass(frozen=True, slots=True)
class Block:
    """One `<points ...>` or `<tracks ...>`. Ids mean something inside their block only."""

    kind: Kind
    label: str  # the body, else alt= or label=; '' if neither was complete
    points: tuple[ParsedPoint, ...]  # as written, never sorted
    complete: bool  # the coordinates were closed, so none is missing


@dataclass(frozen=True, slots=True)
class Parsed:
    """What an answer says. A stated total, "none" and a refusal are three different answers."""

    blocks: tuple[Block, ...] = ()
    count: int | None = None  # the stated total; None if none is stated, also when `none` is True
    none: bool = False  # "There are none.", "No tracks available."
    refused: bool = False  # "Sorry, I can't count ..."
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
        self.rows = 0  # read so far, kept or not
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
