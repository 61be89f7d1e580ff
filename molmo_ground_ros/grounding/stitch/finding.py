# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What merging gives: a finding, with its events, tracks, windows, seams and gaps.

Every point of every window's answer is in exactly one event or track: as the sighting that stands
for it, or as a duplicate. Points are the grounder's own and never averaged: stamp, pixel and score
are those of one frame and one answer.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_NS
from molmo_ground_ros.types import Point, Question, Rejection


class Mark(enum.StrEnum):
    """What could not be decided about an event or a track; the value is a stable string."""

    # Joined from two windows, but hardly near enough.
    MAY_BE_TWO = 'may be two'
    # Kept apart from those in `may_be`, which may be the same.
    MAY_BE_SAME = 'may be the same as another'
    # Joined, but with another it would fit nearly as well.
    WHICH = 'which of several'
    # The windows in `missed_by` show the moment and do not have it.
    UNCONFIRMED = 'unconfirmed'
    # No other window shows how it goes on.
    AT_EDGE = 'at the edge of what was seen'
    # Joined across a time without a sighting: at rest at the same place.
    RESUMED = 'resumed'


class WindowState(enum.StrEnum):
    """What became of a window."""

    ANSWERED = 'answered'
    # Answered up to where the text was cut off.
    TRUNCATED = 'truncated'
    # The model said that it cannot answer.
    REFUSED = 'refused'
    # There is no answer.
    FAILED = 'failed'


@dataclass(frozen=True, slots=True)
class AnsweredWindow:
    """One window as it was answered."""

    index: int  # from 0, in order of time
    # The window that was asked for. Both ends belong to it.
    start_ns: int
    end_ns: int
    # The last stamp that the answer speaks for; before start_ns if it speaks for none.
    seen_until_ns: int
    # The stamp of the newest frame that was used; start_ns if there is none.
    newest_ns: int
    state: WindowState
    # Why the answer does not speak for all of the window; '' if it does.
    reason: str
    # The total that the model states. It is never changed to match the points.
    stated: int | None
    # How many occurrences its points tell apart.
    occurrences: int
    tracks: int
    label: str
    # The model's words.
    text: str
    frames_used: int
    frames_expected: int
    truncated: bool
    model: str
    latency_ns: int
    rejected: tuple[Rejection, ...]
    # The size of the newest frame in pixels; 0 if there is none.
    image_width: int = 0
    image_height: int = 0

    def shows(self, stamp_ns: int) -> bool:
        """Whether the answer speaks for this moment."""
        return self.start_ns <= stamp_ns <= self.seen_until_ns

    def begins_at(self, stamp_ns: int) -> bool:
        """Whether the stamp is of the first frame: less than a step of the grid from the start."""
        return abs(stamp_ns - self.start_ns) < SAMPLE_PERIOD_NS

    def ends_at(self, stamp_ns: int) -> bool:
        """Whether the stamp is of the last frame that the answer speaks for."""
        return abs(min(self.newest_ns, self.seen_until_ns) - stamp_ns) < SAMPLE_PERIOD_NS


@dataclass(frozen=True, slots=True)
class Sighting:
    """One point of one window's answer. `point.id` is the window's own."""

    window: int  # index
    # The model's label of the block that the point stands in.
    label: str
    point: Point


@dataclass(frozen=True, slots=True)
class Event:
    """One occurrence, merged from the sightings of overlapping windows."""

    id: int  # 1..N in order of time
    # The sighting that stands for the event: the one deepest inside its window.
    sighting: Sighting
    # Other sightings of the same occurrence.
    duplicates: tuple[Sighting, ...]
    marks: tuple[Mark, ...]
    # Ids of events that may be this one.
    may_be: tuple[int, ...]
    # Indices of windows that show the moment and do not have it.
    missed_by: tuple[int, ...]

    @property
    def point(self) -> Point:
        """The point of its sighting, with the event's own id."""
        return replace(self.sighting.point, id=self.id)


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One object, followed through all windows that have it."""

    id: int  # 1..N in order of first appearance
    # The label in the first window.
    label: str
    # One sighting for each stamp, ascending.
    points: tuple[Sighting, ...]
    # Sightings of the same stamps, by other windows.
    duplicates: tuple[Sighting, ...]
    marks: tuple[Mark, ...]
    # Ids of trajectories that may be this object.
    may_be: tuple[int, ...]
    # Indices of windows that show a moment of it and do not have it.
    missed_by: tuple[int, ...]
    # (from, to): times without a sighting, across which it was joined.
    resumed_ns: tuple[tuple[int, int], ...]
    # Metres a second at each point, NaN where it is unknown; () where there are no positions.
    speeds: tuple[float, ...] = ()

    @property
    def path(self) -> tuple[Point, ...]:
        """Its points, ascending in stamp, with the trajectory's own id."""
        return tuple(replace(sighting.point, id=self.id) for sighting in self.points)


@dataclass(frozen=True, slots=True)
class Seam:
    """Where a window was joined to those before it."""

    window: int  # index
    # The time that it shares with them. The start is after the end if there is none.
    start_ns: int
    end_ns: int
    events_joined: int
    tracks_joined: int
    # How many joins, and pairs kept apart, could as well have gone the other way.
    undecided: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A time that no answer speaks for, longer than a step of the grid."""

    start_ns: int
    end_ns: int
    # Indices of the windows that should have spoken for it; () if none was asked.
    windows: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One question's answer about one camera of a recording, merged from those of its windows.

    What begins before `settled_ns` keeps its number whatever window comes later.
    """

    question: Question
    camera: str  # topic
    windows: tuple[AnsweredWindow, ...]
    events: tuple[Event, ...]
    tracks: tuple[Trajectory, ...]
    seams: tuple[Seam, ...]
    gaps: tuple[Gap, ...]
    settled_ns: int

    @property
    def answered(self) -> tuple[AnsweredWindow, ...]:
        """The windows that have an answer, if only a refusal."""
        return tuple(window for window in self.windows if window.state is not WindowState.FAILED)

    @property
    def total(self) -> int | None:
        """What "how many" is answered with; None where no window states a total.

        Of one window the total that it states, of several the merged number of events.
        """
        stated = [window.stated for window in self.answered if window.stated is not None]
        return self.count if len(self.windows) > 1 and stated else next(iter(stated), None)

    @property
    def text(self) -> str:
        """The model's words, those of each window on lines of their own."""
        return '\n'.join(window.text for window in self.answered)

    @property
    def refused(self) -> bool:
        """Whether the model gave no answer in any window that it was asked about."""
        states = {window.state for window in self.answered}
        return states == {WindowState.REFUSED}

    @property
    def truncated(self) -> bool:
        """Whether an answer was cut off by the token limit."""
        return any(window.truncated for window in self.windows)

    @property
    def frames_used(self) -> int:
        """Frames that the model was shown; one that two windows share counts twice."""
        return sum(window.frames_used for window in self.windows)

    @property
    def frames_expected(self) -> int:
        """Frames that a recording without gaps would have given, counted in the same way."""
        return sum(window.frames_expected for window in self.windows)

    @property
    def rejected(self) -> tuple[Rejection, ...]:
        """The pieces of all answers that were not used."""
        return tuple(rejection for window in self.windows for rejection in window.rejected)

    @property
    def count(self) -> int:
        """The merged number of events. The windows' stated totals are beside it, in `windows`."""
        return len(self.events)

    @property
    def count_least(self) -> int:
        """Without the events that may be the same as another, or that a window does not confirm.

        One that another may be the same as is confirmed if it is, and counts.
        """
        named = {identity for event in self.events for identity in event.may_be}
        return sum(
            Mark.MAY_BE_SAME not in event.marks
            and (Mark.UNCONFIRMED not in event.marks or event.id in named)
            for event in self.events
        )

    @property
    def count_most(self) -> int:
        """With two for every event that may be two."""
        return self.count + sum(Mark.MAY_BE_TWO in event.marks for event in self.events)
