# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page's pictures: the frame of each event and trajectory, with its points drawn over it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.analysis.findings import Finding, Pictures
from molmo_ground_ros.analysis.stitch import Event, Sighting, Trajectory
from molmo_ground_ros.errors import ImageError, NoFrames
from molmo_ground_ros.reports.colours import colour
from molmo_ground_ros.reports.words import clock, date, doubts, escaped, score

# The page holds no more pictures than this, each no longer and no larger: 16 MB of base64.
MOST_PICTURES = 200
LONGEST_SIDE = 800  # pixels
MOST_BYTES = 60_000  # of a JPEG
MOST_PATH_POINTS = 400  # drawn of a trajectory

_QUALITIES = (85, 70, 50, 30)
_RADIUS = 1 / 45  # of the picture's longer side


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame, and what is drawn on it."""

    finding: int  # index
    stamp_ns: int
    events: tuple[Event, ...]
    track: Trajectory | None = None


def event_name(finding: int, event: int) -> str:
    """What the place of an event is called in the page."""
    return f'q{finding + 1}-event{event}'


def track_name(finding: int, track: int) -> str:
    """What the place of a trajectory is called in the page."""
    return f'q{finding + 1}-track{track}'


def shots(index: int, finding: Finding) -> list[Shot]:
    """A frame for every stamp with events, then one for the last point of every trajectory."""
    moments: dict[int, list[Event]] = {}
    for event in finding.stitched.events:
        moments.setdefault(event.shown.point.stamp_ns, []).append(event)
    return [
        *(Shot(index, stamp_ns, tuple(events)) for stamp_ns, events in sorted(moments.items())),
        *(
            Shot(index, track.points[-1].point.stamp_ns, (), track)
            for track in finding.stitched.tracks
        ),
    ]


def pictured(counts: Sequence[int], most: int = MOST_PICTURES) -> list[set[int]]:
    """Which of so many figures a finding get a picture: `most` shared out, evenly spaced in each.

    A finding with fewer than its share leaves the rest to the others.
    """
    left, shares = most, [0] * len(counts)
    for place, index in enumerate(sorted(range(len(counts)), key=lambda i: counts[i])):
        shares[index] = min(counts[index], left // (len(counts) - place))
        left -= shares[index]
    return [
        {place * count // share for place in range(share)}
        for count, share in zip(counts, shares, strict=True)
    ]


def figure(
    shot: Shot, finding: Finding, pictures: Pictures, zero_ns: int, *, picture: bool
) -> Iterator[str]:
    """HTML of one figure, in pieces. One picture is decoded, and none is kept."""
    what = _what(shot)
    when = clock(shot.stamp_ns - zero_ns)
    yield '<figure class="shot"><div class="frame">'
    sighting = shot.track.points[-1] if shot.track else shot.events[0].shown
    window = finding.stitched.windows[sighting.window]
    size = window.image_width, window.image_height
    if picture:
        try:
            image = pictures(finding.camera, shot.stamp_ns).image
        except (ImageError, NoFrames) as err:
            yield f'<p class="none">The frame cannot be shown: {escaped(err)}</p>'
        else:
            size = image.shape[1], image.shape[0]
            alternative = escaped(f'Frame at {when} of {finding.camera}: {what}')
            yield f'<img alt="{alternative}" width="{size[0]}" height="{size[1]}" '
            yield f'src="data:image/jpeg;base64,{base64.b64encode(jpeg(image)).decode()}">'
    else:
        yield f'<p class="none">Left out: the page holds {MOST_PICTURES} frames at most.</p>'
    yield from _drawing(shot, size)
    yield f'</div><figcaption><strong>{escaped(what)}</strong> at {when}'
    yield f' <span class="faint">{date(shot.stamp_ns)} stamp {shot.stamp_ns}</span>'
    if shot.track:
        yield ''.join(f'<br>{escaped(doubt)}' for doubt in doubts(shot.track))
    for event in shot.events:
        point = event.shown.point
        yield f'<br>#{event.id} at ({point.x:.1f}, {point.y:.1f}) px, score {score(point.score)}'
        yield ''.join(f'; {escaped(doubt)}' for doubt in doubts(event))
    yield '</figcaption></figure>\n'


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """An (H, W, 3) RGB picture as JPEG of at most MOST_BYTES and LONGEST_SIDE pixels a side.

    What is too large is written with less quality, and then smaller.
    """
    shrink = min(1.0, LONGEST_SIDE / max(image.shape[:2]))
    while True:
        height, width = (max(1, round(side * shrink)) for side in image.shape[:2])
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
        for quality in _QUALITIES:
            data = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
            if len(data) <= MOST_BYTES:
                return data
        shrink /= 2


def _what(shot: Shot) -> str:
    if shot.track:
        return f'object #{shot.track.id} {shot.track.label}, its path of {len(shot.track.points)}'
    names = ', '.join(f'#{event.id} {event.shown.label}' for event in shot.events)
    return f'event {names}' if len(shot.events) == 1 else f'events {names}'


def _drawing(shot: Shot, size: tuple[int, int]) -> Iterator[str]:
    """What is drawn, in source pixels: SVG counts them from the corner, as the points do."""
    width, height = size
    yield f'<svg viewBox="0 0 {max(width, 1)} {max(height, 1)}" aria-hidden="true">'
    radius = max(size) * _RADIUS
    for event in shot.events:
        yield f'<g class="spot" id="{event_name(shot.finding, event.id)}">'
        yield from _spot(event.shown, event.id, radius)
        yield '</g>'
    if shot.track:
        yield f'<g class="spot" id="{track_name(shot.finding, shot.track.id)}">'
        yield from _path(shot.track, radius / 5)
        yield from _spot(shot.track.points[-1], shot.track.id, radius / 2)
        yield '</g>'
    yield '</svg>'


def _spot(sighting: Sighting, number: int, radius: float) -> Iterator[str]:
    point = sighting.point
    ink = hexadecimal(number)
    at = f'cx="{point.x:.2f}" cy="{point.y:.2f}"'
    line = radius / 5
    yield f'<circle {at} r="{radius:.1f}" fill="none" stroke="#000" stroke-width="{2 * line:.1f}"/>'
    yield f'<circle {at} r="{radius:.1f}" fill="none" stroke="{ink}" stroke-width="{line:.1f}"/>'
    yield f'<circle {at} r="{line:.1f}" fill="{ink}" stroke="#000" stroke-width="{line / 3:.1f}"/>'
    yield (
        f'<text x="{point.x + 1.3 * radius:.1f}" y="{point.y - 0.7 * radius:.1f}" fill="{ink}" '
        f'font-size="{max(1.4 * radius, 5 * line):.1f}" font-weight="bold" stroke="#000" '
        f'stroke-width="{line:.1f}" paint-order="stroke">#{number}</text>'
    )


def _path(track: Trajectory, line: float) -> Iterator[str]:
    """The path: whole where it was seen, dashed where it was joined across a gap."""
    ink = hexadecimal(track.id)
    resumed = {to_ns for _, to_ns in track.resumed_ns}
    pieces: list[list[Sighting]] = [[]]
    for sighting in thinned(track):
        if sighting.point.stamp_ns in resumed and pieces[-1]:
            yield _line([pieces[-1][-1], sighting], ink, line, ' stroke-dasharray="6 6"')
            pieces.append([])
        pieces[-1].append(sighting)
    for piece in pieces:
        yield _line(piece, '#000', 2 * line)
        yield _line(piece, ink, line)


def thinned(track: Trajectory) -> list[Sighting]:
    """At most MOST_PATH_POINTS of its points, evenly spaced, and those where it was resumed."""
    step = -(-len(track.points) // MOST_PATH_POINTS)
    resumed = {to_ns for _, to_ns in track.resumed_ns}
    last = len(track.points) - 1
    return [
        sighting
        for index, sighting in enumerate(track.points)
        if index % step == 0 or index == last or sighting.point.stamp_ns in resumed
    ]


def _line(sightings: Iterable[Sighting], ink: str, width: float, more: str = '') -> str:
    points = ' '.join(f'{one.point.x:.1f},{one.point.y:.1f}' for one in sightings)
    return (
        f'<polyline points="{points}" fill="none" stroke="{ink}" stroke-width="{width:.1f}" '
        f'stroke-linejoin="round" stroke-linecap="round"{more}/>'
    )


def hexadecimal(number: int) -> str:
    """The colour of an id, for HTML."""
    red, green, blue = colour(number)
    return f'#{red:02x}{green:02x}{blue:02x}'
