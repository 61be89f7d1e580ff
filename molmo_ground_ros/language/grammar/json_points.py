# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An answer in JSON to points: what Qwen3-VL and Gemini write. Total, as the released grammar is.

    [{"time": 2.5, "point_2d": [412, 630], "label": "red cup", "id": 1}, ...]      Qwen3-VL: x, y
    [{"timestamp": "00:02", "point": [630, 412], "label": "red cup"}, ...]         Gemini: y, x
    {"count": 2, "points": [...]}

Coordinates are 0..1000 of the image, or shares of it where an answer has nothing above 1 and a
decimal point. A box stands for its centre. Sources: QwenLM/Qwen3-VL 9658872,
cookbooks/spatial_understanding.ipynb and video_understanding.ipynb (`time` with `bbox_2d`,
'mm:ss.ff'); Gemini API documentation, "Robotics: spatial reasoning" (2026), and
google-gemini/cookbook f1e7e3d, quickstarts/Spatial_understanding.ipynb (`box_2d` [ymin, xmin, ymax,
xmax]). How what they leave open is decided:
- An object counts if it is closed and nothing in it is out of place. What an object around it says
  of time, id and label is so of it too: `{"time": 1.0, "objects": [...]}`.
- Time is in seconds, a number or a text ("2.5 s"), or a text "mm:ss", "h:mm:ss", "mm:ss.f".
- Frames are counted from 0 if the answer names a frame 0, else from 1.
- Points of a track are of one object where they have the same id; without ids the k-th of a label
  in one frame is the k-th of that label in every other. Other points are numbered 1..N as written.
- Words up to `</think>` are no part of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from molmo_ground_ros.language.grammar.loose_json import Leaf, Node, find_json, walk
from molmo_ground_ros.language.grammar.parsed import (
    DEFAULT_LIMITS,
    Block,
    Kind,
    Ledger,
    Parsed,
    ParsedPoint,
    ParseLimits,
    Reason,
)
from molmo_ground_ros.language.grammar.statements import read_statements, words_count
from molmo_ground_ros.types import Task

_TIMES = ('time', 'timestamp', 'time_s', 'seconds', 't')
_FRAMES = ('frame', 'frame_index', 'frame_idx', 'frame_number', 'frame_id')
_IDS = ('id', 'object_id', 'track_id', 'instance_id', 'obj_id')
_LABELS = ('label', 'name')
_SIZES = {'w', 'width', 'h', 'height'}  # beside x and y: those are a corner, not the point
_COUNTS = ('count', 'total', 'total_count')
_NOTHING = {'null', 'none'}  # as a value: it is not there
_CLOCK = re.compile(
    r'<?\s{0,4}(?:(?:(?P<hours>[0-9]{1,3}):)?(?P<minutes>[0-9]{1,4}):)?'
    r'(?P<seconds>[0-9]{1,9}(?:\.[0-9]{0,9})?)\s{0,4}(?:s|sec|secs|seconds?)?\s{0,4}>?'
)
_ID = re.compile(r'\D{0,80}(?P<number>[0-9]{1,9})')
_THINKING = ('<think>', '</think>')
_LARGEST = 999_999_999  # of an id, a frame or a count: fits int32
_SCALE = 1000.0
_SAME_POINTS = 3  # this often, in as many frames, one and the same point is a report


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one family of models writes."""

    points: tuple[str, ...]  # names of a point, or of a list of them
    boxes: tuple[str, ...]
    y_first: bool = False


QWEN = Dialect(('point_2d', 'points_2d', 'point', 'points'), ('bbox_2d', 'bbox', 'box_2d'))
GEMINI = Dialect(('point', 'points'), ('box_2d', 'bbox_2d'), y_first=True)


class _Context(NamedTuple):
    """What the objects around a value say of it."""

    time: Leaf | None = None
    frame: Leaf | None = None
    id: Leaf | None = None
    label: str = ''


class _Place(NamedTuple):
    """A point as written, before it has an id."""

    node: Node
    context: _Context
    time: float | None
    frame: int | None
    x: float  # in the answer's own scale
    y: float
    numbers: tuple[Leaf, ...]
    largest: float  # of them

    @property
    def moment(self) -> tuple[float | None, int | None]:
        return self.time, self.frame


class JsonParser:
    """Reads one answer. Its points settle at the end: only all of it tells frames and scale."""

    def __init__(
        self, dialect: Dialect, limits: ParseLimits = DEFAULT_LIMITS, task: Task = Task.AUTO
    ) -> None:
        """task: what was asked; AUTO: tracks are told by ids that come again in other frames."""
        self._dialect = dialect
        self._task = task
        self._ledger = Ledger(limits)
        self._pieces: list[str] = []
        self._counts: set[int] = set()

    def feed(self, text: str) -> tuple[ParsedPoint, ...]:
        """Read on; settles nothing yet."""
        self._pieces.append(text)
        return ()

    def finish(self) -> Parsed:
        """What the answer says, given that it ends here."""
        text = ''.join(self._pieces)
        opens, closes = _THINKING
        start = text.rfind(closes) + len(closes) if closes in text else 0
        if not start and text.lstrip().startswith(opens):
            self._ledger.reject(Reason.CUT_OFF, text)
            return Parsed(rejections=self._ledger.rejections())
        found = find_json(text, start)
        places = self._limited(list(self._places(text, found.roots)))
        if lost := _lost(found.open):
            self._ledger.reject(Reason.CUT_OFF, text[lost.start :])
        block = self._block(text, places, complete=not found.open)
        stated = read_statements(found.plain)
        count = self._count()
        empty = not places and any(node.whole and not node.items for node in walk(found.roots))
        if count is None and not self._counts:
            count = stated.count if stated.count is not None else words_count(found.plain)
        return Parsed(
            blocks=(block,) if places else (),
            count=count,
            none=stated.none or (empty and count is None and not self._ledger.rows),
            refused=stated.refused,
            rejections=self._ledger.rejections(),
        )

    def _count(self) -> int | None:
        """The count that the JSON states; None where it states none, or several."""
        if len(self._counts) > 1:
            several = ', '.join(map(str, sorted(self._counts)[:9]))
            self._ledger.reject(Reason.UNREADABLE, f'several counts: {several}')
        return next(iter(self._counts)) if len(self._counts) == 1 else None

    def _places(self, text: str, roots: tuple[Node, ...]) -> Iterator[_Place]:
        """The points of all objects, in the order written."""
        for root in roots:  # a list of plain numbers names nothing that they could be
            if root.whole and root.items and not (root.is_object or root.holds_objects):
                self._refuse(Reason.UNREADABLE, text, root)
        waiting = [(node, _Context()) for node in reversed(roots)]
        while waiting:
            node, context = waiting.pop()
            if node.is_object:
                context = _within(node, context)
                yield from self._own(text, node, context)
            waiting += [
                (value, context) for _, value in reversed(node.items) if isinstance(value, Node)
            ]

    def _own(self, text: str, node: Node, context: _Context) -> Iterator[_Place]:
        """The points that an object itself states."""
        counted = node.sound and self._read_count(node)
        if not node.whole:
            if not node.holds_objects and node.end >= 0:
                self._refuse(Reason.UNREADABLE, text, node)
            return
        places = list(self._numbers(node))
        says = counted or node.holds_objects or not node.items or _is_list_of_none(node)
        if not places and not says:
            self._refuse(Reason.UNREADABLE, text, node)
        for corners, numbers in places:
            self._ledger.rows += 1
            place = self._place(node, context, corners, numbers)
            if isinstance(place, Reason):
                self._ledger.reject(place, text[node.start : node.end])
            else:
                yield place

    def _read_count(self, node: Node) -> bool:
        """Whether the object states a count; notes it."""
        for name, value in node.items:
            if name in _COUNTS and isinstance(value, Leaf):
                number = _natural(value)
                if number is not None:
                    self._counts.add(number)
                    return True
        return False

    def _numbers(self, node: Node) -> Iterator[tuple[int, tuple[Leaf, ...]]]:
        """How many corners each point (1) or else each box (2) has, and its numbers as written.

        No number of what should be one and is not.
        """
        fields = dict(reversed(node.items))
        x, y = fields.get('x'), fields.get('y')
        if isinstance(x, Leaf) and isinstance(y, Leaf) and not fields.keys() & _SIZES:
            yield 1, (y, x) if self._dialect.y_first else (x, y)
            return
        for corners, names in enumerate((self._dialect.points, self._dialect.boxes), start=1):
            told = [v for n, v in node.items if n in names and isinstance(v, Node)]
            told = [value for value in told if not (value.is_object or value.holds_objects)]
            for value in told:
                lists = [one for _, one in value.items if isinstance(one, Node)]
                for one in lists or ([value] if value.items else []):
                    leaves = tuple(leaf for _, leaf in one.items if isinstance(leaf, Leaf))
                    sound = one.whole and len(leaves) == len(one.items)
                    yield corners, leaves if sound else ()
            if told:
                return

    def _place(
        self, node: Node, context: _Context, corners: int, leaves: tuple[Leaf, ...]
    ) -> _Place | Reason:
        """The point, or the box's centre, of these numbers; or why there is none."""
        numbers = [leaf.value for leaf in leaves if isinstance(leaf.value, float)]
        if not numbers or len(numbers) < len(leaves):
            return Reason.UNREADABLE
        if len(numbers) != 2 * corners:
            return Reason.EXTRA if len(numbers) > 2 * corners else Reason.UNREADABLE
        if not all(0.0 <= number <= _SCALE for number in numbers):
            return Reason.OUT_OF_RANGE
        if self._dialect.y_first:
            numbers[::2], numbers[1::2] = numbers[1::2], numbers[::2]
        first, last = numbers[:2], numbers[-2:]
        if first[0] > last[0] or first[1] > last[1]:
            return Reason.UNREADABLE
        time, frame = _seconds(context.time), _index(context.frame)
        if context.time is not None and time is None:
            return Reason.UNREADABLE
        if time is None and context.frame is not None and frame is None:
            return Reason.UNREADABLE
        x, y = (first[0] + last[0]) / 2, (first[1] + last[1]) / 2
        frame = frame if time is None else None
        return _Place(node, context, time, frame, x, y, leaves, max(numbers))

    def _refuse(self, reason: Reason, text: str, node: Node) -> None:
        self._ledger.rows += 1
        self._ledger.reject(reason, text[node.start : node.end])

    def _limited(self, places: list[_Place]) -> list[_Place]:
        limit = self._ledger.limits.rows
        if self._ledger.rows > limit:
            self._ledger.reject(Reason.TOO_MANY, f'{self._ledger.rows} rows: {limit} are read')
        return places[:limit]

    def _block(self, text: str, places: list[_Place], complete: bool) -> Block:
        """All points in one block: ids mean the same in all of the answer."""
        kind = self._kind(places)
        ids = _identities(places) if kind == 'tracks' else list(range(1, len(places) + 1))
        shares = any(_dotted(text, place) for place in places) and all(
            place.largest <= 1 for place in places
        )
        scale = 1.0 if shares else _SCALE
        base = int(any(place.frame == 0 for place in places))  # added to each
        points: list[ParsedPoint] = []
        frames: dict[tuple[float | None, int | None], set[int]] = {}
        for place, number in zip(places, ids, strict=True):
            held = frames.setdefault(place.moment, set())
            written = text[place.node.start : place.node.end]
            if len(held) >= self._ledger.limits.points_per_frame:
                self._ledger.reject(Reason.TOO_MANY, written)
            elif number in held:
                self._ledger.reject(Reason.REPEATED_ID, written)
            else:
                held.add(number)
                points.append(_point(text, place, number, scale, base))
        if kind == 'points':
            self._report_degenerate(points)
        labels = {place.context.label for place in places}
        return Block(kind, labels.pop() if len(labels) == 1 else '', tuple(points), complete)

    def _kind(self, places: list[_Place]) -> Kind:
        if self._task is not Task.AUTO:
            return 'tracks' if self._task is Task.TRACK else 'points'
        if not all(place.context.id is not None for place in places):
            return 'points'
        moments: dict[int | str | None, set[tuple[float | None, int | None]]] = {}
        for place in places:
            moments.setdefault(_key(place.context.id), set()).add(place.moment)
        return 'tracks' if any(len(seen) > 1 for seen in moments.values()) else 'points'

    def _report_degenerate(self, points: list[ParsedPoint]) -> None:
        if len(points) >= _SAME_POINTS and len({(p.x, p.y) for p in points}) == 1:
            first = points[0]
            text = f'at {first.x:.3f} {first.y:.3f}, {len(points)} times'
            self._ledger.reject(Reason.DEGENERATE, text)


def _within(node: Node, context: _Context) -> _Context:
    """The context of what is in an object: the first of each name in it counts."""
    time, frame = _field(node, _TIMES), _field(node, _FRAMES)
    if time is not None or frame is not None:
        context = context._replace(time=time, frame=frame)
    if (number := _field(node, _IDS)) is not None:
        context = context._replace(id=number)
    if (label := _field(node, _LABELS)) is not None:
        context = context._replace(label=str(label.value).strip())
    return context


def _field(node: Node, names: tuple[str, ...]) -> Leaf | None:
    for name, value in node.items:
        if name in names and isinstance(value, Leaf) and not _is_nothing(value):
            return value
    return None


def _is_nothing(leaf: Leaf) -> bool:
    return isinstance(leaf.value, str) and leaf.value.strip().lower() in _NOTHING


def _is_list_of_none(node: Node) -> bool:
    """Whether an object states an empty list, as of `{"points": []}`."""
    return any(isinstance(value, Node) and not value.items for _, value in node.items)


def _lost(open_nodes: tuple[Node, ...]) -> Node | None:
    """The entry that the end of the text cut: an open object that is no wrapper of others."""
    for node in reversed(open_nodes):
        if node.is_object and not node.holds_objects:
            return node
    last = open_nodes[-1] if open_nodes else None
    return last if last is not None and last.items and not last.holds_objects else None


def _natural(leaf: Leaf) -> int | None:
    value = leaf.value
    if isinstance(value, str):
        return int(value) if re.fullmatch(r'[0-9]{1,9}', value.strip()) else None
    return int(value) if 0 <= value <= _LARGEST and value == int(value) else None


def _seconds(leaf: Leaf | None) -> float | None:
    """A time in seconds; None for what is none."""
    if leaf is None:
        return None
    if isinstance(leaf.value, float):
        return leaf.value if 0 <= leaf.value <= _LARGEST else None
    clock = _CLOCK.fullmatch(leaf.value.strip().lower())
    if clock is None:
        return None
    hours, minutes = int(clock['hours'] or 0), int(clock['minutes'] or 0)
    return 3600.0 * hours + 60.0 * minutes + float(clock['seconds'])


def _index(leaf: Leaf | None) -> int | None:
    return None if leaf is None else _natural(leaf)


def _key(leaf: Leaf | None) -> int | str | None:
    """What an id says: a number, also of "object_2", or a text; None if there is none."""
    number = _index(leaf)
    if number is not None or leaf is None:
        return number
    told = str(leaf.value)
    ending = _ID.fullmatch(told)
    return int(ending['number']) if ending else told


def _identities(places: list[_Place]) -> list[int]:
    """An id for each point of a track: as written, or the smallest that is free."""
    keys: list[int | str | tuple[str, int]] = []
    seen: dict[tuple[tuple[float | None, int | None], str], int] = {}
    for place in places:
        if (key := _key(place.context.id)) is not None:
            keys.append(key)
        else:
            turn = place.moment, place.context.label
            seen[turn] = seen.get(turn, 0) + 1
            keys.append((place.context.label, seen[turn]))
    taken = {key for key in keys if isinstance(key, int)}
    free = (number for number in range(1, len(places) + len(taken) + 1) if number not in taken)
    ids: dict[int | str | tuple[str, int], int] = {}
    for told in keys:
        if told not in ids:
            ids[told] = told if isinstance(told, int) else next(free)
    return [ids[told] for told in keys]


def _dotted(text: str, place: _Place) -> bool:
    return any('.' in text[leaf.start : leaf.end] for leaf in place.numbers)


def _point(text: str, place: _Place, number: int, scale: float, base: int) -> ParsedPoint:
    head = place.context.time or place.context.frame
    spans = [(place.node.start, place.node.start + 1)]  # that there is one more
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
    whole, dot, _ = written.partition('.')
    if scale == 1.0:
        return min(len(written), len(whole) + len(dot) + 2)
    return max(len(whole) - 1, 0)
