# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Joins the answers of windows that come for days, in constant memory and time.

It joins as `Stitcher` does. What no later window can change is handed out and forgotten.

An event is handed out once, and never taken back: two events that were kept apart are never joined
later. That is when it is ripe, as soon as the answers speak for 1.5 s of what followed it, and when
more than a share of the windows that are to show it have it. Once no later window can show it, it
is decided by the windows that do. It gets the next number then, for good; so an event that an older
window overlooked may have a higher number than a later event. An object is numbered when it is
first tracked.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from molmo_ground_ros.frames.windows import MAX_WINDOW_NS
from molmo_ground_ros.grounding.stitch import coverage
from molmo_ground_ros.grounding.stitch.covered import CoveredTime
from molmo_ground_ros.grounding.stitch.events import EVENT_NS, Agreement, EventMerger, Settled
from molmo_ground_ros.grounding.stitch.finding import AnsweredWindow, Event
from molmo_ground_ros.grounding.stitch.json_values import integer, window_json, window_of
from molmo_ground_ros.grounding.stitch.stitcher import check_answer, check_next
from molmo_ground_ros.grounding.stitch.tracks import TrackMerger
from molmo_ground_ros.types import Answer, Question

# Windows that began longer ago than this before the newest show nothing that can still change.
KEEP_NS = 4 * MAX_WINDOW_NS
# One window is enough.
ANY_WINDOW = Agreement()
# After every stamp.
_FOREVER_NS = 2**63


class RunningStitcher:
    """One question's answers about one camera, joined as long as they come. For one thread."""

    def __init__(self, camera: str, question: Question, agreement: Agreement = ANY_WINDOW) -> None:
        self.agreement = agreement
        self.covered = CoveredTime()
        self._camera = camera
        self._question = question
        self._windows: list[AnsweredWindow] = []
        # How many windows there were.
        self._index = 0
        # The start of the first window. All places in time are counted from it.
        self._origin_ns = 0
        self._events = EventMerger()
        self._tracks = TrackMerger()

    @property
    def count(self) -> int:
        """How many events were handed out."""
        return self._events.numbered

    @property
    def dropped(self) -> int:
        """How many events were not handed out, since too few windows have them."""
        return self._events.dropped

    @property
    def decided_ns(self) -> int:
        """The stamp up to which all events are decided; 0 before the first window."""
        if not self._windows:
            return 0
        settled = self._settled()
        return settled.final_ns if self.agreement.share else settled.ripe_ns

    @property
    def tracked(self) -> int:
        """How many objects were tracked."""
        return self._tracks.numbered

    @property
    def newest(self) -> AnsweredWindow | None:
        """The newest window, without its words; None before the first."""
        return self._windows[-1] if self._windows else None

    def add(self, answer: Answer, why: str = '') -> tuple[Event, ...]:
        """Join the next window, which begins after all before it; returns the events now ripe.

        why: the reason for a gap between this window and those before it. Raises BadSpan and
        BadArgument as `Stitcher.add` does.
        """
        check_answer(answer, self._camera, self._question)
        newest = self.newest
        check_next(answer.start_ns, answer.end_ns, newest.start_ns if newest else None)
        window = replace(coverage.answered(self._index, answer), text='', rejected=())
        self._origin_ns = self._origin_ns or window.start_ns
        diagonal = math.hypot(answer.image_width, answer.image_height)
        earlier = self._windows
        self._events.add(answer.points, answer.label, window, earlier, self._origin_ns, diagonal)
        tracks = [track for track in answer.tracks if track.points]
        self._tracks.add(tracks, window, diagonal)
        self.covered.add(window, earlier, why)
        self._index += 1
        oldest_ns = window.start_ns - KEEP_NS
        self._windows = [item for item in (*earlier, window) if item.start_ns > oldest_ns]
        agreement = replace(self.agreement, windows=max(self.agreement.windows, self._overlap()))
        ripe = self._events.publish(self._windows, self._settled(), agreement)
        self._events.forget(self._windows[0].index)
        self._tracks.forget(window.start_ns)
        return ripe

    def with_ids(self, answer: Answer) -> Answer:
        """The newest window's answer with the numbers of its objects as ids of its tracks."""
        if not answer.tracks or self.newest is None:
            return answer
        numbers = self._tracks.numbers(self.newest.index)
        tracks = tuple(
            replace(
                track,
                id=numbers[track.id],
                points=tuple(replace(point, id=numbers[track.id]) for point in track.points),
            )
            for track in answer.tracks
            if track.id in numbers
        )
        return replace(answer, tracks=tracks)

    def restart(self) -> tuple[Event, ...]:
        """Go on with windows of any time, since time jumped back; returns the events left.

        What comes is joined to nothing that was. Numbers go on.
        """
        ripe: tuple[Event, ...] = ()
        if self._windows:
            forever = Settled(_FOREVER_NS, _FOREVER_NS)
            ripe = self._events.publish(self._windows, forever, self.agreement)
        self._windows = []
        self._origin_ns = 0
        self._events = EventMerger(self._events.numbered, self._events.dropped)
        self._tracks = TrackMerger(self._tracks.numbered)
        self.covered.restart()
        return ripe

    def state(self) -> dict[str, Any]:
        """All that it needs to go on, as JSON."""
        return {
            'windows': [window_json(window) for window in self._windows],
            'index': self._index,
            'origin_ns': self._origin_ns,
            'events': self._events.state(),
            'tracks': self._tracks.state(),
            'covered': self.covered.state(),
        }

    @classmethod
    def restored(
        cls,
        camera: str,
        question: Question,
        state: Mapping[str, Any],
        agreement: Agreement = ANY_WINDOW,
    ) -> RunningStitcher:
        """The stitcher of `state`. Raises ValueError, TypeError or LookupError."""
        stitcher = cls(camera, question, agreement)
        stitcher._windows = [window_of(entry) for entry in state['windows']]
        stitcher._index = integer(state['index'])
        stitcher._origin_ns = integer(state['origin_ns'])
        stitcher._events = EventMerger.restored(state['events'])
        stitcher._tracks = TrackMerger.restored(state['tracks'])
        stitcher.covered = CoveredTime.restored(state['covered'])
        stitcher._check()
        return stitcher

    def _overlap(self) -> int:
        """How many windows show a moment if they go on as the newest two."""
        if len(self._windows) < 2:
            return 1
        before, newest = self._windows[-2:]
        return (newest.end_ns - newest.start_ns) // max(newest.end_ns - before.end_ns, 1)

    def _settled(self) -> Settled:
        """What is decided; the next window begins after the newest. There must be a window."""
        return Settled(
            final_ns=self._windows[-1].start_ns - EVENT_NS,
            ripe_ns=self.covered.until_ns - EVENT_NS,
        )

    def _check(self) -> None:
        """Raise ValueError for windows that do not follow each other."""
        indices = [window.index for window in self._windows]
        starts = [window.start_ns for window in self._windows]
        ascending = all(a < b for a, b in itertools.pairwise(starts))
        first = self._index - len(indices)
        if indices != list(range(first, self._index)) or not ascending:
            raise ValueError('its windows do not follow each other')
