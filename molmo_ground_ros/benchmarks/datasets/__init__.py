# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks and training data in the formats of the field, read from local folders.

    values.py         what a record says
    formats.py        the formats by name; annotated.py: plain data to examples
    rows.py           parquet, JSON Lines and lists, row by row; fields.py: checked columns
    video_points.py   video_tracks.py  academic.py  pointbench.py   Molmo2's and PointArena's sets
    coco.py           davis.py  mot.py  lasot.py                    plain masks and boxes
    png.py            PNG masks with a palette
    queries.py        what the reference's evaluation asks
    media.py          videos and folders of frames, by name; names.py: their order
    write.py          records to files

A record that cannot be used is a `BadRecord` in the stream, with file and row; nothing raises.
"""

from molmo_ground_ros.benchmarks.datasets.expression_examples import example_of
from molmo_ground_ros.benchmarks.datasets.registry import ANNOTATED, FORMATS, read, read_annotated
from molmo_ground_ros.benchmarks.datasets.write import write

__all__ = ['ANNOTATED', 'FORMATS', 'example_of', 'read', 'read_annotated', 'write']
