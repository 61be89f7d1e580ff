# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the page's scripts read: label lines, paths and the stamps of videos, as JSON values.

A label line is the text of one event's record, without its verdict: the page appends that and saves
the line as it is. So no stamp becomes a number of JavaScript, which would round it.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import PurePath
from typing import Any

from molmo_ground_ros.analysis.findings import Analysis, Finding
from molmo_ground_ros.analysis.records import EVENT, KEYS, records
from molmo_ground_ros.reports.colours import hexadecimal
from molmo_ground_ros.reports.page_video import PageVideo

MOST_STAMPS = 40_000  # of a camera that a point can be moved to; of more, those of its video
# Of a record: the window's words are in the page already, and nobody corrects a position.
_LEFT_OUT = frozenset({
    *('position_status', 'position_x', 'position_y', 'position_z', 'depth_spread'),
    *('target_frame', 'position_reason', 'speed', 'text', 'verdict'),
})  # fmt: skip
_LINE_KEYS = tuple(key for key in KEYS if key not in _LEFT_OUT)
_NAME_LETTERS = frozenset('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-')
_LONGEST_NAME = 80


def label_lines(analysis: Analysis) -> list[list[str]]:
    """For each finding the line of each of its events, in their order: '{"type": ..., ...'.

    Appending ', "verdict": null}' makes a line of `records.jsonl`, with fewer keys.
    """
    questions = list(dict.fromkeys(finding.question for finding in analysis.findings))
    by_event: dict[tuple[int, str, int], str] = {}
    for record in records(analysis):
        if record['type'] == EVENT:
            line = json.dumps({key: record[key] for key in _LINE_KEYS})
            by_event[record['question'], record['camera'], record['id']] = line.removesuffix('}')
    return [
        [
            by_event[questions.index(finding.question), finding.camera, event.id]
            for event in finding.events
        ]
        for finding in analysis.findings
    ]


def digest(lines: Iterable[Iterable[str]]) -> str:
    """Names what is labelled: a browser keeps labels under it, so another run has others."""
    text = '\n'.join(line for of_finding in lines for line in of_finding)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def labels_name(sources: Sequence[str]) -> str:
    """The name of the file of labels, after the first recording: 'tabletop-labels.jsonl'."""
    stem = PurePath(sources[0]).stem if sources else ''
    plain = ''.join(letter if letter in _NAME_LETTERS else '-' for letter in stem)
    plain = plain[:_LONGEST_NAME].strip('-.')
    return f'{plain or "recording"}-labels.jsonl'


def event_stamps(analysis: Analysis, camera: str) -> list[int]:
    """The stamps of all events of a camera, ascending, each once."""
    return sorted(
        {
            event.sighting.point.stamp_ns
            for finding in analysis.findings
            for event in finding.events
            if finding.camera == camera
        }
    )


def camera_data(video: PageVideo, sampled: Sequence[int]) -> dict[str, Any]:
    """The stamps that a point can be moved to, and which of them the video shows.

    first: the earliest stamp, as text. steps: ns from each stamp to the next. frames: the index of
    the stamp of each frame of the video.
    """
    stamps = sampled if len(sampled) <= MOST_STAMPS else video.stamps
    return {
        'camera': video.camera,
        'first': str(stamps[0]) if stamps else '',
        'steps': [later - earlier for earlier, later in pairwise(stamps)],
        'frames': [bisect_left(stamps, stamp) for stamp in video.stamps],
        'note': video.note,
    }


def path_data(finding: Finding, video: PageVideo, most: int) -> list[dict[str, Any]]:
    """Of the first trajectories: the frames of the video that have a point, and its pixels."""
    frames = {stamp: frame for frame, stamp in enumerate(video.stamps)}
    paths = []
    for track in finding.tracks[:most]:
        places = [
            (frames[point.stamp_ns], round(point.x, 1), round(point.y, 1))
            for point in track.path
            if point.stamp_ns in frames
        ]
        paths.append({'id': track.id, 'ink': hexadecimal(track.id), 'places': places})
    return paths
