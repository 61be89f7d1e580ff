# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers of a backend that replays a text: what reports of one answer are tested with."""

from __future__ import annotations

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.types import Answer, Clip, Query

TWO_POINTS = (
    'Counting the <points coords="0.5 1 500 250;3.0 2 100 800">grasp</points> shows a total of 2.'
)
ONE_TRACK = '<tracks coords="0.0 1 100 100;0.5 1 500 500;1.0 1 900 100">cup</tracks>'


def answer_of(text: str, clip: Clip) -> Answer:
    """What a model that says `text` answers about the clip."""
    return Grounder(ReplayBackend([text])).ground(clip, Query('How many grasps?'))
