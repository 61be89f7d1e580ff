# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Merges the answers about overlapping windows into a finding. Knows no frames, models or ROS.

    finding.py   what merging gives: events, trajectories, windows, seams, gaps and marks
    coverage.py  which times the answers speak for
    assign.py    costs -> pairs, and the alternatives that cost hardly more
    doubts.py    marks what a matching leaves undecided
    events.py    occurrences -> events, each counted once
    tracks.py    tracks -> trajectories, one for each object
    stitcher.py  the answers, one after another -> the finding

By design it cannot tell: an object that left and came back in another window, unless it is at rest
at its place (it gets a new id, with the older ones in `may_be`); objects asked for as points, which
every window points at anew (`count_least` leaves out those a window begins with); a switch of ids
that the model made inside one window.
"""

from molmo_ground_ros.analysis.stitch.finding import (
    AnsweredWindow,
    Event,
    Finding,
    Gap,
    Mark,
    Seam,
    Sighting,
    Trajectory,
    WindowState,
)
from molmo_ground_ros.analysis.stitch.stitcher import Stitcher
from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_NS

__all__ = [
    'SAMPLE_PERIOD_NS',
    'AnsweredWindow',
    'Event',
    'Finding',
    'Gap',
    'Mark',
    'Seam',
    'Sighting',
    'Stitcher',
    'Trajectory',
    'WindowState',
]
