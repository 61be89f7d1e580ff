# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small clips and buffers that tests share."""

from typing import Any

import numpy as np

from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.frames.image import decode as pixels
from molmo_ground_ros.frames.pinned_window import Decode
from molmo_ground_ros.types import Clip, Frame, RawImage

SECOND = 1_000_000_000
ZERO_NS = 1_700_000_000 * SECOND


def stamp(seconds: float) -> int:
    """A header stamp, in seconds from the clips' zero."""
    return ZERO_NS + round(seconds * SECOND)


def make_clip(count: int = 8, width: int = 640, height: int = 480) -> Clip:
    """`count` black frames every half second, with stamps a little off the grid."""
    image = np.zeros((height, width, 3), np.uint8)
    frames = tuple(Frame(stamp(i * 0.5) + i * 1000, image, 'optical') for i in range(count))
    seconds = tuple(i * 0.5 for i in range(count))
    end_ns = frames[-1].stamp_ns if frames else ZERO_NS
    return Clip('front', frames, seconds, ZERO_NS, end_ns, count)


def raw(value: int = 0, width: int = 8, height: int = 6) -> RawImage:
    """A tiny rgb8 image of one grey value."""
    return RawImage(width, height, 'rgb8', width * 3, bytes([value]) * (width * height * 3))


def empty_buffer(camera: str = 'front', **options: Any) -> ClipBuffer:
    """A buffer of half a minute and 512 MiB that keeps ten messages a second, unless told else."""
    limits = {'horizon_ns': 30 * SECOND, 'max_bytes': 2**29, 'keep_period_ns': SECOND // 10}
    return ClipBuffer(camera, **{**limits, **options})


def filled(
    camera: str = 'front', seconds: float = 5.0, rate_hz: float = 10.0, decode: Decode = pixels
) -> ClipBuffer:
    """A buffer that has seen `seconds` of tiny images."""
    buffer = empty_buffer(camera, decode=decode)
    for i in range(round(seconds * rate_hz) + 1):
        buffer.push(stamp(i / rate_hz), raw(i % 256), f'{camera}_optical')
    return buffer
