# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The frames of recordings to draw on: which are needed, and one decoded at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from molmo_ground_ros.frames import image
from molmo_ground_ros.frames.windows import sample
from molmo_ground_ros.recording.recording import Recording
from molmo_ground_ros.types import Frame


def frame_reader(recordings: Mapping[str, Recording]) -> Callable[[str, int], Frame]:
    """A function (camera, stamp_ns) -> decoded frame. It raises NoFrames, ImageError.

    recordings: by camera. They must stay open while it is used.
    """

    def read_frame(camera: str, stamp_ns: int) -> Frame:
        message = recordings[camera].message(stamp_ns)
        return Frame(stamp_ns, image.decode(message.image), message.frame_id)

    return read_frame


def sampled_stamps(
    windows: Mapping[str, Sequence[tuple[int, int]]], recordings: Mapping[str, Recording]
) -> dict[str, list[int]]:
    """Stamps (ns, ascending) of the frames that sampling picks in the windows of each camera."""
    by_camera = {}
    for camera, spans in windows.items():
        recording = recordings[camera]
        sampled: set[int] = set()
        for start_ns, end_ns in spans:
            first, last = np.searchsorted(recording.stamps, (start_ns, end_ns + 1))
            stamps = recording.stamps[first:last].tolist()
            samples, _ = sample(stamps, start_ns, end_ns, recording.anchor_ns)
            sampled.update(stamps[frame.index] for frame in samples)
        by_camera[camera] = sorted(sampled)
    return by_camera
