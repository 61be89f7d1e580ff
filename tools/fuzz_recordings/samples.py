# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small sound recording of every kind, which `tools.fuzz_recordings` damages and tests read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tools.fuzz_recordings import bags, folders, lerobot, topics, videos

SAMPLES: Mapping[str, Callable[[Path], Path]] = {
    **bags.WRITERS,
    **topics.WRITERS,
    **videos.WRITERS,
    **folders.WRITERS,
    **lerobot.WRITERS,
}


def write_samples(folder: Path) -> list[Path]:
    """One recording of every kind, in the order of SAMPLES."""
    return [write(folder / name) for name, write in SAMPLES.items()]
