# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pictures of recordings, decoded one at a time, for what draws on them."""

from __future__ import annotations

from collections.abc import Mapping

from molmo_ground_ros import image
from molmo_ground_ros.analysis.values import Pictures
from molmo_ground_ros.recording import Recording
from molmo_ground_ros.types import Frame


def pictures_of(recordings: Mapping[str, Recording]) -> Pictures:
    """Reads from the recordings by camera; they must stay open. Raises NoFrames, ImageError."""

    def picture(camera: str, stamp_ns: int) -> Frame:
        found = recordings[camera].picture(stamp_ns)
        return Frame(stamp_ns, image.decode(found.image), found.frame_id)

    return picture
