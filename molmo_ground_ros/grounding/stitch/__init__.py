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
    running.py   answers that come for days -> events and objects, in constant memory
    pieces.py    tracks of single windows, and the objects that they are joined to
    covered.py   which times the answers that come for days speak for
    json_values.py  what a running stitcher remembers, as JSON

By design it cannot tell: an object that left and came back in another window, unless it is at rest
at its place (it gets a new id, with the older ones in `may_be`); objects asked for as points, which
every window points at anew (`count_least` leaves out those a window begins with); a switch of ids
that the model made inside one window.
"""

from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_NS
from molmo_ground_ros.grounding.stitch.coverage import unseen_of
from molmo_ground_ros.grounding.stitch.events import Agreement
from molmo_ground_ros.grounding.stitch.finding import (
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
from molmo_ground_ros.grounding.stitch.running import RunningStitcher
from molmo_ground_ros.grounding.stitch.stitcher import Stitcher

__all__ = [
    'SAMPLE_PERIOD_NS',
    'Agreement',
    'AnsweredWindow',
    'Event',
    'Finding',
    'Gap',
    'Mark',
    'RunningStitcher',
    'Seam',
    'Sighting',
    'Stitcher',
    'Trajectory',
    'WindowState',
    'unseen_of',
]
