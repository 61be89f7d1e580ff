# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Joins the occurrences that overlapping windows point at into events, each counted once."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.frames.windows import MAX_WINDOW_NS
from molmo_ground_ros.grounding.stitch.assign import Costs, match
from molmo_ground_ros.grounding.stitch.coverage import by_index, depth_ns, missed_by, showing
from molmo_ground_ros.grounding.stitch.doubts import Merged, note
from molmo_ground_ros.grounding.stitch.finding import AnsweredWindow, Event, Mark, Sighting
from molmo_ground_ros.grounding.stitch.json_values import integer, sighting_json, sighting_of
from molmo_ground_ros.types import Point

# How far apart two sightings of one event may be, in place and in time, both as shares of an
# ellipse: (distance / EVENT_SHARE)^2 + (time / EVENT_NS)^2 < 1.
# Two answers that each point 2 % beside a place (root mean square, in shares of the diagonal) are
# 10 % apart once in 270,000 times: exp(-(0.10 / 0.02)^2 / 2).
EVENT_SHARE = 0.10  # of the image diagonal
# The model looks at 2 fps: an event's time may differ by a step of the grid or two, and not three.
EVENT_NS = 1_500_000_000
# What it costs to leave a sighting alone if another window speaks for its moment and so should have
# it. If no other window does, it costs nothing. So two sightings outside of the time that their
# windows share are never joined.
UNSEEN = 0.5
# Decisions closer than this are marked: which is which of two events of one moment less than 2.7 %
# of the diagonal apart, and pairs 9.2 to 10 % apart that are joined, 10 to 10.7 % that are not.
DOUBT = 0.15


class _Event(Merged):
    """Sightings of one occurrence, ascending in window and time."""

    def __init__(
        self, sightings: Sequence[Sighting], places: NDArray[np.float64], depth: int
    ) -> None:
        super().__init__()
        self.sightings = list(sightings)
        # (sightings, 3): the stamp in EVENT_NS, x and y in EVENT_SHARE.
        self.places = places
        self.last_ns = sightings[-1].point.stamp_ns
        # Whether too few of the windows that show it have it.
        self.is_dropped = False
        # Of the windows' first sightings the one deepest inside its window; of equals the earlier.
        self.deepest, self.depth_ns = sightings[0], depth

    def join(self, other: _Event) -> None:
        """Take the sightings of the next window."""
        self.sightings += other.sightings
        self.last_ns = max(self.last_ns, other.last_ns)
        self.places = np.concatenate([self.places, other.places])
        if other.depth_ns > self.depth_ns:
            self.deepest, self.depth_ns = other.deepest, other.depth_ns

    def prune(self, oldest: int) -> None:
        """Forget the sightings of windows before the one with this index, but for the deepest."""
        if self.sightings[0].window < oldest:
            held = [s.window >= oldest or s is self.deepest for s in self.sightings]
            self.sightings = list(itertools.compress(self.sightings, held))
            self.places = self.places[held]

    def state(self) -> dict[str, Any]:
        """The event as JSON."""
        return {
            **self.doubts_state(),
            'sightings': [sighting_json(sighting) for sighting in self.sightings],
            'places': self.places.tolist(),
            'last_ns': self.last_ns,
            'is_dropped': self.is_dropped,
            'deepest': [sighting is self.deepest for sighting in self.sightings].index(True),
            'depth_ns': self.depth_ns,
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> _Event:
        """The event of `state`. Raises ValueError, TypeError or LookupError."""
        sightings = [sighting_of(entry) for entry in state['sightings']]
        places = np.array(state['places'], float).reshape(len(sightings), 3)
        if not sightings or not np.isfinite(places).all():
            raise ValueError('an event without sightings, or at no place')
        event = cls(sightings, places, integer(state['depth_ns']))
        event.deepest = sightings[integer(state['deepest'])]
        event.last_ns = integer(state['last_ns'])
        event.is_dropped = state['is_dropped'] is True
        event.restore_doubts(state)
        return event


@dataclass(frozen=True, slots=True)
class Settled:
    """Up to which stamps events are decided."""

    # No later window shows these.
    final_ns: int
    # Answers speak for what followed these.
    ripe_ns: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """Which events count: those that more than a share of the windows that show them have.

    share: from 0, where one window is enough, to below 1. windows: how many show a moment if none
    is left out; before as many do, so many must be expected.
    """

    share: float = 0.0
    windows: int = 1

    def is_met(self, having: int, showing: int) -> bool:
        """Whether so many windows are enough of those that show an event."""
        return having > self.share * showing


class EventMerger:
    """Holds the events of the windows so far, or of the last ones after `forget`."""

    def __init__(self, numbered: int = 0, dropped: int = 0) -> None:
        # How many are numbered, and how many never will be.
        self.numbered, self.dropped = numbered, dropped
        self._events: list[_Event] = []
        # Those that may be in a window to come.
        self._recent: list[_Event] = []

    def add(
        self,
        points: Sequence[Point],
        label: str,
        window: AnsweredWindow,
        earlier: Sequence[AnsweredWindow],
        origin_ns: int,
        diagonal: float,
    ) -> tuple[int, int]:
        """Join a window's points to the events; returns how many joined, how many are undecided.

        points: those of one id are one occurrence. earlier: the windows before, ascending in start.
        origin_ns: any stamp, the same for all windows. diagonal: of the image, in pixels.
        """
        new = _occurrences(points, label, window, origin_ns, diagonal)
        begin_ns = window.start_ns - MAX_WINDOW_NS - EVENT_NS
        self._recent = [event for event in self._recent if event.last_ns > begin_ns]
        old = [event for event in self._recent if event.last_ns > window.start_ns - EVENT_NS]
        matching = match(_costs(old, new, window, earlier), DOUBT)
        merged = list(new)
        for i, j in matching.pairs:
            old[i].join(new[j])
            merged[j] = old[i]
        undecided = note(matching, old, merged)
        joined = {j for _, j in matching.pairs}
        fresh = [new[j] for j in range(len(new)) if j not in joined]
        for event in fresh:
            undecided += self._mark_standing(event, window, earlier)
        self._events += fresh
        self._recent += fresh
        return len(joined), undecided

    def _mark_standing(
        self, event: _Event, window: AnsweredWindow, earlier: Sequence[AnsweredWindow]
    ) -> bool:
        """Mark an event that a window may only begin with, since another window has pointed at it.

        If the model is asked for objects instead of for what happens, it points at each object
        where the window first shows it. Then the place is the same, and the time says nothing.
        Returns whether the event was marked.
        """
        first = event.sightings[0].point
        if not window.begins_at(first.stamp_ns):
            return False
        before = {other.index for other in showing(earlier, first.stamp_ns)}
        for other in self._recent:
            having = {sighting.window for sighting in other.sightings}
            if having & before and window.index not in having:
                away = ((other.places[:, None, 1:] - event.places[:, 1:]) ** 2).sum(axis=2)
                if away.min() < 1 and other not in event.may_be:
                    event.marks.add(Mark.MAY_BE_SAME)
                    event.may_be.append(other)
        return Mark.MAY_BE_SAME in event.marks

    def result(self, windows: Sequence[AnsweredWindow]) -> tuple[Event, ...]:
        """The events so far, numbered in order of time. windows: all, ascending in start."""
        ordered = sorted(self._events, key=_order)
        for number, event in enumerate(ordered, start=1):
            event.number = number
        end_ns = max((window.end_ns for window in windows), default=0)
        return tuple(_value(event, windows, end_ns) for event in ordered)

    def publish(
        self,
        windows: Sequence[AnsweredWindow],
        settled_ns: Settled,
        agreement: Agreement,
    ) -> tuple[Event, ...]:
        """Number the events that count from now on, in order of time, and give them. For good.

        What cannot count any more is dropped. windows: those that are held, not empty.
        """
        counted = []
        for event in self._events:
            if event.number or event.is_dropped:
                continue
            having, showing = self._agreeing(event, windows)
            if event.last_ns <= settled_ns.final_ns:
                event.is_dropped = not agreement.is_met(having, showing)
                self.dropped += event.is_dropped
                counted += [] if event.is_dropped else [event]
            elif event.deepest.point.stamp_ns <= settled_ns.ripe_ns:
                expected = max(showing, agreement.windows)
                counted += [event] if agreement.is_met(having, expected) else []
        counted.sort(key=_order)
        for event in counted:
            self.numbered += 1
            event.number = self.numbered
        end_ns = max(window.end_ns for window in windows)
        return tuple(_value(event, windows, end_ns) for event in counted)

    def _agreeing(self, event: _Event, windows: Sequence[AnsweredWindow]) -> tuple[int, int]:
        """How many windows have an event, and how many show it.

        A window that begins or ends with it counts only if it has it.
        """
        having = {sighting.window for sighting in event.sightings}
        return len(having), len(having) + len(_missed_by(event, windows))

    def forget(self, oldest: int) -> None:
        """Forget the events that no window to come can tell anything about.

        oldest: the index of the first window that is still held. What is left does not grow.
        """
        for event in self._events:
            if event.number or event.is_dropped:
                # It was handed out, or never will be. Else each event would hold the one before
                # it, to the first.
                event.may_be.clear()
            event.prune(oldest)
        self._events = list(self._recent)

    def state(self) -> dict[str, Any]:
        """What is held after `forget`, as JSON."""
        recent = [event.state() for event in self._recent]
        return {'numbered': self.numbered, 'dropped': self.dropped, 'recent': recent}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> EventMerger:
        """The merger of `state`. Raises ValueError, TypeError or LookupError."""
        merger = cls(integer(state['numbered']), integer(state['dropped']))
        merger._recent = [_Event.restored(entry) for entry in state['recent']]
        merger._events = list(merger._recent)
        return merger


def _occurrences(
    points: Sequence[Point],
    label: str,
    window: AnsweredWindow,
    origin_ns: int,
    diagonal: float,
) -> list[_Event]:
    """A window's points by id, in an order that does not depend on the ids."""
    by_id: dict[int, list[Sighting]] = {}
    for point in sorted(points, key=lambda p: (p.stamp_ns, p.x, p.y, p.id)):
        by_id.setdefault(point.id, []).append(Sighting(window.index, label, point))
    unit = diagonal * EVENT_SHARE
    return [
        _Event(
            sightings,
            np.array(
                [
                    ((s.point.stamp_ns - origin_ns) / EVENT_NS, s.point.x / unit, s.point.y / unit)
                    for s in sightings
                ]
            ),
            depth_ns(window, sightings[0]),
        )
        for sightings in by_id.values()
    ]


def _costs(
    old: Sequence[_Event],
    new: Sequence[_Event],
    window: AnsweredWindow,
    earlier: Sequence[AnsweredWindow],
) -> Costs:
    """What joining costs, less what leaving both alone costs; the nearest sightings count."""
    if not old or not new:
        return np.full((len(old), len(new)), np.inf)
    ours = np.concatenate([event.places for event in old])
    theirs = np.concatenate([event.places for event in new])
    apart = np.zeros((len(ours), len(theirs)))
    for axis in range(3):
        apart += (ours[:, axis, None] - theirs[:, axis]) ** 2
    apart = np.minimum.reduceat(apart, _starts(old), axis=0)
    apart = np.minimum.reduceat(apart, _starts(new), axis=1)
    # Whether the new window shows an old event, and an earlier window a new one.
    in_new = [any(window.shows(s.point.stamp_ns) for s in event.sightings) for event in old]
    in_old = [any(showing(earlier, s.point.stamp_ns) for s in event.sightings) for event in new]
    costs = apart - UNSEEN * np.array(in_new)[:, None] - UNSEEN * np.array(in_old)
    return np.where(costs < DOUBT, costs, np.inf)


def _starts(events: Sequence[_Event]) -> NDArray[np.intp]:
    return np.cumsum([0, *(len(event.places) for event in events[:-1])])


def _order(event: _Event) -> tuple[int, float, float, int]:
    point = event.deepest.point
    return point.stamp_ns, point.x, point.y, event.deepest.window


def _value(event: _Event, windows: Sequence[AnsweredWindow], end_ns: int) -> Event:
    """A numbered event, marked with what other windows show.

    windows: those that show a moment of it and those around, ascending in start. end_ns: the last
    of theirs.
    """
    missed = _missed_by(event, windows)
    marks = set(event.marks)
    if missed:
        marks.add(Mark.UNCONFIRMED)
    if _at_edge(event, windows, end_ns):
        marks.add(Mark.AT_EDGE)
    return Event(
        id=event.number,
        sighting=event.deepest,
        duplicates=tuple(other for other in event.sightings if other is not event.deepest),
        marks=tuple(sorted(marks)),
        may_be=event.may_be_numbers(),
        missed_by=missed,
    )


def _missed_by(event: _Event, windows: Sequence[AnsweredWindow]) -> tuple[int, ...]:
    """Windows that show the moment and do not have it.

    Those that begin or end with it do not count: it may have happened just outside of them.
    """
    having = {other.window for other in event.sightings}
    stamp_ns = event.deepest.point.stamp_ns
    missed = (by_index(windows, index) for index in missed_by(windows, [stamp_ns], having))
    return tuple(w.index for w in missed if not w.begins_at(stamp_ns) and not w.ends_at(stamp_ns))


def _at_edge(event: _Event, windows: Sequence[AnsweredWindow], end_ns: int) -> bool:
    """Whether one window alone has it, in its first or last frame, with a time beyond that frame.

    Before the first window and after the newest there is none.
    """
    if len({sighting.window for sighting in event.sightings}) > 1:
        return False
    window = by_index(windows, event.sightings[0].window)
    stamp_ns = event.sightings[0].point.stamp_ns
    begins = window.index > 0 and window.begins_at(stamp_ns)
    return begins or (window.seen_until_ns < end_ns and window.ends_at(stamp_ns))
