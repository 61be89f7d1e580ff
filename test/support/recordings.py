# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Simulated recordings: what truly happens, and what a model answers about each window.

No pictures: places and times only. Seeded throughout. An answer is what `grounder.Grounder` makes
of the text a model would write: labels of one decimal looked up among the frames shown,
coordinates of 0..1000. `test_stitch_bars.py` holds `answer` to the real Grounder on `text`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from molmo_ground_ros.frames import windows
from molmo_ground_ros.language.grammar import format_count, format_tracks, number_points
from molmo_ground_ros.types import Answer, Point, Query, Task, Track
from support.clips import SECOND, ZERO_NS

WIDTH, HEIGHT = 640, 480
DIAGONAL = math.hypot(WIDTH, HEIGHT)
SIZE = np.array([WIDTH, HEIGHT], float)
APART = 0.05  # of the diagonal: as near as two objects come
CLOSE = 0.08  # they are often put down this near
TICK_S = 0.1  # of the paths
LONGEST = 60  # ticks of a move
QUESTION, LABEL, CAMERA = 'How often is a block grasped?', 'block', 'front'

Row = tuple[float, int, float, float]  # label, id, x and y as shares of the image


@dataclass(frozen=True)
class Recording:
    """What truly happens, and when the camera took pictures."""

    stamps: list[int]  # of the frames
    places: np.ndarray  # (objects, ticks, 2) pixels, one every TICK_S from ZERO_NS on
    visible: np.ndarray  # (objects, ticks) bool
    events: list[tuple[float, int]]  # (seconds from ZERO_NS, object), ascending

    @cached_property
    def windows(self) -> list[tuple[tuple[int, int], list[windows.Sample]]]:
        """The spans it is cut into, each with the frames shown."""
        spans = windows.split(self.stamps[0], self.stamps[-1])
        return [(span, windows.sample(self.stamps, *span, self.stamps[0])[0]) for span in spans]

    def shares(self, seconds: np.ndarray) -> np.ndarray:
        """Where the objects are: (objects, times, 2), shares of width and height."""
        ticks = np.arange(self.places.shape[1]) * TICK_S
        axes = [[np.interp(seconds, ticks, place[:, axis]) for axis in (0, 1)]
                for place in self.places]  # fmt: skip
        return np.array(axes).transpose(0, 2, 1) / SIZE


@dataclass(frozen=True)
class Noise:
    """What is wrong with the answers."""

    jitter: float = 0.0  # standard deviation of a point: this share of the width, of the height
    missing: float = 0.0  # share of windows that know nothing of one of the objects
    steps: int = 0  # an event is put at most this many frames early or late


@dataclass(frozen=True)
class Reply:
    """One window's rows as the model writes them, and what they truly are."""

    span: tuple[int, int]
    shown: list[windows.Sample]
    points: list[Row]
    tracks: list[Row]
    event_of: dict[int, int]  # point id -> index into Recording.events
    object_of: dict[int, int]  # track id -> object


def simulate(seed: int, seconds: float = 300.0) -> Recording:
    """Two to six objects that rest and are moved about, and some two dozen events of them."""
    chance = np.random.default_rng(seed)
    ticks = round(seconds / TICK_S) + 1
    places = _paths(chance, int(chance.integers(2, 7)), ticks)
    visible = _visible(chance, places.shape[:2])
    stamps = _stamps(chance, seconds)
    return Recording(stamps, places, visible, _events(chance, visible, seconds))


def side_by_side(seed: int, seconds: float = 300.0) -> Recording:
    """Three objects that travel and turn together, the outer two APART from the one between."""
    chance = np.random.default_rng(seed)
    time = np.arange(round(seconds / TICK_S) + 1) * TICK_S
    swing = [np.sin(time / chance.uniform(5, 20) + chance.uniform(0, 6)) for _ in range(2)]
    middle = SIZE / 2 + np.stack(swing, axis=1) * SIZE / 4
    angle = time * chance.uniform(-0.3, 0.3)
    beside = np.stack([np.cos(angle), np.sin(angle)], axis=1) * APART * DIAGONAL
    places = np.array([middle, middle + beside, middle - beside])
    visible = np.ones(places.shape[:2], bool)
    return Recording(_stamps(chance, seconds), places, visible, _events(chance, visible, seconds))


def replies(recording: Recording, noise: Noise, seed: int) -> list[Reply]:
    """What a model that is as wrong as `noise` says about each window."""
    chance = np.random.default_rng(seed)
    return [reply_to(recording, *window, noise, chance) for window in recording.windows]


def text(reply: Reply) -> str:
    """The reply in the released grammar."""
    parts = [format_count(reply.points, LABEL)]
    return ' '.join(parts + ([format_tracks(reply.tracks, LABEL)] if reply.tracks else []))


def answer(recording: Recording, reply: Reply) -> Answer:
    """What the grounder makes of the reply's text, without writing and reading it."""
    stamp_of = {shown.seconds: recording.stamps[shown.index] for shown in reply.shown}
    points = tuple(_point(row, stamp_of) for row in reply.points)
    by_id: dict[int, list[Point]] = {}
    for row in reply.tracks:
        by_id.setdefault(row[1], []).append(_point(row, stamp_of))
    tracks = tuple(Track(i, LABEL, tuple(group)) for i, group in sorted(by_id.items()))
    return make_answer(
        reply.span, points, tracks, newest_ns=recording.stamps[reply.shown[-1].index]
    )


def make_answer(
    span: tuple[int, int],
    points: Sequence[Point] = (),
    tracks: Sequence[Track] = (),
    newest_ns: int = 0,
    count: int | None = -1,
    truncated: bool = False,
    refused: bool = False,
) -> Answer:
    """An answer about a window; `count` -1 states the number of points."""
    return Answer(
        query=Query(QUESTION),
        task=Task.COUNT,
        text='',
        count=len(points) if count == -1 else count,
        label=LABEL,
        points=tuple(points),
        tracks=tuple(tracks),
        camera=CAMERA,
        start_ns=span[0],
        end_ns=span[1],
        newest_ns=newest_ns or span[1],
        frame_id='',
        image_width=WIDTH,
        image_height=HEIGHT,
        frames_used=127,
        frames_expected=127,
        truncated=truncated,
        model='simulated',
        refused=refused,
    )


def _stamps(chance: np.random.Generator, seconds: float) -> list[int]:
    """A camera of 10 Hz, up to 5 ms early or late."""
    offsets = np.arange(0, seconds, 0.1) + chance.uniform(-0.005, 0.005, round(seconds * 10))
    return [ZERO_NS + round(max(offset, 0) * SECOND) for offset in offsets]


def _paths(chance: np.random.Generator, objects: int, ticks: int) -> np.ndarray:
    """Smooth moves and rests, never nearer to each other than APART."""
    places = np.repeat(_rest(chance, objects)[:, None], ticks, axis=1)
    restless = chance.random(objects) < 0.5
    queue = [(int(chance.integers(0, 50)), number) for number in range(objects)]
    heapq.heapify(queue)
    while queue and queue[0][0] < ticks - 20:
        begin, number = heapq.heappop(queue)
        end = _move(chance, places, number, begin)
        pause = 10 if restless[number] else int(chance.integers(10, 200))
        heapq.heappush(queue, (end + pause, number))
    return places


def _rest(chance: np.random.Generator, objects: int) -> np.ndarray:
    found: list[np.ndarray] = []
    while len(found) < objects:
        place = chance.uniform(0.05, 0.95, 2) * SIZE
        if all(math.dist(place, other) > APART * DIAGONAL for other in found):
            found.append(place)
    return np.array(found)


def _move(chance: np.random.Generator, places: np.ndarray, number: int, begin: int) -> int:
    """Move an object along a curve that keeps clear of all others; returns the tick of its end."""
    near = slice(begin, begin + LONGEST + 1)  # then all rest where they are now known to go
    others = places[np.arange(len(places)) != number, near]
    source = places[number, begin]
    for _ in range(4):
        length = min(int(chance.integers(10, LONGEST)), places.shape[1] - begin)
        target = chance.uniform(0.05, 0.95, 2) * SIZE
        if chance.random() < 0.4:
            angle, reach = chance.uniform(0, 2 * np.pi), chance.uniform(APART, CLOSE) * DIAGONAL
            beside = others[chance.integers(len(others)), 0]
            target = beside + reach * np.array([np.cos(angle), np.sin(angle)])
        bend = (source + target) / 2 + chance.normal(0, 60, 2)
        share = np.arange(length)[:, None] / (length - 1)
        share = share * share * (3 - 2 * share)
        planned = np.repeat(target[None], others.shape[1], axis=0)
        planned[:length] = share * share * target + (1 - share) * (
            2 * share * bend + (1 - share) * source
        )
        clear = ((others - planned) ** 2).sum(axis=2).min() > (APART * DIAGONAL) ** 2
        if clear and (planned > 0).all() and (planned < SIZE).all():
            places[number, begin : begin + length] = planned[:length]
            places[number, begin + length :] = target
            return begin + length
    return begin + 10


def _visible(chance: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Some leave for a while and come back."""
    visible = np.ones(shape, bool)
    for row in visible:
        if chance.random() < 0.3:
            begin, length = int(chance.integers(shape[1])), int(chance.integers(20, 200))
            row[begin : begin + length] = False
    return visible


def _events(
    chance: np.random.Generator, visible: np.ndarray, seconds: float
) -> list[tuple[float, int]]:
    """Half of them near the seams; those of one object a second apart, others at any time."""
    events: list[tuple[float, int]] = []
    seams = [58.0 * n for n in range(1, 6) if 58.0 * n < seconds - 6]
    for number in range(24):
        low, high = 0.0, seconds - 0.2
        if number % 2 and seams:
            low = seams[int(chance.integers(len(seams)))] - 1
            high = low + 7
        time, owner = float(chance.uniform(low, high)), int(chance.integers(len(visible)))
        again = any(other == owner and abs(time - then) < 1 for then, other in events)
        if visible[owner, round(time / TICK_S)] and not again:
            events.append((time, owner))
    return sorted(events)


def reply_to(
    recording: Recording,
    span: tuple[int, int],
    shown: list[windows.Sample],
    noise: Noise,
    chance: np.random.Generator,
) -> Reply:
    """What a model that is as wrong as `noise` says about one window and its frames."""
    stamps = np.array([recording.stamps[one.index] for one in shown])
    known = np.ones(len(recording.places), bool)
    if chance.random() < noise.missing:
        known[chance.integers(len(known))] = False
    points, event_of = _point_rows(recording, span, shown, stamps, known, noise, chance)
    tracks, object_of = _track_rows(recording, shown, stamps, known, noise, chance)
    return Reply(span, shown, points, tracks, event_of, object_of)


def _point_rows(
    recording: Recording,
    span: tuple[int, int],
    shown: list[windows.Sample],
    stamps: np.ndarray,
    known: np.ndarray,
    noise: Noise,
    chance: np.random.Generator,
) -> tuple[list[Row], dict[int, int]]:
    """The events of the window, each at the frame nearest to it."""
    spots = []
    for index, (time, owner) in enumerate(recording.events):
        time_ns = ZERO_NS + round(time * SECOND)
        if known[owner] and span[0] <= time_ns <= span[1]:
            nearest = int(abs(stamps - time_ns).argmin())
            nearest += int(chance.integers(-noise.steps, noise.steps + 1)) if noise.steps else 0
            frame = min(max(nearest, 0), len(shown) - 1)
            share = recording.shares(np.array([time]))[owner, 0]
            x, y = np.clip(share + chance.normal(0, noise.jitter, 2), 0, 1)
            spots.append((shown[frame].seconds, float(x), float(y), index))
    rows = number_points([spot[:3] for spot in spots])
    spots.sort(key=lambda spot: (spot[0], round(1000 * spot[1]), round(1000 * spot[2])))
    return rows, {row[1]: spot[3] for row, spot in zip(rows, spots, strict=True)}


def _track_rows(
    recording: Recording,
    shown: list[windows.Sample],
    stamps: np.ndarray,
    known: np.ndarray,
    noise: Noise,
    chance: np.random.Generator,
) -> tuple[list[Row], dict[int, int]]:
    """Every visible object in every frame; ids by first appearance, then by x and y."""
    seconds = (stamps - ZERO_NS) / SECOND
    shares = recording.shares(seconds)
    shares = np.clip(shares + chance.normal(0, noise.jitter, shares.shape), 0, 1)
    ticks = np.minimum(np.rint(seconds / TICK_S).astype(int), recording.visible.shape[1] - 1)
    there = recording.visible[:, ticks] & known[:, None]
    owners = [owner for owner in range(len(there)) if there[owner].any()]
    first = {owner: int(there[owner].argmax()) for owner in owners}
    owners.sort(key=lambda owner: (first[owner], *shares[owner, first[owner]]))
    rows = [
        (shown[frame].seconds, number, *shares[owner, frame].tolist())
        for number, owner in enumerate(owners, start=1)
        for frame in np.flatnonzero(there[owner]).tolist()
    ]
    return rows, dict(enumerate(owners, start=1))


def _point(row: Row, stamp_of: dict[float, int]) -> Point:
    label, number, x, y = row
    place = round(1000 * x) / 1000 * WIDTH, round(1000 * y) / 1000 * HEIGHT
    return Point(stamp_of[label], number, *place)
