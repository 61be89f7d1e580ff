# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of recordings, decoded one at a time, for what draws on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from molmo_ground_ros.analysis.findings import Pictures
from molmo_ground_ros.frames import image
from molmo_ground_ros.frames.windows import sample
from molmo_ground_ros.recording import Recording
from molmo_ground_ros.types import Frame


def pictures_of(recordings: Mapping[str, Recording]) -> Pictures:
    """Reads from the recordings by camera; they must stay open. Raises NoFrames, ImageError."""

    def picture(camera: str, stamp_ns: int) -> Frame:
        found = recordings[camera].message(stamp_ns)
        return Frame(stamp_ns, image.decode(found.image), found.frame_id)

    return picture


def shown_stamps(
    windows: Mapping[str, Sequence[tuple[int, int]]], recordings: Mapping[str, Recording]
) -> dict[str, list[int]]:
    """Stamps (ns, ascending) of the pictures that sampling picks of each camera's windows."""
    found = {}
    for camera, spans in windows.items():
        recording = recordings[camera]
        shown: set[int] = set()
        for start_ns, end_ns in spans:
            first, last = np.searchsorted(recording.stamps, (start_ns, end_ns + 1))
            stamps = recording.stamps[first:last].tolist()
            samples, _ = sample(stamps, start_ns, end_ns, recording.anchor_ns)
            shown.update(stamps[one.index] for one in samples)
        found[camera] = sorted(shown)
    return found
