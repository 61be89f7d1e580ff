# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Positions in metres for the points of an analysis.

They are computed after merging. Merging needs pixels alone, so the answers that a run keeps and
resumes from do not depend on depth, and only the depth of the points that are shown is read.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from molmo_ground_ros.analysis.findings import Analysis, Finding
from molmo_ground_ros.grounding.motion import speeds
from molmo_ground_ros.grounding.stitch import Sighting, Trajectory
from molmo_ground_ros.recording import RecordedSpace
from molmo_ground_ros.types import Point

# A point without its numbers: its frame's size, its stamp, its frame id, and its pixel.
_Place = tuple[tuple[int, int], int, str, float, float]


def with_positions(analysis: Analysis, spaces: Mapping[str, RecordedSpace]) -> Analysis:
    """The analysis with a position for every event and track point of the named cameras."""
    if not spaces:
        return analysis
    began_s = time.monotonic()
    placed = {
        camera: _placed([f for f in analysis.findings if f.camera == camera], around)
        for camera, around in spaces.items()
    }
    findings = tuple(
        _with_places(finding, placed[finding.camera]) if finding.camera in placed else finding
        for finding in analysis.findings
    )
    chosen = {f'positions of {camera}': around.words for camera, around in spaces.items()}
    return replace(
        analysis,
        findings=findings,
        settings={**analysis.settings, **chosen},
        timing_s={**analysis.timing_s, 'place': time.monotonic() - began_s},
    )


def _placed(findings: list[Finding], around: RecordedSpace) -> dict[_Place, Point]:
    """A placed point for each place of the findings of one camera."""
    by_size: dict[tuple[int, int], dict[_Place, Point]] = {}
    for finding in findings:
        for sighting in _sightings(finding):
            place = _place(finding, sighting)
            by_size.setdefault(place[0], {})[place] = sighting.point
    placed: dict[_Place, Point] = {}
    for size, points in by_size.items():
        placed.update(zip(points, around.place(list(points.values()), size), strict=True))
    return placed


def _with_places(finding: Finding, placed: Mapping[_Place, Point]) -> Finding:
    def _located(sighting: Sighting) -> Sighting:
        position = placed[_place(finding, sighting)].position
        return replace(sighting, point=replace(sighting.point, position=position))

    def _followed(track: Trajectory) -> Trajectory:
        points = tuple(map(_located, track.points))
        return replace(track, points=points, speeds=speeds([s.point for s in points]))

    return replace(
        finding,
        events=tuple(replace(e, sighting=_located(e.sighting)) for e in finding.events),
        tracks=tuple(map(_followed, finding.tracks)),
    )


def _sightings(finding: Finding) -> Iterator[Sighting]:
    for event in finding.events:
        yield event.sighting
    for track in finding.tracks:
        yield from track.points


def _place(finding: Finding, sighting: Sighting) -> _Place:
    window, point = finding.windows[sighting.window], sighting.point
    size = window.image_width, window.image_height
    return size, point.stamp_ns, point.frame_id, point.x, point.y
