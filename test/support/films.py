# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small videos of many kinds, encoded with PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tools.ordinary_priority import ordinary_priority

SIZE = (64, 48)
BITS = 6  # of an image's number, each a column of black or white


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W, 3) RGB: the number in black and white, below a red and a blue corner."""
    width, height = size
    bits = [255 * (number >> k & 1) for k in range(BITS)]
    row = np.repeat(np.array(bits, np.uint8), -(-width // BITS))[:width]
    image = np.broadcast_to(row[None, :, None], (height, width, 3)).copy()
    image[: height // 3, : width // 2] = (220, 30, 30)
    image[: height // 3, width // 2 :] = (30, 30, 220)
    return image


def number_of(image: np.ndarray) -> int:
    """The number that an image shows."""
    below = image[image.shape[0] // 2 :].mean((0, 2))
    columns = np.array_split(below, BITS)
    return sum(int(column.mean() > 127) << k for k, column in enumerate(columns))


@dataclass(frozen=True)
class Film:
    """How a video is encoded."""

    codec: str
    suffix: str
    options: dict[str, str] = field(default_factory=dict)
    gop: int = 12
    b_frames: int = 0
    rate: int = 10
    rotation: int = 0  # degrees
    pixel_format: str = 'yuv420p'
    size: tuple[int, int] = SIZE
    times: Sequence[int] | None = None  # of the images, in periods; None: each follows at once


@ordinary_priority()
def write_film(path: Path, film: Film, count: int = 40) -> Path:
    """A video of `count` images, each with its number."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(film.codec, rate=film.rate, options=dict(film.options))
        stream.width, stream.height = film.size
        stream.pix_fmt = film.pixel_format
        stream.gop_size = film.gop
        # The threads of MPEG-2's encoder race where images are interlaced: no two files are equal.
        stream.codec_context.thread_count = 1
        stream.codec_context.max_b_frames = film.b_frames
        stream.codec_context.time_base = Fraction(1, film.rate)
        if film.rotation:
            stream.set_display_rotation(film.rotation)
        for number, time in enumerate(film.times or range(count)):
            frame = av.VideoFrame.from_ndarray(picture(number, film.size), format='rgb24')
            frame = frame.reformat(format=film.pixel_format)
            frame.pts, frame.time_base = time, Fraction(1, film.rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
