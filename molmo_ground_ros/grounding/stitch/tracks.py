# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Joins the tracks of overlapping windows into trajectories, one for each object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.frames.windows import MAX_WINDOW_NS, SAMPLE_PERIOD_NS
from molmo_ground_ros.grounding.stitch.assign import Costs, match
from molmo_ground_ros.grounding.stitch.coverage import depth_ns, missed_by
from molmo_ground_ros.grounding.stitch.doubts import note
from molmo_ground_ros.grounding.stitch.finding import (
    AnsweredWindow,
    Gap,
    Mark,
    Sighting,
    Trajectory,
)
from molmo_ground_ros.grounding.stitch.json_values import integer
from molmo_ground_ros.grounding.stitch.pieces import FollowedObject, TrackPiece
from molmo_ground_ros.types import Point, Track

# Two tracks are compared where both are, at the stamps of the newer one. A stamp at which their
# distance is below this speaks for one object, above it for two: two answers that each point 2 %
# beside an object are 2.8 % apart (root mean square), and 5.7 % if they follow two objects 5 %
# apart; the two are equally likely at about 4 %.
TRACK_SHARE = 0.04  # of the image diagonal
# Stamps that count at most. What an answer points at on an object, it points at all along, so more
# stamps tell little more.
MOST_STAMPS = 4
# In favour of one object before anything is compared, in stamps: for two, each window must have
# lost one, and just those two must be near each other. With MOST_STAMPS compared, tracks are joined
# up to 5.7 % apart (root mean square) where nothing fits better.
PRIOR = 4.0
# Decisions closer than this are marked. With MOST_STAMPS compared: tracks 4.5 to 5.7 % apart that
# are joined, 5.7 to 6.6 % that are kept apart, and which is which of objects less than 2.5 % apart.
DOUBT = 3.0

# Two windows may show two different frames of one grid time.
SLOT_NS = SAMPLE_PERIOD_NS // 2
# Where one stamp is missing a track is taken to go straight.
BRIDGE_NS = 2 * SAMPLE_PERIOD_NS

# Across a time without a sighting only an object at rest is joined. For this long before and after:
REST_NS = 3_000_000_000
# its points lie this close to one place (root mean square; pointing alone gives 2 %), so that it
# moves by less than 3 % a second. The two places are as near as those of one object, and no other
# lost or new object is within twice that distance.
REST_SHARE = 0.025
# After a longer time than one window it could have been taken away and replaced.
LOST_NS = MAX_WINDOW_NS


class TrackMerger:
    """Holds the objects of the windows so far, or of the last ones after `forget`.

    numbered: how many objects there were. They are numbered in the order in which windows first
    have them, within a window in order of time and place.
    """

    def __init__(self, numbered: int = 0) -> None:
        self.numbered = numbered
        self._objects: list[FollowedObject] = []
        # Those that may be in a window to come.
        self._recent: list[FollowedObject] = []

    def add(
        self, tracks: Sequence[Track], window: AnsweredWindow, diagonal: float
    ) -> tuple[int, int]:
        """Join a window's tracks to the objects; returns how many joined, how many are undecided.

        tracks: none without points. diagonal: of the image, in pixels.
        """
        new = sorted((TrackPiece(t, window.index, diagonal) for t in tracks), key=TrackPiece.order)
        begin_ns = window.start_ns
        self._recent = [item for item in self._recent if item.last_ns >= begin_ns - LOST_NS]
        old = [item for item in self._recent if item.last_ns >= begin_ns - SLOT_NS]
        matching = match(_costs(old, new, window), DOUBT)
        merged = [FollowedObject(piece) for piece in new]
        for i, j in matching.pairs:
            old[i].join(new[j])
            merged[j] = old[i]
        undecided = note(matching, old, merged)
        joined = {j for _, j in matching.pairs}
        unmatched = [merged[j] for j in range(len(new)) if j not in joined]
        resumed, doubtful = self._resume(unmatched, window.index)
        fresh = [item for item in unmatched if item.pieces]
        for item in fresh:
            self.numbered += 1
            item.number = self.numbered
        self._objects += fresh
        self._recent += fresh
        return len(joined) + resumed, undecided + doubtful

    def _resume(self, unmatched: Sequence[FollowedObject], window: int) -> tuple[int, int]:
        """Join new objects to lost ones where that can be decided, and mark the others.

        unmatched: the new objects, which take no part in any pair. Returns how many were joined,
        and how many are undecided.
        """
        lost = [item for item in self._recent if item.pieces[-1].window != window]
        near = {
            id(new): [old for old in lost if 0 < new.pieces[0].first_ns - old.last_ns <= LOST_NS]
            for new in unmatched
        }
        returns = _returns(unmatched, near)
        for old, new in returns:
            piece = new.pieces.pop()
            old.resumed_ns.append((old.last_ns, piece.first_ns))
            old.marks.add(Mark.RESUMED)
            old.join(piece)
        returned = [old for old, _ in returns]
        undecided = 0
        for new in unmatched:
            others = [old for old in near[id(new)] if old not in returned]
            if new.pieces and others:
                new.marks.add(Mark.MAY_BE_SAME)
                new.may_be += others
                undecided += 1
        return len(returns), undecided

    def numbers(self, window: int) -> dict[int, int]:
        """Track id -> the number of its object, for the tracks of the newest window's answer.

        window: its index.
        """
        return {
            piece.track.id: item.number
            for item in self._recent
            for piece in item.pieces[-1:]
            if piece.window == window
        }

    def forget(self, newest_ns: int) -> None:
        """Forget the objects that can be in no window to come, and what else no window needs.

        newest_ns: the start of the newest window. What is left does not grow.
        """
        self._objects = list(self._recent)
        for item in self._objects:
            item.prune(min(newest_ns - BRIDGE_NS, item.last_ns - REST_NS))

    def state(self) -> dict[str, Any]:
        """What is held after `forget`, as JSON."""
        return {'numbered': self.numbered, 'recent': [item.state() for item in self._recent]}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> TrackMerger:
        """The merger of `state`. Raises ValueError, TypeError or LookupError."""
        merger = cls(integer(state['numbered']))
        merger._recent = [FollowedObject.restored(entry) for entry in state['recent']]
        merger._objects = list(merger._recent)
        return merger

    def result(
        self, windows: Sequence[AnsweredWindow], gaps: Sequence[Gap]
    ) -> tuple[Trajectory, ...]:
        """The objects so far, in order of first appearance. windows: all, ascending in start."""
        paths = [(*_sightings(item, windows), item) for item in self._objects]
        paths.sort(key=lambda path: _order(path[0]))
        number = {id(item): n for n, (_, _, item) in enumerate(paths, start=1)}
        return tuple(
            _trajectory(item, points, duplicates, number, windows, gaps)
            for points, duplicates, item in paths
        )


def _returns(
    unmatched: Sequence[FollowedObject], near: Mapping[int, Sequence[FollowedObject]]
) -> list[tuple[FollowedObject, FollowedObject]]:
    """Pairs of a lost object and a new one that are one object at rest, with no rival.

    near: by id() of a new object, those that were lost not too long before it.
    """
    pairs: list[tuple[FollowedObject, FollowedObject]] = []
    for new in unmatched:
        old = _only([old for old in near[id(new)] if _distance(old, new) < 2 * TRACK_SHARE])
        if old is None or new.marks:
            continue
        rivals = [
            other
            for other in unmatched
            if old in near[id(other)] and _distance(old, other) < 2 * TRACK_SHARE
        ]
        if len(rivals) == 1 and _distance(old, new) < TRACK_SHARE and _is_at_rest(old, new):
            pairs.append((old, new))
    return pairs


def _costs(
    old: Sequence[FollowedObject], new: Sequence[TrackPiece], window: AnsweredWindow
) -> Costs:
    """What joining costs, less what leaving both alone costs."""
    costs = np.full((len(old), len(new)), np.inf)
    for i, item in enumerate(old):
        stamps, places = item.path(window.start_ns - BRIDGE_NS)
        for j, piece in enumerate(new):
            squares = _squares(stamps, places, piece)
            if len(squares):
                weight = min(len(squares), MOST_STAMPS)
                costs[i, j] = weight * (squares.mean() / TRACK_SHARE**2 - 1) - PRIOR
    return np.where(costs < DOUBT, costs, np.inf)


def _squares(
    stamps: NDArray[np.int64], places: NDArray[np.float64], piece: TrackPiece
) -> NDArray[np.float64]:
    """Squared distances, in shares of the diagonal, at the stamps of a piece where a path is.

    Between two stamps at most BRIDGE_NS apart a path is taken to go straight, and to rest for
    SLOT_NS before its first and after its last. The squares, unlike a distance of the means, tell
    objects that pass each other apart.
    """
    after = np.searchsorted(stamps, piece.stamps)
    left = stamps[np.maximum(after - 1, 0)]
    right = stamps[np.minimum(after, len(stamps) - 1)]
    nearest = np.minimum(abs(piece.stamps - left), abs(right - piece.stamps))
    between = (after > 0) & (after < len(stamps)) & (right - left <= BRIDGE_NS)
    is_compared = between | (nearest <= SLOT_NS)
    at, zero = piece.stamps[is_compared], stamps[0]
    x = np.interp(at - zero, stamps - zero, places[:, 0])
    y = np.interp(at - zero, stamps - zero, places[:, 1])
    apart = piece.places[is_compared] - np.stack([x, y], axis=1)
    squares: NDArray[np.float64] = (apart**2).sum(axis=1)
    return squares


def _only(items: Sequence[FollowedObject]) -> FollowedObject | None:
    return items[0] if len(items) == 1 else None


def _last_places(lost: FollowedObject) -> NDArray[np.float64]:
    """The places of a lost object in its last REST_NS."""
    return lost.path(lost.last_ns - REST_NS)[1]


def _first_places(new: FollowedObject) -> NDArray[np.float64]:
    """The places of a new object in its first REST_NS."""
    piece = new.pieces[0]
    return piece.places[piece.stamps <= piece.first_ns + REST_NS]


def _distance(old: FollowedObject, new: FollowedObject) -> float:
    """How far apart the mean places before and after are, as a share of the diagonal."""
    return float(np.hypot(*(_last_places(old).mean(axis=0) - _first_places(new).mean(axis=0))))


def _is_at_rest(old: FollowedObject, new: FollowedObject) -> bool:
    """Whether both stay at one place, by three points at least."""
    return all(
        len(places) >= 3
        and ((places - places.mean(axis=0)) ** 2).sum(axis=1).mean() < REST_SHARE**2
        for places in (_last_places(old), _first_places(new))
    )


def _sightings(
    item: FollowedObject, windows: Sequence[AnsweredWindow]
) -> tuple[tuple[Sighting, ...], tuple[Sighting, ...]]:
    """For each stamp the sighting deepest in its window (of equals the earlier), and the others."""
    by_stamp: dict[int, Sighting] = {}
    duplicates: list[Sighting] = []
    for piece in item.pieces:
        for point in piece.track.points:
            new = Sighting(piece.window, piece.track.label, point)
            old = by_stamp.setdefault(point.stamp_ns, new)
            if old is new:
                continue
            deeper = depth_ns(windows[new.window], new) > depth_ns(windows[old.window], old)
            duplicates.append(old if deeper else new)
            if deeper:
                by_stamp[point.stamp_ns] = new
    return tuple(by_stamp[stamp_ns] for stamp_ns in sorted(by_stamp)), tuple(duplicates)


def _order(points: Sequence[Sighting]) -> tuple[tuple[int, float, float], ...]:
    first = points[0].point, points[-1].point
    return tuple((point.stamp_ns, point.x, point.y) for point in first)


def _trajectory(
    item: FollowedObject,
    points: tuple[Sighting, ...],
    duplicates: tuple[Sighting, ...],
    number: dict[int, int],
    windows: Sequence[AnsweredWindow],
    gaps: Sequence[Gap],
) -> Trajectory:
    stamps = [sighting.point.stamp_ns for sighting in points]
    missed = missed_by(windows, stamps, {piece.window for piece in item.pieces})
    marks = set(item.marks)
    if missed:
        marks.add(Mark.UNCONFIRMED)
    if _beside(gaps, points[0].point, points[-1].point):
        marks.add(Mark.AT_EDGE)
    return Trajectory(
        id=number[id(item)],
        label=item.pieces[0].track.label,
        points=points,
        duplicates=duplicates,
        marks=tuple(sorted(marks)),
        may_be=tuple(sorted({number[id(other)] for other in item.may_be})),
        missed_by=missed,
        resumed_ns=tuple(item.resumed_ns),
    )


def _beside(gaps: Sequence[Gap], first: Point, last: Point) -> bool:
    """Whether a trajectory begins where a gap ends, or ends where one begins."""
    return any(
        abs(first.stamp_ns - gap.end_ns) <= SAMPLE_PERIOD_NS
        or abs(last.stamp_ns - gap.start_ns) <= SAMPLE_PERIOD_NS
        for gap in gaps
    )
