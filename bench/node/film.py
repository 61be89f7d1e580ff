# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of the cameras, and their video: 2.2 seconds from a keyframe on, over and over."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.encoded import h264
from bench.inputs import BAG
from molmo_ground_ros.frames.image import decode
from molmo_ground_ros.frames.video_frame import pixels
from molmo_ground_ros.frames.video_packets import PacketDecoder
from molmo_ground_ros.recording import open_recording

RATE_HZ = 30
SIZE = (1280, 720)
# Images from keyframe to keyframe. The sampling grid takes every 15th, and so meets each place.
INTERVAL = 67


def pictures(count: int) -> list[NDArray[np.uint8]]:
    """Distinct pictures of the bag that ships, (720, 1280, 3) RGB."""
    with open_recording(BAG) as recording:
        recorded = list(recording.messages())
    chosen = recorded[:: len(recorded) // count][:count]
    return [np.asarray(cv2.resize(decode(item.image), SIZE), np.uint8) for item in chosen]


def packets() -> list[bytes]:
    """H.264 of INTERVAL pictures, the same in every process."""
    return h264(pictures(INTERVAL), rate_hz=RATE_HZ, interval=INTERVAL)


def digest(image: NDArray[np.uint8]) -> int:
    """What tells one image from all others."""
    return zlib.crc32(image.tobytes())


def digests(film: Sequence[bytes]) -> list[int]:
    """Of every image: all packets through one decoder, one after the other."""
    decoder = PacketDecoder('h264')
    frames = [
        item for at, data in enumerate(film) for item in decoder.decode(data, at, is_needed=True)
    ]
    images = dict([*frames, *decoder.drain()])
    return [digest(pixels(images[at])) for at in range(len(film))]
