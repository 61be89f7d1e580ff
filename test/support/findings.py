# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Analyses made by hand of the shipped recording: what outputs are tested with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from molmo_ground_ros.analysis.findings import Analysis, Finding
from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.grounding.stitch import Stitcher
from molmo_ground_ros.language.prompts import question_of
from molmo_ground_ros.recording import open_recording
from molmo_ground_ros.types import Answer, Frame, Point, Query, Rejection, Task, Track
from support.clips import SECOND

EXAMPLES = Path(__file__).resolve().parents[2] / 'examples'
TRUTH = json.loads((EXAMPLES / 'tabletop.json').read_text())
CAMERA = TRUTH['topics']['image']
WIDTH, HEIGHT = TRUTH['width'], TRUTH['height']
ZERO, LAST = TRUTH['first_stamp_ns'], TRUTH['last_stamp_ns']
COUNT = Query('How often is a block grasped?', Task.COUNT)
TRACK = Query('Track the blocks.', Task.TRACK)
MODEL = 'tabletop (test)'
# Seconds, x and y of what the analyses find.
EVENTS = ((2.0, 307.5, 125.5), (5.9, 190.0, 120.5), (9.5, 396.0, 237.5), (16.0, 250.0, 419.0))
NASTY = '</script><script>document.title="owned"</script>&amp; \'"<!-- \u202e\x00\ud800'


def read_stamps() -> list[int]:
    """Header stamps of the shipped recording, ns."""
    with open_recording(EXAMPLES / 'tabletop.mcap') as recording:
        return recording.stamps.tolist()


STAMPS = read_stamps()


def at(seconds: float) -> int:
    """The stamp of the picture that is nearest to this time."""
    return min(STAMPS, key=lambda stamp: abs(stamp - ZERO - round(seconds * SECOND)))


def point(seconds: float, number: int, x: float, y: float, score: float = 0.9) -> Point:
    """A point in the picture nearest to this time."""
    return Point(at(seconds), number, x, y, score, 'camera_optical')


def answer(query: Query, start: float, end: float, **fields: object) -> Answer:
    """An answer about a part of the recording, in seconds."""
    made = Answer(
        query=query,
        task=query.task,
        text='',
        count=None,
        label='block',
        points=(),
        tracks=(),
        camera=CAMERA,
        start_ns=ZERO + round(start * SECOND),
        end_ns=ZERO + round(end * SECOND),
        newest_ns=at(end),
        frame_id='camera_optical',
        image_width=WIDTH,
        image_height=HEIGHT,
        frames_used=20,
        frames_expected=21,
        truncated=False,
        model=MODEL,
    )
    return replace(made, **fields)


def grasps(query: Query = COUNT, words: str = 'Counting the blocks shows a total of 3.') -> Finding:
    """Four events in two windows that overlap, with one seen by both; a third window failed."""
    stitcher = Stitcher(CAMERA, question_of(query))
    one, two, three, four = EVENTS
    stitcher.add(
        answer(
            query,
            0,
            11,
            text=words,
            count=3,
            points=tuple(
                point(time, number, x, y)
                for number, (time, x, y) in enumerate((one, two, three), start=1)
            ),
            rejected=(Rejection('no such frame', words),),
        )
    )
    stitcher.add(
        answer(
            query,
            9,
            17,
            text=words,
            count=4,
            points=(
                point(three[0] + 0.5, 1, three[1] + 5, three[2]),
                point(four[0], 2, four[1], four[2], float('nan')),
            ),
        )
    )
    stitcher.miss(ZERO + 17 * SECOND + 1, LAST, 'the backend failed')
    return stitcher.result()


def paths(query: Query = TRACK, label: str = 'block') -> Finding:
    """Two objects followed through two windows, a point every half second."""
    stitcher = Stitcher(CAMERA, question_of(query))
    for start, end in ((0, 10), (8, 20)):
        tracks = tuple(
            Track(
                number,
                label,
                tuple(
                    point(time / 2, number, 100 * number + 6 * time, 80 * number + 3 * time)
                    for time in range(2 * start, 2 * end + 1)
                ),
            )
            for number in (1, 2)
        )
        stitcher.add(answer(query, start, end, tracks=tracks, label=label, text='two', count=2))
    return stitcher.result()


def analysis(*findings: Finding, **fields: object) -> Analysis:
    """An analysis of the shipped recording."""
    made = Analysis(
        sources=('examples/tabletop.mcap',),
        cameras=(CAMERA,),
        span_ns=(ZERO, LAST),
        findings=findings,
        losses=(),
        settings={'backend': 'replay', 'threads': '2'},
        model=MODEL,
        timing_s={'reading': 0.5, 'model': 12.25},
        frames=45,
        complete=True,
    )
    return replace(made, **fields)


class Decoded:
    """The shipped recording's pictures, and what was asked for; use as a context manager."""

    def __init__(self, broken: int = 0) -> None:
        self.asked: list[tuple[str, int]] = []
        self._broken = broken  # stamp of a picture that cannot be decoded

    def __enter__(self) -> Decoded:
        self._recording = open_recording(EXAMPLES / 'tabletop.mcap')
        return self

    def __exit__(self, *_) -> None:
        self._recording.close()

    def __call__(self, camera: str, stamp_ns: int) -> Frame:
        self.asked.append((camera, stamp_ns))
        if stamp_ns == self._broken:
            raise ImageError('a JPEG cut off in its pixels')
        return self._recording.clip(stamp_ns, stamp_ns).frames[0]

    @staticmethod
    def unreadable(camera: str, stamp_ns: int) -> Frame:
        """No picture can be decoded."""
        raise ImageError(f'{camera} {stamp_ns}')
