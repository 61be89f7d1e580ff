# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An analysis of 37 minutes with 369 events, as a person has to read it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from molmo_ground_ros.analysis.findings import Analysis, Finding
from molmo_ground_ros.frames.windows import MAX_WINDOW_NS, split
from molmo_ground_ros.grounding.stitch import Stitcher
from molmo_ground_ros.language.prompts import question_of
from molmo_ground_ros.types import Answer, Frame, Point, Query, Task, Track
from support.clips import SECOND

CAMERA = '/gripper/color/image_raw'
WIDTH, HEIGHT = 320, 240
ZERO = 1_764_000_000_123_456_789  # no float and no number of JavaScript holds it
STEP = SECOND // 2
MINUTES, EVENTS = 37, 369
STAMPS = [ZERO + k * STEP for k in range(MINUTES * 120 + 1)]
COUNT = Query('How often does the gripper close on a part?', Task.COUNT)
TRACK = Query('Track the tray.', Task.TRACK)
MODEL = 'made up (test)'


def place(stamp: int) -> tuple[float, float]:
    """Where the part is at a stamp, pixels."""
    turn = (stamp - ZERO) / SECOND / 11
    return 160.0 + 110 * float(np.cos(turn)), 120.0 + 80 * float(np.sin(1.7 * turn))


def event_stamps(number: int = EVENTS) -> list[int]:
    """Stamps of so many events: some close together, most spread out, one pause of two minutes."""
    chance = random.Random(5)
    free = [stamp for stamp in STAMPS if not 900 < (stamp - ZERO) / SECOND < 1020]
    return sorted(chance.sample(free, number))


def _answer(query: Query, span: tuple[int, int], **fields: object) -> Answer:
    made = Answer(
        query=query, task=query.task, text='Counting the parts.', count=None, label='part',
        points=(), tracks=(), camera=CAMERA, start_ns=span[0], end_ns=span[1], newest_ns=span[1],
        frame_id='gripper', image_width=WIDTH, image_height=HEIGHT, frames_used=127,
        frames_expected=127, truncated=False, model=MODEL,
    )  # fmt: skip
    return replace(made, **fields)


def _within(span: tuple[int, int], stamps: Sequence[int]) -> list[int]:
    return [stamp for stamp in stamps if span[0] <= stamp <= span[1]]


def closings(number: int = EVENTS) -> Finding:
    """The events, in overlapping windows; every tenth has no score."""
    stitcher = Stitcher(CAMERA, question_of(COUNT))
    stamps = event_stamps(number)
    scores = {
        stamp: float('nan') if k % 10 == 9 else 0.2 + 0.79 * (k * 37 % 101) / 101
        for k, stamp in enumerate(stamps)
    }
    for span in split(STAMPS[0], STAMPS[-1], MAX_WINDOW_NS):
        points = tuple(
            Point(stamp, k, *place(stamp), scores[stamp], 'gripper')
            for k, stamp in enumerate(_within(span, stamps), start=1)
        )
        stitcher.add(_answer(COUNT, span, points=points, count=len(points)))
    return stitcher.result()


def tray() -> Finding:
    """One object, followed through the first minute."""
    stitcher = Stitcher(CAMERA, question_of(TRACK))
    span = STAMPS[0], STAMPS[120]
    points = tuple(Point(stamp, 1, *place(stamp), 0.9, 'gripper') for stamp in STAMPS[:121])
    stitcher.add(_answer(TRACK, span, tracks=(Track(1, 'tray', points),)))
    stitcher.miss(STAMPS[121], STAMPS[-1], 'it was interrupted')
    return stitcher.result()


def analysis(*findings: Finding) -> Analysis:
    """The analysis of 37 minutes."""
    return Analysis(
        sources=('monday shift.mcap',), cameras=(CAMERA,), span_ns=(STAMPS[0], STAMPS[-1]),
        findings=findings, losses=(), settings={'backend': 'replay'}, model=MODEL,
        timing_s={'model': 900.0}, frames=len(STAMPS), complete=True,
    )  # fmt: skip


def read_frame(camera: str, stamp: int) -> Frame:
    """A part on a grey ground, at its place, with its time."""
    assert camera == CAMERA
    image = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    image[::16] = 140
    x, y = place(stamp)
    cv2.circle(image, (round(x), round(y)), 14, (40, 90, 200), -1)
    seconds = f'{(stamp - ZERO) / SECOND:.1f}'
    cv2.putText(image, seconds, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1)
    return Frame(stamp, image, 'gripper')
