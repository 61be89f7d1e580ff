# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads benchmarks and training data in the formats of the field, from local folders.

    examples.py              an example with its truth; a video with its annotated objects
    registry.py              the formats by name; `read` and `read_annotated`
    row_reader.py            rows of parquet, Arrow, JSON Lines and JSON lists
    field_checks.py          checks the values of a row
    expression_examples.py   annotated videos to examples
    video_points.py  video_tracks.py  academic.py  pointbench.py   Molmo2's and PointArena's sets
    sources/                 the table of sources: what each is, and which of the layouts it has
    davis.py  object_masks.py  mask_lists.py  burst.py             the layouts of masks
    coco.py  coco_frames.py                                        of masks or boxes
    lasot.py  mot.py  box_records.py                               of boxes
    video_words.py           words for the objects of videos, from the files beside masks
    json_members.py          the records of a JSON file of any size; coco_content.py those of COCO
    frame_files.py           the pictures of a video's folder, and their size
    png.py                   numbers of objects in PNG files
    queries.py               the prompts of the reference's evaluation
    media.py                 finds videos and folders of images by name, and cuts clips
    image_sequence.py        the images of a video, a folder or a list of files
    file_order.py            the order of numbered files
    write.py                 writes records to parquet or JSON Lines

A record that cannot be used is yielded as a `BadRecord` with its file and row. The rest is read on.
"""

from molmo_ground_ros.benchmarks.datasets.expression_examples import example_of
from molmo_ground_ros.benchmarks.datasets.registry import ANNOTATED, FORMATS, read, read_annotated
from molmo_ground_ros.benchmarks.datasets.write import write, write_json_lines

__all__ = [
    'ANNOTATED',
    'FORMATS',
    'example_of',
    'read',
    'read_annotated',
    'write',
    'write_json_lines',
]
