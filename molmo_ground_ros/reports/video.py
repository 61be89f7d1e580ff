# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An analysis as an MP4 of the frames the model saw, with points, ids, trails and a clock on them.

Every sampled frame lasts 1 / FRAMES_A_SECOND seconds, so the video is faster or slower than the
recording; its clock shows the recording's time. The codec is MPEG-4 part 2 ('mp4v'), which OpenCV's
own packages can write.
"""

from __future__ import annotations

import math
import tempfile
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from molmo_ground_ros.analysis.findings import Analysis, Finding, FrameReader
from molmo_ground_ros.errors import ImageError, NoFrames
from molmo_ground_ros.reports.drawing import (
    INK,
    PAPER,
    TRAIL_NS,
    Image,
    draw_ring,
    draw_trail,
    pixel_of,
    write_text,
)
from molmo_ground_ros.reports.words import clock, date
from molmo_ground_ros.storage.atomic import atomic_file

FRAMES_A_SECOND = 4  # twice the speed of a recording that was sampled at 2 Hz
LONGEST_SIDE = 960  # pixels of the part that shows the cameras
HOLD_NS = 1_500_000_000  # an event has a thin ring for this long after its frame
MOST_LINES = 4  # questions below the images

_LINE_HEIGHT = 24  # pixels


def write_video(
    analysis: Analysis,
    read_frame: FrameReader,
    stamps: Mapping[str, Sequence[int]],
    path: str | Path,
) -> None:
    """Write a frame for each of the stamps, in their order, with the cameras side by side.

    stamps: those that sampling picks, ns, ascending, by camera topic.
    One image for each camera is held. An image that cannot be decoded is grey and says so.
    Raises NoFrames where there are no stamps, and OSError, which leaves an older file as it was.
    OpenCV does not report that a write failed, so the end of the video is read back.
    """
    path = Path(path)
    cameras = [camera for camera in analysis.cameras if stamps.get(camera)]
    if not cameras:
        raise NoFrames(', '.join(analysis.cameras), 'a video needs one')
    with (
        atomic_file(path) as complete,
        tempfile.TemporaryDirectory(prefix=f'.{path.name}.', dir=path.absolute().parent) as folder,
    ):
        unfinished = Path(folder, 'video.mp4')
        written = _write(_frames(analysis, read_frame, stamps, cameras), unfinished)
        if not _is_complete(unfinished, written):
            raise OSError(f"the video '{path}' cannot be written: is the disk full?")
        unfinished.replace(complete)


def _write(frames: Iterator[Image], path: Path) -> int:
    """Write the frames; returns their number. One is encoded while the next is drawn."""
    writer, written = cv2.VideoWriter(), 0

    def encode(frame: Image) -> None:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))

    try:
        with ThreadPoolExecutor(1) as encoder:
            encoding: Future[None] | None = None
            for frame in frames:
                if not written:
                    height, width = frame.shape[:2]
                    codec = cv2.VideoWriter.fourcc(*'mp4v')
                    writer.open(str(path), cv2.CAP_FFMPEG, codec, FRAMES_A_SECOND, (width, height))
                if encoding:
                    encoding.result()
                encoding = encoder.submit(encode, frame)
                written += 1
            if encoding:
                encoding.result()
    finally:
        writer.release()
    return written


def _is_complete(path: Path, frames: int) -> bool:
    """Whether the video has so many frames, and the last one can be read."""
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not video.isOpened() or int(video.get(cv2.CAP_PROP_FRAME_COUNT)) != frames:
            return False
        video.set(cv2.CAP_PROP_POS_FRAMES, frames - 1)
        return bool(video.read()[0])
    finally:
        video.release()


def _frames(
    analysis: Analysis,
    read_frame: FrameReader,
    stamps: Mapping[str, Sequence[int]],
    cameras: Sequence[str],
) -> Iterator[Image]:
    """The video's frames: at each stamp the newest image of every camera."""
    overlays = {
        camera: [_FindingOverlay(f, analysis) for f in analysis.findings if f.camera == camera]
        for camera in cameras
    }
    columns = math.ceil(math.sqrt(len(cameras)))
    rows = math.ceil(len(cameras) / columns)
    cell = _cell(read_frame, stamps, cameras, columns)
    wall = np.full((rows * cell[1], columns * cell[0], 3), PAPER, np.uint8)
    moments = sorted((stamp, place) for place, camera in enumerate(cameras)
                     for stamp in stamps[camera])  # fmt: skip
    for number, (stamp_ns, place) in enumerate(moments):
        top, left = place // columns * cell[1], place % columns * cell[0]
        panel = wall[top : top + cell[1], left : left + cell[0]]
        _draw(panel, read_frame, cameras[place], stamp_ns, overlays[cameras[place]])
        if number + 1 == len(moments) or moments[number + 1][0] > stamp_ns:
            below = _below(analysis, stamp_ns, overlays, wall.shape[1])
            yield np.vstack([wall, below])


def _cell(
    read_frame: FrameReader,
    stamps: Mapping[str, Sequence[int]],
    cameras: Sequence[str],
    columns: int,
) -> tuple[int, int]:
    """(width, height) of a camera's part, shaped as the first image that can be decoded.

    Both are even, as the codec needs them.
    """
    width, height = 4, 3
    for camera in cameras:
        for stamp_ns in stamps[camera]:
            try:
                height, width = read_frame(camera, stamp_ns).image.shape[:2]
            except (ImageError, NoFrames):
                continue
            scale = min(1.0, LONGEST_SIDE / columns / max(width, height))
            return _even(width * scale), _even(height * scale)
    return _even(LONGEST_SIDE / columns), _even(LONGEST_SIDE / columns * height / width)


def _even(length: float) -> int:
    return max(2, 2 * round(length / 2))


class _FindingOverlay:
    """Draws one finding: its events and trajectories at a stamp, and its line below the images."""

    def __init__(self, finding: Finding, analysis: Analysis) -> None:
        questions = list(dict.fromkeys(other.question for other in analysis.findings))
        self._name = f'q{questions.index(finding.question) + 1} ' if len(questions) > 1 else ''
        self._question = finding.question.query.text
        events = finding.events
        self._events = sorted((event.sighting.point.stamp_ns, event.id, event.sighting.point)
                              for event in events)  # fmt: skip
        self._stamps = [stamp for stamp, _, _ in self._events]
        self._tracks = [
            (track.id, [sighting.point.stamp_ns for sighting in track.points],
             [sighting.point for sighting in track.points])
            for track in finding.tracks
        ]  # fmt: skip

    def draw(self, panel: Image, scale: float, stamp_ns: int) -> None:
        """Draw on the frame of this stamp. scale: pixels of the panel for a pixel of the image."""
        for number, stamps, points in self._tracks:
            first = bisect_left(stamps, stamp_ns - TRAIL_NS)
            last = bisect_right(stamps, stamp_ns)
            places = [pixel_of(point.x, point.y, scale) for point in points[first:last]]
            draw_trail(panel, places, number)
            if last > first and stamps[last - 1] == stamp_ns:
                draw_ring(panel, places[-1], number, self._named(number), radius=6, thickness=-1)
        first = bisect_left(self._stamps, stamp_ns - HOLD_NS)
        for at_ns, number, point in self._events[first : bisect_right(self._stamps, stamp_ns)]:
            thickness = 3 if at_ns == stamp_ns else 1
            at = pixel_of(point.x, point.y, scale)
            draw_ring(panel, at, number, self._named(number), radius=14, thickness=thickness)

    def line(self, stamp_ns: int) -> str:
        """A line of text: how many events up to this stamp, and how many objects at it."""
        counts = []
        if self._events or not self._tracks:
            passed = bisect_right(self._stamps, stamp_ns)
            counts.append(f'{passed} of {len(self._events)} events')
        if self._tracks:
            present = sum(stamps[0] <= stamp_ns <= stamps[-1] for _, stamps, _ in self._tracks)
            counts.append(f'{present} of {len(self._tracks)} objects')
        return f'{self._name}{", ".join(counts)}: {self._question}'

    def _named(self, number: int) -> str:
        return f'{self._name}#{number}'


def _draw(
    panel: Image,
    read_frame: FrameReader,
    camera: str,
    stamp_ns: int,
    overlays: Sequence[_FindingOverlay],
) -> None:
    """Fill a camera's part with its image of this stamp, and draw on it."""
    height, width = panel.shape[:2]
    try:
        image = read_frame(camera, stamp_ns).image
    except (ImageError, NoFrames):
        panel[:] = 96
        write_text(panel, 'this picture cannot be decoded', (12, height // 2), 0.6, INK, 1)
        return
    scale = min(width / image.shape[1], height / image.shape[0])
    size = min(width, round(image.shape[1] * scale)), min(height, round(image.shape[0] * scale))
    drawn = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    for overlay in overlays:
        overlay.draw(drawn, scale, stamp_ns)
    if size != (width, height):
        panel[:] = PAPER
    panel[: size[1], : size[0]] = drawn


def _below(
    analysis: Analysis, stamp_ns: int, overlays: Mapping[str, Sequence[_FindingOverlay]], width: int
) -> Image:
    """The clock, and a line for each of the first questions."""
    listed = [overlay for of_camera in overlays.values() for overlay in of_camera][:MOST_LINES]
    height = _even(_LINE_HEIGHT * (len(listed) + 1) + 8)
    # Repeating a row is 30 times as fast as filling the strip.
    strip = np.repeat(np.full((1, width, 3), PAPER, np.uint8), height, axis=0)
    since = clock(stamp_ns - analysis.span_ns[0])
    write_text(strip, f'{since}   {date(stamp_ns)}', (10, _LINE_HEIGHT - 5), 0.55, INK, 1)
    for number, overlay in enumerate(listed, start=2):
        write_text(strip, overlay.line(stamp_ns), (10, number * _LINE_HEIGHT - 5), 0.5, INK, 1)
    return strip
