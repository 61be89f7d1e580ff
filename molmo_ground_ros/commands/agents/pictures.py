# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the answer about a recording looks like: all its frames, or one of them."""

from __future__ import annotations

from collections.abc import Mapping

from molmo_ground_ros.analysis.findings import Finding
from molmo_ground_ros.errors import BadRequest
from molmo_ground_ros.recording import Recording
from molmo_ground_ros.recording.recorded_frames import frame_reader
from molmo_ground_ros.reports.answer_table import answer_summary
from molmo_ground_ros.reports.contact_sheet import contact_sheet, tiles_of
from molmo_ground_ros.reports.drawing import Image, draw_ring, draw_trail, pixel_of
from molmo_ground_ros.types import Point

RADIUS, THICKNESS = 14, 3  # pixels


def sheet_of(
    finding: Finding, span_ns: tuple[int, int], recordings: Mapping[str, Recording]
) -> Image:
    """The contact sheet. Raises BadRequest where the answer has no point, ImageError."""
    read_frame = frame_reader(recordings)
    tiles = tiles_of(
        finding, span_ns[0], lambda stamp_ns: read_frame(finding.camera, stamp_ns).image
    )
    if not tiles:
        raise BadRequest('the answer has no point, so there is no frame to show')
    return contact_sheet(finding.question.query.text, answer_summary(finding), tiles, span_ns)


def frame_of(finding: Finding, number: int, recordings: Mapping[str, Recording]) -> Image:
    """The frame of the event with this id, or the newest of the track, with its way.

    Raises BadRequest where there is none, ImageError.
    """
    paths: dict[int, tuple[Point, ...]] = {event.id: (event.point,) for event in finding.events}
    labels = {event.id: event.sighting.label for event in finding.events}
    if not paths:
        paths = {track.id: track.path for track in finding.tracks}
        labels = {track.id: track.label for track in finding.tracks}
    if number not in paths:
        raise BadRequest(f'number = {number}: the answer has {sorted(paths) or "no points"}')
    path = paths[number]
    image = frame_reader(recordings)(finding.camera, path[-1].stamp_ns).image.copy()
    draw_trail(image, [pixel_of(point.x, point.y) for point in path], number)
    at = pixel_of(path[-1].x, path[-1].y)
    draw_ring(image, at, number, f'#{number} {labels[number]}'.rstrip(), RADIUS, THICKNESS)
    return image
