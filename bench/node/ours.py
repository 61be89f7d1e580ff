# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Our node as it ships, with its image callbacks timed: `python -m bench.node.ours --ros-args ...`.

After SIGTERM it prints one JSON object: what each camera received, and how long callbacks took.
"""

from __future__ import annotations

import json
import math
import sys
import time
from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.node.film import digest
from molmo_ground_ros.frames.group_decoder import GroupDecoder
from molmo_ground_ros.frames.packet_group import VideoImage
from molmo_ground_ros.ros import process
from molmo_ground_ros.ros.camera_input import CameraInput

# Of a histogram with bins of 10 microseconds. A list would grow, and so would the memory measured.
_BINS = 100_000
_BIN_NS = 10_000


class CallbackTimes:
    """How long callbacks took, as a histogram that does not grow."""

    def __init__(self) -> None:
        self._bins = array('L', bytes(8 * _BINS))
        self.count = 0

    def note(self, elapsed_ns: int) -> None:
        """Note one callback."""
        self._bins[min(elapsed_ns // _BIN_NS, _BINS - 1)] += 1
        self.count += 1

    def quantile_ms(self, share: float) -> float:
        """The time that this share of the callbacks stayed below, to 10 microseconds."""
        left = share * self.count if self.count else math.nan
        for number, count in enumerate(self._bins):
            left -= count
            if left <= 0:
                return (number + 1) * _BIN_NS / 1e6
        return float('nan')


def main() -> int:
    """Run the node, and report."""
    times = CallbackTimes()
    cameras: dict[str, CameraInput] = {}
    on_image = CameraInput.on_image

    def timed(camera: CameraInput, *arguments: Any) -> None:
        began_ns = time.perf_counter_ns()
        on_image(camera, *arguments)
        times.note(time.perf_counter_ns() - began_ns)
        cameras[camera.topic] = camera

    setattr(CameraInput, 'on_image', timed)  # noqa: B010 - mypy refuses the assignment
    images = _noted_images()
    code = process.main(sys.argv[1:])
    report = {
        'received': {topic: camera.buffer.stats().received for topic, camera in cameras.items()},
        'failed': {topic: camera.reception.failed for topic, camera in cameras.items()},
        'dds_lost': {topic: camera.reception.lost for topic, camera in cameras.items()},
        'callback_p50_ms': times.quantile_ms(0.5),
        'callback_p99_ms': times.quantile_ms(0.99),
        # Of video: (place in its group, digest) of what was decoded.
        'images': sorted(images),
    }
    print(json.dumps(report), flush=True)
    return code


def _noted_images() -> set[tuple[int, int]]:
    """What is decoded of video from now on, of all cameras: (index in its group, digest)."""
    images = set[tuple[int, int]]()
    decode = GroupDecoder.decode

    def noted(decoder: GroupDecoder, image: VideoImage) -> NDArray[np.uint8]:
        pixels = decode(decoder, image)
        images.add((image.index, digest(pixels)))
        return pixels

    setattr(GroupDecoder, 'decode', noted)  # noqa: B010 - mypy refuses the assignment
    return images


if __name__ == '__main__':
    sys.exit(main())
