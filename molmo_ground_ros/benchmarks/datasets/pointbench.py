# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""PointBench, of PointArena: images with questions, and a mask in which every point must lie.

`data.json`, `selected_images/CATEGORY/`, `selected_masks/CATEGORY/`.
Source: molmo2 f3cb108, olmo/data/academic_image_datasets.py:903-964.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.examples import Example, ImageTruth, Media
from molmo_ground_ros.benchmarks.datasets.row_reader import DatasetRow
from molmo_ground_ros.errors import BadField
from molmo_ground_ros.frames.masks import mask_of
from molmo_ground_ros.types import Task

DATA, IMAGES, MASKS = 'data.json', 'selected_images', 'selected_masks'
# A pixel that is brighter in any channel is in the mask.
_BRIGHT = 127


def pointbench(row: DatasetRow, index: int) -> Example:
    """A question with its mask, read from the folder of the row's file. Raises BadField.

    Some masks have another size than their image (evaluators.py:2917); the example has the mask's.
    """
    del index
    values = row.values
    category = fields.text(fields.field(values, 'category'), 'category')
    image = fields.text(fields.field(values, 'image_filename'), 'image_filename')
    mask_name = fields.text(fields.field(values, 'mask_filename'), 'mask_filename')
    query = fields.text(fields.field(values, 'user_input'), 'user_input')
    path = Path(row.file).parent / MASKS / category / mask_name
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if pixels is None:
        raise BadField('mask_filename', str(path), 'cannot be read')
    bright = pixels > _BRIGHT
    mask = mask_of(bright if bright.ndim == 2 else np.any(bright, axis=2))
    return Example(
        id=f'{category}/{image}',
        query=query,
        task=Task.POINT,
        label=query,
        category=category,
        media=Media(f'{IMAGES}/{category}/{image}'),
        truth=ImageTruth((mask,)),
        width=mask.width,
        height=mask.height,
        file=row.file,
        row=row.row,
    )
