# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Packets of video as real encoders make them, and what a decoder makes of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np

from support.films import picture
from tools.ordinary_priority import ordinary_priority

COUNT = 45
GOP = 15
SIZE = (64, 64)
ENCODERS = {
    'h264': ('libx264', {'tune': 'zerolatency', 'preset': 'ultrafast'}, 'h264'),
    'h264 with B-frames': ('libx264', {'preset': 'fast', 'x264-params': 'scenecut=0'}, 'h264'),
    'h265': ('libx265', {'tune': 'zerolatency', 'x265-params': 'log-level=none'}, 'hevc'),
    'vp9': ('libvpx-vp9', {'deadline': 'realtime', 'cpu-used': '8', 'lag-in-frames': '0'}, 'vp9'),
    'av1': ('libsvtav1', {'preset': '12', 'svtav1-params': 'pred-struct=1'}, 'libdav1d'),
}
Packet = tuple[int, bytes]  # (number of the image, data)


@ordinary_priority()
def packets(name: str, count: int = COUNT, gop: int = GOP) -> list[Packet]:
    """Images that show their numbers, in the order of the encoder of ENCODERS."""
    codec, options, _ = ENCODERS[name]
    context: Any = av.CodecContext.create(codec, 'w')
    context.width, context.height, context.pix_fmt = *SIZE, 'yuv420p'
    context.time_base, context.framerate = Fraction(1, 10), Fraction(10)
    context.gop_size, context.options = gop, options
    made = list[Packet]()
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(picture(number, SIZE), format='rgb24')
        frame = frame.reformat(format='yuv420p')
        frame.pts = number
        made += [(packet.pts, bytes(packet)) for packet in context.encode(frame)]
    return made + [(packet.pts, bytes(packet)) for packet in context.encode(None)]


def decoded(name: str, made: Sequence[Packet]) -> dict[int, np.ndarray]:
    """(H, W, 3) RGB of every image by number: all packets through one decoder, in their order."""
    context: Any = av.CodecContext.create(ENCODERS[name][2], 'r')
    frames = []
    for number, data in made:
        packet = av.Packet(data)
        packet.pts = number
        frames += context.decode(packet)
    frames += context.decode(None)
    return {frame.pts: frame.to_ndarray(format='rgb24') for frame in frames}
