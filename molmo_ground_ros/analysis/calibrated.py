# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Probabilities for the points of an analysis, and what a calibration withholds of them.

Both come after merging, from the scores alone. So the answers that a run keeps and resumes from do
not depend on the calibration, and another one asks the model nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from molmo_ground_ros.analysis.findings import Analysis, AnsweredWindow, Finding, Sighting
from molmo_ground_ros.grounding.calibration import Calibration
from molmo_ground_ros.types import Rejection


def with_probabilities(
    analysis: Analysis, calibration: Calibration | None, *, abstain: bool
) -> Analysis:
    """The analysis with a probability at each point.

    abstain: whether points below the calibration's thresholds are taken out. Each is then a
    rejection of its window. Events and tracks keep their numbers.
    """
    if calibration is None:
        return analysis
    findings = tuple(_judged(finding, calibration) for finding in analysis.findings)
    if abstain:
        findings = tuple(_without_unsure(finding, calibration) for finding in findings)
    return replace(analysis, findings=findings)


def _judged(finding: Finding, calibration: Calibration) -> Finding:
    """The finding with a probability at the sightings that stand for events and tracks."""

    def judged(sighting: Sighting) -> Sighting:
        """The sighting with its probability."""
        return replace(sighting, point=calibration.point(finding.question.task, sighting.point))

    return replace(
        finding,
        events=tuple(replace(e, sighting=judged(e.sighting)) for e in finding.events),
        tracks=tuple(replace(t, points=tuple(map(judged, t.points))) for t in finding.tracks),
    )


def _without_unsure(finding: Finding, calibration: Calibration) -> Finding:
    task = finding.question.task

    def unsure(sighting: Sighting) -> bool:
        """Whether it is withheld."""
        return calibration.withholds(task, sighting.point)

    withheld = [
        (sighting.window, calibration.rejection(task, replace(sighting.point, id=identity)))
        for identity, sighting in _sightings(finding)
        if unsure(sighting)
    ]
    if not withheld:
        return finding
    tracks = [
        replace(track, points=tuple(s for s in track.points if not unsure(s)), speeds=())
        if any(map(unsure, track.points))
        else track
        for track in finding.tracks
    ]
    return replace(
        finding,
        events=tuple(event for event in finding.events if not unsure(event.sighting)),
        tracks=tuple(track for track in tracks if track.points),
        windows=tuple(_with_rejections(window, withheld) for window in finding.windows),
    )


def _with_rejections(
    window: AnsweredWindow, withheld: list[tuple[int, Rejection]]
) -> AnsweredWindow:
    own = tuple(rejection for index, rejection in withheld if index == window.index)
    return replace(window, rejected=(*window.rejected, *own)) if own else window


def _sightings(finding: Finding) -> Iterator[tuple[int, Sighting]]:
    """(id of the event or track, sighting)."""
    for event in finding.events:
        yield event.id, event.sighting
    for track in finding.tracks:
        for sighting in track.points:
            yield track.id, sighting
