# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of sources: what each is, and how its authors pack it.

data_source.py  a row; the seam to the layouts, which are in the folder above
mask_rows.py    the sources with masks
box_rows.py     the sources with boxes
signs.py        which sources a folder looks like
table.py        all of them by name, and their videos
"""

from molmo_ground_ros.benchmarks.datasets.sources.data_source import COPY, DataSource
from molmo_ground_ros.benchmarks.datasets.sources.table import (
    SOURCES,
    read_source,
    source_readers,
)

__all__ = ['COPY', 'SOURCES', 'DataSource', 'read_source', 'source_readers']
