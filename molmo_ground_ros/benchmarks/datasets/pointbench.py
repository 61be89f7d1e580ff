# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""PointBench, of PointArena: pictures, questions, and a mask in which every point has to be.

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
from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.frames.masks import mask_of
from molmo_ground_ros.types import Task

DATA, PICTURES, MASKS = 'data.json', 'selected_images', 'selected_masks'
_BRIGHT = 127  # what is brighter, in any channel, is in the mask


def pointbench(row: DatasetRow, index: int) -> Example:
    """A question with its mask, read from the folder of the row's file. Raises BadSetting.

    The mask is of its own size, which for some pictures is not the picture's (evaluators.py:2917).
    """
    del index
    values = row.values
    category = fields.text(fields.field(values, 'category'), 'category')
    picture = fields.text(fields.field(values, 'image_filename'), 'image_filename')
    shown = fields.text(fields.field(values, 'mask_filename'), 'mask_filename')
    asked = fields.text(fields.field(values, 'user_input'), 'user_input')
    path = Path(row.file).parent / MASKS / category / shown
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    if pixels is None:
        raise BadSetting('mask_filename', str(path), 'cannot be read')
    bright = pixels > _BRIGHT
    mask = mask_of(bright if bright.ndim == 2 else np.any(bright, axis=2))
    return Example(
        id=f'{category}/{picture}',
        query=asked,
        task=Task.POINT,
        label=asked,
        category=category,
        media=Media(f'{PICTURES}/{category}/{picture}'),
        truth=ImageTruth((mask,)),
        width=mask.width,
        height=mask.height,
        file=row.file,
        row=row.row,
    )
