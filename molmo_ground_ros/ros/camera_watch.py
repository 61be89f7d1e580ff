# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether a person must look at a camera, judged from what arrived lately. Knows no ROS types."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass

from molmo_ground_ros.errors import seconds
from molmo_ground_ros.frames.buffer_stats import COUNTED, BufferStats

# A camera is silent after this time without an image, and after as many of its usual periods.
SILENT_AFTER_NS = 2_000_000_000
SILENT_PERIODS = 5
# The time over which restarts of the buffer and stamps far from the others are counted.
WATCH_NS = 10_000_000_000
# So many restarts within that time are no loop of a recording.
MANY_RESTARTS = 3
# So many images, and this share of all, are no single wrong stamps.
MANY_IMAGES = 3
LARGE_SHARE = 0.1
# How much one interval between images counts in the usual period.
PERIOD_WEIGHT = 1 / 16


@dataclass(slots=True)
class Reception:
    """What was received from one subscription. Only its callbacks write it.

    failed: messages that could not be put into the buffer.
    """

    incompatible_qos: int = 0
    lost: int = 0
    failed: int = 0
    last_error: str = ''
    arrived_ns: int = 0  # of the newest message, by the steady clock; 0 before the first
    period_ns: float = 0.0  # the usual interval between messages; 0 before the second

    @property
    def silent_after_ns(self) -> float:
        """How long this camera may be without an image."""
        return max(SILENT_AFTER_NS, SILENT_PERIODS * self.period_ns)

    def silent_s(self) -> float:
        """Seconds since the newest message; nan before the first."""
        return (time.monotonic_ns() - self.arrived_ns) / 1e9 if self.arrived_ns else math.nan

    def note_arrival(self, now_ns: int) -> None:
        """Note that a message has arrived, whatever it holds."""
        if self.arrived_ns:
            # A pause is no period: it counts no more than silence does.
            interval_ns = min(now_ns - self.arrived_ns, self.silent_after_ns)
            weight = PERIOD_WEIGHT if self.period_ns else 1.0
            self.period_ns += weight * (interval_ns - self.period_ns)
        self.arrived_ns = now_ns

    def note_lost(self, change: int) -> None:
        """Add what the middleware counts as lost since its last event.

        It counts in 32 bits and hands them on as an unsigned number of 64 bits with the sign
        extended. A change below zero means that its count began again.
        """
        change %= 2**32
        if change < 2**31:
            self.lost += change


@dataclass(frozen=True, slots=True)
class Concern:
    """Why a person must look at a camera. is_error: none of its images can be used."""

    reason: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class _Counts:
    """The counts of one camera at one time, or how they changed since then."""

    time_ns: int  # steady clock
    failed: int
    counted: dict[str, int]  # by name of COUNTED

    def since(self, earlier: _Counts) -> _Counts:
        changes = {name: self.counted[name] - earlier.counted[name] for name in COUNTED}
        return _Counts(self.time_ns - earlier.time_ns, self.failed - earlier.failed, changes)


class CameraWatch:
    """Compares the counts of one camera with those of a while ago. For one thread."""

    def __init__(self, now_ns: int) -> None:
        """Begin when nothing has been counted. now_ns: steady clock."""
        self._history = deque([_Counts(now_ns, 0, dict.fromkeys(COUNTED, 0))])

    def concern(self, now_ns: int, stats: BufferStats, reception: Reception) -> Concern | None:
        """The gravest reason to look at the camera now, or None. Called at every tick."""
        counted = {name: getattr(stats, name) for name in COUNTED}
        counts = _Counts(now_ns, reception.failed, counted)
        lately = counts.since(self._as_of(now_ns - reception.silent_after_ns))
        watched = counts.since(self._as_of(now_ns - WATCH_NS))
        self._history.append(counts)
        self._forget(now_ns - max(WATCH_NS, reception.silent_after_ns))
        return (
            _silence(now_ns, reception)
            or _failures(lately, reception)
            or _stamps(lately)
            or _clocks(watched)
        )

    def _as_of(self, time_ns: float) -> _Counts:
        """The newest counts that are at least as old as that, or the oldest."""
        old = [counts for counts in self._history if counts.time_ns <= time_ns]
        return old[-1] if old else self._history[0]

    def _forget(self, time_ns: float) -> None:
        while len(self._history) > 1 and self._history[1].time_ns <= time_ns:
            self._history.popleft()


def _silence(now_ns: int, reception: Reception) -> Concern | None:
    silent_ns = now_ns - reception.arrived_ns
    if not reception.arrived_ns or silent_ns <= reception.silent_after_ns:
        return None
    reason = f'no image for {silent_ns / 1e9:.1f} s'
    if reception.period_ns:
        reason += f'; before, one came every {seconds(round(reception.period_ns))}'
    return Concern(reason)


def _failures(lately: _Counts, reception: Reception) -> Concern | None:
    if not lately.failed:
        return None
    reason = f'{lately.failed} messages could not be taken: {reception.last_error}'
    return Concern(reason, is_error=not lately.counted['received'])


def _stamps(lately: _Counts) -> Concern | None:
    """Stamps that are zero or stand still."""
    received, zero = lately.counted['received'], lately.counted['zero_stamp']
    same = lately.counted['duplicate']
    if zero:
        which = 'every image has' if zero == received else f'{zero} of {received} images have'
        reason = f'{which} stamp zero: the publisher must set header.stamp'
        return Concern(reason, is_error=zero == received)
    # The first image of a stamp is no duplicate.
    if same >= MANY_IMAGES - 1 and received - same <= 1:
        return Concern('every image has the same stamp: the clock stands still', is_error=True)
    if _are_many(same, received):
        return Concern(f'{same} of {received} images repeat a stamp: are there two publishers?')
    return None


def _clocks(watched: _Counts) -> Concern | None:
    """Stamps of two clocks on one topic."""
    span_s, received = watched.time_ns / 1e9, watched.counted['received']
    if watched.counted['epochs'] >= MANY_RESTARTS:
        return Concern(
            f'time jumped {watched.counted["epochs"]} times in {span_s:.0f} s, and the buffer '
            'began anew each time: are there two clocks on this topic?'
        )
    outliers = watched.counted['far_future'] + watched.counted['stale']
    if _are_many(outliers, received):
        return Concern(
            f'{outliers} of {received} images have stamps far from the others: are there two '
            'clocks on this topic?'
        )
    return None


def _are_many(images: int, received: int) -> bool:
    return images >= MANY_IMAGES and images > LARGE_SHARE * received
