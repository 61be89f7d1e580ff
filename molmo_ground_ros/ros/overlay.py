# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`~/overlay`: the frame of a scene with its points, ids, labels and trails drawn on it."""

from __future__ import annotations

from bisect import bisect_left

from sensor_msgs.msg import Image
from std_msgs.msg import Header

from molmo_ground_ros.frames.pinned_window import StoredMessage
from molmo_ground_ros.msg import GroundedPoint, Track
from molmo_ground_ros.reports import drawing
from molmo_ground_ros.ros import convert
from molmo_ground_ros.ros.scene import Scene

# Rings and letters are as large as on an image of this many pixels, and larger on a larger one.
PLAIN_SIZE = 960
RING, SMALL_RING, DOT = 14, 8, 6  # radius, in pixels of such an image


def draw(scene: Scene, image: drawing.Image) -> None:
    """Draw on the frame of the scene: what lies in it, and smaller what lies in earlier frames."""
    size = max(1.0, max(image.shape[:2]) / PLAIN_SIZE)
    for point, name in scene.names():
        in_frame = convert.stamp_ns(point.stamp) == scene.stamp_ns
        radius, thickness = (RING, 3) if in_frame else (SMALL_RING, 2)
        drawing.draw_ring(image, _pixel(point), point.id, name, radius, thickness, size)
    for track in scene.tracks:
        _draw_track(track, scene.stamp_ns, image, size)
    _write_caption(scene.caption, image, size)


def message(frame: StoredMessage, image: drawing.Image) -> Image:
    """An image as a message with the stamp and the frame id of the frame that it shows."""
    height, width = image.shape[:2]
    return Image(
        header=Header(stamp=convert.time_msg(frame.stamp_ns), frame_id=frame.frame_id),
        height=height,
        width=width,
        encoding='rgb8',
        is_bigendian=False,
        step=3 * width,
        data=image.tobytes(),
    )


def _draw_track(track: Track, stamp_ns: int, image: drawing.Image, size: float) -> None:
    """The trail of an object up to a stamp, and a dot where it is there."""
    stamps = [convert.stamp_ns(point.stamp) for point in track.points]
    first = bisect_left(stamps, stamp_ns - drawing.TRAIL_NS)
    trail = track.points[first:]
    drawing.draw_trail(image, [_pixel(point) for point in trail], track.id)
    if trail and stamps[-1] == stamp_ns:
        name = f'#{track.id} {track.label}'.rstrip()
        drawing.draw_ring(image, _pixel(trail[-1]), track.id, name, DOT, -1, size)


def _pixel(point: GroundedPoint) -> drawing.Pixel:
    return drawing.pixel_of(point.x, point.y)


def _write_caption(text: str, image: drawing.Image, size: float) -> None:
    """One line at the lower edge, on a dark strip."""
    height = round(26 * size)
    strip = image[-height:]
    strip[:] = strip // 4
    at = (round(8 * size), image.shape[0] - round(8 * size))
    drawing.write_text(image, text, at, 0.55 * size, drawing.INK, max(1, round(size)))
