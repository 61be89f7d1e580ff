# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rings, names, trails and text, drawn on an image. Knows nothing of analyses and of ROS."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.reports.colours import Colour, colour

Image = NDArray[np.uint8]  # (H, W, 3) RGB
Pixel = tuple[int, int]  # x right, y down

PAPER, INK = (24, 26, 30), (235, 235, 235)
TRAIL_NS = 5_000_000_000  # how long a trail is drawn behind its newest point
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def pixel_of(x: float, y: float, scale: float = 1.0) -> Pixel:
    """The pixel that a point lies in, of an image enlarged by `scale`.

    Source: types.py, the centre of a pixel is at +0.5.
    """
    return math.floor(x * scale), math.floor(y * scale)


def draw_ring(
    image: Image, at: Pixel, number: int, name: str, radius: int, thickness: int, size: float = 1.0
) -> None:
    """A ring in the colour of an id, with its name beside it; a disc where thickness is -1.

    size: enlarges it, for images that are larger than 960 pixels.
    """
    radius = round(radius * size)
    line = round(thickness * size) if thickness > 0 else cv2.FILLED
    cv2.circle(image, at, radius, (0, 0, 0), max(line, 0) + 3, cv2.LINE_AA)
    cv2.circle(image, at, radius, colour(number), line, cv2.LINE_AA)
    left, base = at[0] + radius + 5, at[1] - radius
    width, height = text_size(name, 0.6 * size, round(2 * size))
    corners = (left - 3, base - height - 4), (left + width + 3, base + 5)
    cv2.rectangle(image, *corners, PAPER, cv2.FILLED)
    write_text(image, name, (left, base), 0.6 * size, colour(number), round(2 * size))


def draw_trail(image: Image, pixels: Sequence[Pixel], number: int) -> None:
    """The way of an object through these pixels, in the colour of its id."""
    for start, end in pairwise(pixels):
        cv2.line(image, start, end, colour(number), 2, cv2.LINE_AA)


def text_size(text: str, size: float, thickness: int) -> tuple[int, int]:
    """(width, height) in pixels of what `write_text` writes."""
    (width, height), _ = cv2.getTextSize(_ascii(text), _FONT, size, thickness)
    return int(width), int(height)


def write_text(
    image: Image, text: str, at: Pixel, size: float, ink: Colour, thickness: int
) -> None:
    """Write one line that begins at a pixel; a letter that OpenCV's fonts lack becomes '?'."""
    cv2.putText(image, _ascii(text), at, _FONT, size, ink, thickness, cv2.LINE_AA)


def _ascii(text: str) -> str:
    # OpenCV's fonts hold ASCII only.
    return ''.join(letter if ' ' <= letter <= '~' else '?' for letter in text)
