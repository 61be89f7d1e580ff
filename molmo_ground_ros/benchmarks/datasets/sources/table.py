# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All sources by name, and their videos."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from molmo_ground_ros.benchmarks.datasets.sources.box_rows import BOX_ROWS
from molmo_ground_ros.benchmarks.datasets.sources.data_source import DataSource, Videos
from molmo_ground_ros.benchmarks.datasets.sources.mask_rows import MASK_ROWS
from molmo_ground_ros.benchmarks.datasets.sources.signs import check_source

SOURCES: dict[str, DataSource] = {source.name: source for source in (*MASK_ROWS, *BOX_ROWS)}


def read_source(source: DataSource, path: Path) -> Videos:
    """The videos of a source, as they are annotated.

    What cannot be used is yielded as a BadRecord in its place. Raises BadSetting for a folder that
    is not laid out as the source is, with the sources that it looks like.
    """
    check_source(path, source, SOURCES)
    return source.layout.videos(path)


def source_readers() -> dict[str, Callable[[Path], Videos]]:
    """A reader for each source, by name."""
    return {name: partial(read_source, source) for name, source in SOURCES.items()}
