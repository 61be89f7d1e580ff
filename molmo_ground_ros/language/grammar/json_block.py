# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes the points that an answer in JSON writes into one block, each with an id."""

from __future__ import annotations

from typing import NamedTuple

from molmo_ground_ros.language.grammar.json_fields import Surroundings, key_of
from molmo_ground_ros.language.grammar.loose_json import Leaf, Node
from molmo_ground_ros.language.grammar.parsed import Block, Kind, Ledger, ParsedPoint, Reason
from molmo_ground_ros.types import Task

SCALE = 1000.0  # of coordinates that are no shares
# If an answer has at least so many points and all are the same, that is reported.
_SAME_POINTS = 3


class WrittenPoint(NamedTuple):
    """A point as the answer writes it, before it has an id."""

    node: Node
    context: Surroundings
    time: float | None
    frame: int | None
    x: float  # in the answer's own scale
    y: float
    numbers: tuple[Leaf, ...]
    largest: float  # of them

    @property
    def moment(self) -> tuple[float | None, int | None]:
        """Its time or its frame."""
        return self.time, self.frame


def block_of(
    text: str, places: list[WrittenPoint], task: Task, ledger: Ledger, *, complete: bool
) -> Block:
    """All points of an answer as one block, because an id means the same everywhere in it.

    text: of the answer. task: as of `JsonParser`. complete: whether all JSON was closed.
    """
    kind = _kind_of(places, task)
    ids = _ids_of(places) if kind == 'tracks' else list(range(1, len(places) + 1))
    shares = any(_has_decimal_point(text, place) for place in places) and all(
        place.largest <= 1 for place in places
    )
    scale = 1.0 if shares else SCALE
    # Added to each frame.
    base = int(any(place.frame == 0 for place in places))
    points: list[ParsedPoint] = []
    frames: dict[tuple[float | None, int | None], set[int]] = {}
    for place, number in zip(places, ids, strict=True):
        ids_of_moment = frames.setdefault(place.moment, set())
        written = text[place.node.start : place.node.end]
        if len(ids_of_moment) >= ledger.limits.points_per_frame:
            ledger.reject(Reason.TOO_MANY, written)
        elif number in ids_of_moment:
            ledger.reject(Reason.REPEATED_ID, written)
        else:
            ids_of_moment.add(number)
            points.append(_parsed_point(text, place, number, scale, base))
    if kind == 'points':
        _report_degenerate(points, ledger)
    labels = {place.context.label for place in places}
    return Block(kind, labels.pop() if len(labels) == 1 else '', tuple(points), complete)


def _kind_of(places: list[WrittenPoint], task: Task) -> Kind:
    """What was asked for; for AUTO tracks if an id comes again in another frame."""
    if task is not Task.AUTO:
        return 'tracks' if task is Task.TRACK else 'points'
    if not all(place.context.id is not None for place in places):
        return 'points'
    moments: dict[int | str | None, set[tuple[float | None, int | None]]] = {}
    for place in places:
        moments.setdefault(key_of(place.context.id), set()).add(place.moment)
    return 'tracks' if any(len(group) > 1 for group in moments.values()) else 'points'


def _report_degenerate(points: list[ParsedPoint], ledger: Ledger) -> None:
    """Report an answer that is one and the same point again and again."""
    if len(points) >= _SAME_POINTS and len({(p.x, p.y) for p in points}) == 1:
        first = points[0]
        text = f'at {first.x:.3f} {first.y:.3f}, {len(points)} times'
        ledger.reject(Reason.DEGENERATE, text)


def _ids_of(places: list[WrittenPoint]) -> list[int]:
    """An id for each point of a track: as written, or the smallest that is free."""
    keys: list[int | str | tuple[str, int]] = []
    # How many points without an id there are so far, by moment and label.
    turns: dict[tuple[tuple[float | None, int | None], str], int] = {}
    for place in places:
        if (stated := key_of(place.context.id)) is not None:
            keys.append(stated)
        else:
            turn = place.moment, place.context.label
            turns[turn] = turns.get(turn, 0) + 1
            keys.append((place.context.label, turns[turn]))
    written = {key for key in keys if isinstance(key, int)}
    free = (number for number in range(1, len(places) + len(written) + 1) if number not in written)
    ids: dict[int | str | tuple[str, int], int] = {}
    for key in keys:
        if key not in ids:
            ids[key] = key if isinstance(key, int) else next(free)
    return [ids[key] for key in keys]


def _has_decimal_point(text: str, place: WrittenPoint) -> bool:
    return any('.' in text[leaf.start : leaf.end] for leaf in place.numbers)


def _parsed_point(
    text: str, place: WrittenPoint, number: int, scale: float, base: int
) -> ParsedPoint:
    head = place.context.time or place.context.frame
    # The brace that opens the object says that there is one more point.
    spans = [(place.node.start, place.node.start + 1)]
    if head is not None:
        spans.append((head.start, head.end))
    fine = []
    for leaf in place.numbers:
        coarse = leaf.start + _coarse_digits(text[leaf.start : leaf.end], scale)
        if coarse > leaf.start:
            spans.append((leaf.start, coarse))
        if coarse < leaf.end:
            fine.append(coarse)
    return ParsedPoint(
        time=place.time,
        frame_index=None if place.frame is None else place.frame + base,
        id=number,
        x=place.x / scale,
        y=place.y / scale,
        start=place.node.start,
        end=place.node.end,
        head_start=place.node.start,
        block=0,
        label=place.context.label,
        deciding=tuple(spans),
        fine=tuple(fine),
    )


def _coarse_digits(written: str, scale: float) -> int:
    """How many characters of a coordinate tell it to 1 % of the image."""
    integer, dot, _ = written.partition('.')
    if scale == 1.0:
        return min(len(written), len(integer) + len(dot) + 2)
    return max(len(integer) - 1, 0)
