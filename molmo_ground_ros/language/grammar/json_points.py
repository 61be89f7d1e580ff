# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads the points of an answer in JSON, as Qwen3-VL and Gemini write it. No text makes it raise.

    [{"time": 2.5, "point_2d": [412, 630], "label": "red cup", "id": 1}, ...]      Qwen3-VL: x, y
    [{"timestamp": "00:02", "point": [630, 412], "label": "red cup"}, ...]         Gemini: y, x
    {"count": 2, "points": [...]}

Coordinates are 0..1000 of the image, or shares of it where an answer has nothing above 1 and a
decimal point. A box stands for its centre. Sources: QwenLM/Qwen3-VL 9658872,
cookbooks/spatial_understanding.ipynb and video_understanding.ipynb (`time` with `bbox_2d`,
'mm:ss.ff'); Gemini API documentation, "Robotics: spatial reasoning" (2026), and
google-gemini/cookbook f1e7e3d, quickstarts/Spatial_understanding.ipynb (`box_2d` [ymin, xmin, ymax,
xmax]). They leave some cases open, which are decided as follows:
- An object counts if it is closed and nothing in it is out of place. The time, id and label of an
  object hold for the objects inside it too: `{"time": 1.0, "objects": [...]}`.
- Time is in seconds, a number or a text ("2.5 s"), or a text "mm:ss", "h:mm:ss", "mm:ss.f".
- Frames are counted from 0 if the answer names a frame 0, else from 1.
- Points of a track are of one object where they have the same id; without ids the k-th of a label
  in one frame is the k-th of that label in every other. Other points are numbered 1..N as written.
- Words up to `</think>` are no part of the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from molmo_ground_ros.language.grammar.json_block import SCALE, WrittenPoint, block_of
from molmo_ground_ros.language.grammar.json_fields import (
    Surroundings,
    index_of,
    natural_of,
    seconds_of,
    within,
)
from molmo_ground_ros.language.grammar.loose_json import Leaf, Node, find_json, walk
from molmo_ground_ros.language.grammar.parsed import (
    DEFAULT_LIMITS,
    Ledger,
    Parsed,
    ParsedPoint,
    ParseLimits,
    Reason,
)
from molmo_ground_ros.language.grammar.statements import read_statements, words_count
from molmo_ground_ros.types import Task

# Fields beside x and y that make those a corner of a box instead of a point.
_SIZES = {'w', 'width', 'h', 'height'}
_COUNTS = ('count', 'total', 'total_count')
_THINKING = ('<think>', '</think>')


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one family of models writes."""

    # Names of a point, or of a list of them.
    points: tuple[str, ...]
    boxes: tuple[str, ...]
    y_first: bool = False


QWEN = Dialect(('point_2d', 'points_2d', 'point', 'points'), ('bbox_2d', 'bbox', 'box_2d'))
GEMINI = Dialect(('point', 'points'), ('box_2d', 'bbox_2d'), y_first=True)


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
        """What the answer says if it ends here."""
        text = ''.join(self._pieces)
        opens, closes = _THINKING
        start = text.rfind(closes) + len(closes) if closes in text else 0
        if not start and text.lstrip().startswith(opens):
            self._ledger.reject(Reason.CUT_OFF, text)
            return Parsed(rejections=self._ledger.rejections())
        json = find_json(text, start)
        places = self._limited(list(self._places(text, json.roots)))
        if entry := _cut_entry(json.open):
            self._ledger.reject(Reason.CUT_OFF, text[entry.start :])
        block = block_of(text, places, self._task, self._ledger, complete=not json.open)
        stated = read_statements(json.plain)
        count = self._count()
        empty = not places and any(node.is_sound and not node.items for node in walk(json.roots))
        if count is None and not self._counts:
            count = stated.count if stated.count is not None else words_count(json.plain)
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

    def _places(self, text: str, roots: tuple[Node, ...]) -> Iterator[WrittenPoint]:
        """The points of all objects, in the order written."""
        # Nothing says what the numbers of a list without objects could be.
        for root in roots:
            if root.is_sound and root.items and not (root.is_object or root.holds_objects):
                self._refuse(Reason.UNREADABLE, text, root)
        waiting = [(node, Surroundings()) for node in reversed(roots)]
        while waiting:
            node, context = waiting.pop()
            if node.is_object:
                context = within(node, context)
                yield from self._points_of_object(text, node, context)
            waiting += [
                (value, context) for _, value in reversed(node.items) if isinstance(value, Node)
            ]

    def _points_of_object(
        self, text: str, node: Node, context: Surroundings
    ) -> Iterator[WrittenPoint]:
        """The points that an object itself states."""
        counted = node.sound and self._read_count(node)
        if not node.is_sound:
            if not node.holds_objects and node.end >= 0:
                self._refuse(Reason.UNREADABLE, text, node)
            return
        places = list(self._numbers(node))
        has_other = counted or node.holds_objects or not node.items or _has_empty_list(node)
        if not places and not has_other:
            self._refuse(Reason.UNREADABLE, text, node)
        for corners, numbers in places:
            self._ledger.rows += 1
            place = self._written_point(node, context, corners, numbers)
            if isinstance(place, Reason):
                self._ledger.reject(place, text[node.start : node.end])
            else:
                yield place

    def _read_count(self, node: Node) -> bool:
        """Whether the object states a count; notes it."""
        for name, value in node.items:
            if name in _COUNTS and isinstance(value, Leaf):
                number = natural_of(value)
                if number is not None:
                    self._counts.add(number)
                    return True
        return False

    def _numbers(self, node: Node) -> Iterator[tuple[int, tuple[Leaf, ...]]]:
        """For each point 1 corner, or else for each box 2, and its numbers as written.

        There are no numbers where something else stands in their place.
        """
        fields = dict(reversed(node.items))
        x, y = fields.get('x'), fields.get('y')
        if isinstance(x, Leaf) and isinstance(y, Leaf) and not fields.keys() & _SIZES:
            yield 1, (y, x) if self._dialect.y_first else (x, y)
            return
        for corners, names in enumerate((self._dialect.points, self._dialect.boxes), start=1):
            values = [v for n, v in node.items if n in names and isinstance(v, Node)]
            values = [value for value in values if not (value.is_object or value.holds_objects)]
            for value in values:
                lists = [item for _, item in value.items if isinstance(item, Node)]
                for numbers in lists or ([value] if value.items else []):
                    leaves = tuple(leaf for _, leaf in numbers.items if isinstance(leaf, Leaf))
                    is_plain = numbers.is_sound and len(leaves) == len(numbers.items)
                    yield corners, leaves if is_plain else ()
            if values:
                return

    def _written_point(
        self, node: Node, context: Surroundings, corners: int, leaves: tuple[Leaf, ...]
    ) -> WrittenPoint | Reason:
        """The point, or the box's centre, of these numbers; or why there is none."""
        numbers = [leaf.value for leaf in leaves if isinstance(leaf.value, float)]
        if not numbers or len(numbers) < len(leaves):
            return Reason.UNREADABLE
        if len(numbers) != 2 * corners:
            return Reason.EXTRA if len(numbers) > 2 * corners else Reason.UNREADABLE
        if not all(0.0 <= number <= SCALE for number in numbers):
            return Reason.OUT_OF_RANGE
        if self._dialect.y_first:
            numbers[::2], numbers[1::2] = numbers[1::2], numbers[::2]
        first, last = numbers[:2], numbers[-2:]
        if first[0] > last[0] or first[1] > last[1]:
            return Reason.UNREADABLE
        time, frame = seconds_of(context.time), index_of(context.frame)
        if context.time is not None and time is None:
            return Reason.UNREADABLE
        if time is None and context.frame is not None and frame is None:
            return Reason.UNREADABLE
        x, y = (first[0] + last[0]) / 2, (first[1] + last[1]) / 2
        frame = frame if time is None else None
        return WrittenPoint(node, context, time, frame, x, y, leaves, max(numbers))

    def _refuse(self, reason: Reason, text: str, node: Node) -> None:
        self._ledger.rows += 1
        self._ledger.reject(reason, text[node.start : node.end])

    def _limited(self, places: list[WrittenPoint]) -> list[WrittenPoint]:
        limit = self._ledger.limits.rows
        if self._ledger.rows > limit:
            self._ledger.reject(Reason.TOO_MANY, f'{self._ledger.rows} rows: {limit} are read')
        return places[:limit]


def _has_empty_list(node: Node) -> bool:
    """Whether an object states an empty list, as of `{"points": []}`."""
    return any(isinstance(value, Node) and not value.items for _, value in node.items)


def _cut_entry(open_nodes: tuple[Node, ...]) -> Node | None:
    """The entry that the end of the text cuts: an open object that holds no others."""
    for node in reversed(open_nodes):
        if node.is_object and not node.holds_objects:
            return node
    last = open_nodes[-1] if open_nodes else None
    return last if last is not None and last.items and not last.holds_objects else None
