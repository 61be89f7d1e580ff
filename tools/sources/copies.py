# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The synthetic copy of each source by its name."""

from pathlib import Path

from tools.sources.copy_boxes import BOX_COPIES, Extent
from tools.sources.copy_masks import MASK_COPIES
from tools.sources.copy_records import RECORD_COPIES
from tools.sources.own_format import Expected

COPIES = {**MASK_COPIES, **BOX_COPIES, **RECORD_COPIES}
SECONDS = Extent.seconds
VIDEOS = Extent.videos


def write_copy(
    name: str, folder: Path, seconds: float = SECONDS, videos: int = VIDEOS
) -> list[Expected]:
    """Write the copy of a source below a folder, and return what a reader must make of it."""
    return COPIES[name](folder, Extent(videos, seconds))
