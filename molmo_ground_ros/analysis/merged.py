# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A finding as one answer about the whole span, for what shows or prints answers."""

from __future__ import annotations

from dataclasses import replace

from molmo_ground_ros.analysis.findings import Finding
from molmo_ground_ros.analysis.stitch import WindowState
from molmo_ground_ros.types import Answer, Track


def merged(finding: Finding, model: str) -> Answer:
    """The windows' answers as one. Points are the events, tracks the trajectories, with their ids.

    `count`: of one window the total it states, of several the merged number where any states a
    total. Frames are added up, those of an overlap twice. `text`: the windows' words, a line each.
    """
    stitched = finding.stitched
    windows = stitched.windows
    answered = [window for window in windows if window.state is not WindowState.FAILED]
    stated = [window.stated for window in answered if window.stated is not None]
    count = stitched.count if len(windows) > 1 and stated else next(iter(stated), None)
    points = [event.shown.point for event in stitched.events]
    newest = max(answered, key=lambda window: window.newest_ns, default=None)
    return Answer(
        query=finding.question.query,
        task=finding.question.task,
        text='\n'.join(window.text for window in answered),
        count=count,
        label=next((window.label for window in answered if window.label), ''),
        points=tuple(
            replace(point, id=event.id)
            for point, event in zip(points, stitched.events, strict=True)
        ),
        tracks=tuple(
            Track(
                track.id,
                track.label,
                tuple(replace(sighting.point, id=track.id) for sighting in track.points),
            )
            for track in stitched.tracks
        ),
        camera=finding.camera,
        start_ns=windows[0].start_ns if windows else 0,
        end_ns=max((window.end_ns for window in windows), default=0),
        newest_ns=newest.newest_ns if newest else 0,
        frame_id=next((point.frame_id for point in points), ''),
        image_width=newest.image_width if newest else 0,
        image_height=newest.image_height if newest else 0,
        frames_used=sum(window.frames_used for window in windows),
        frames_expected=sum(window.frames_expected for window in windows),
        truncated=any(window.truncated for window in windows),
        model=model,
        latency_ns=sum(window.latency_ns for window in windows),
        refused=bool(answered) and all(window.state is WindowState.REFUSED for window in answered),
        rejected=tuple(rejection for window in windows for rejection in window.rejected),
    )
