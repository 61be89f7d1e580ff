# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the next window begins: it overlaps with those before it, and leaves no hole if it can.

If the model falls behind, or does not answer, the window goes back to where coverage ended.
"""

from __future__ import annotations

from dataclasses import dataclass

from molmo_ground_ros.frames.windows import MAX_WINDOW_NS, OVERLAP_NS, SAMPLE_PERIOD_NS
from molmo_ground_ros.grounding.stitch import RunningStitcher


@dataclass(frozen=True, slots=True)
class Reach:
    """The stamps at which a window may begin. No stamp if earliest_ns is after latest_ns."""

    # Not before what is held, nor before the window before it.
    earliest_ns: int
    # A later start leaves a hole, unless the earliest does so already.
    latest_ns: int
    # The start that gives the length that was asked for.
    wish_ns: int

    @property
    def start_ns(self) -> int:
        """The start for this question alone."""
        return min(max(self.wish_ns, self.earliest_ns), self.latest_ns)


def reach(stitcher: RunningStitcher, held_ns: tuple[int, int], window_ns: int) -> Reach:
    """Where a window to the newest image may begin, whose answer the stitcher can join.

    held_ns: the stamps of the oldest and the newest image.
    """
    oldest_ns, end_ns = held_ns
    covered_ns, newest = stitcher.covered.until_ns, stitcher.newest
    earliest_ns = max(oldest_ns, end_ns - MAX_WINDOW_NS)
    if newest is None:
        joins_ns = covered_ns
        earliest_ns = max(earliest_ns, covered_ns)
    else:
        joins_ns = covered_ns - OVERLAP_NS
        earliest_ns = max(earliest_ns, newest.start_ns + SAMPLE_PERIOD_NS)
    latest_ns = min(max(earliest_ns, joins_ns), end_ns - SAMPLE_PERIOD_NS)
    return Reach(earliest_ns, latest_ns, end_ns - window_ns)


def common_start(leader: Reach, others: list[Reach]) -> int:
    """The start of one window for several questions; a question that it does not suit waits.

    It is that of the leader, moved as far as the leader can be moved where that suits all.
    """
    everyone = [leader, *others]
    earliest_ns = max(item.earliest_ns for item in everyone)
    latest_ns = min(item.latest_ns for item in everyone)
    if earliest_ns > latest_ns:
        return leader.start_ns
    wish_ns = min(item.wish_ns for item in everyone)
    return min(max(wish_ns, earliest_ns), latest_ns)
