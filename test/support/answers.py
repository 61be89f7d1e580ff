# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Findings of a backend that replays a text: what reports of one finding are tested with."""

from __future__ import annotations

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.stitch import Finding, Stitcher
from molmo_ground_ros.types import Clip, Query

TWO_POINTS = (
    'Counting the <points coords="0.5 1 500 250;3.0 2 100 800">grasp</points> shows a total of 2.'
)
ONE_TRACK = '<tracks coords="0.0 1 100 100;0.5 1 500 500;1.0 1 900 100">cup</tracks>'


def finding_of(text: str, clip: Clip, query: str = 'How many grasps?') -> Finding:
    """What is found in the clip, as the only window, by a model that writes `text`."""
    grounder = Grounder(ReplayBackend([text]))
    question = grounder.question(Query(query))
    stitcher = Stitcher(clip.camera, question)
    stitcher.add(*grounder.ground_all(clip, [question]))
    return stitcher.result()
