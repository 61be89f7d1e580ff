# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""H.264 as a camera sends it: a packet an image, by x264 of FFmpeg."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What a robot's processor can do beside its work. Others give smaller packets that take longer.
PRESET = 'ultrafast'


def h264(
    pictures: Iterable[NDArray[np.uint8]], *, rate_hz: int, interval: int, preset: str = PRESET
) -> list[bytes]:
    """A packet for each picture, (H, W, 3) RGB, all of one size; every `interval`-th is a keyframe.

    A camera delays nothing, so no image waits for a later one. preset: of x264.
    """
    import av

    context: Any = av.CodecContext.create('libx264', 'w')
    context.pix_fmt, context.gop_size = 'yuv420p', interval
    context.options = {'preset': preset, 'tune': 'zerolatency'}
    context.time_base, context.framerate = Fraction(1, rate_hz), Fraction(rate_hz)
    packets: list[Any] = []
    for number, picture in enumerate(pictures):
        if not number:
            context.height, context.width = picture.shape[:2]
        frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
        frame.pts = number
        packets += context.encode(frame)
    return [bytes(packet) for packet in [*packets, *context.encode(None)]]
