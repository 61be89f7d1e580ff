# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions of PointBench with their masks."""

import cv2
import numpy as np
from support.dataset_records import (
    HEIGHT,
    WIDTH,
    read_all,
    square,
    write_json,
)

from molmo_ground_ros.types import Task


def test_pointbench_is_a_question_a_picture_and_a_mask(tmp_path):
    item = {
        'image_filename': 'x.jpg',
        'mask_filename': 'x.png',
        'category': 'spatial',
        'user_input': 'Point to the left cup.',
    }
    without = {key: value for key, value in item.items() if key != 'mask_filename'}
    lost = item | {'mask_filename': 'y.png'}
    write_json(tmp_path / 'data.json', [without, item, lost, item | {'user_input': 'And right?'}])
    mask = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    mask[square(4, 6), 1] = 200
    path = tmp_path / 'selected_masks' / 'spatial' / 'x.png'
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), mask)

    (first, second), (fault,) = read_all('pointbench', tmp_path)

    assert (first.query, first.category, first.task) == (
        'Point to the left cup.',
        'spatial',
        Task.POINT,
    )
    assert np.array_equal(first.truth.masks[0].array(), square(4, 6))
    assert first.media.name == 'selected_images/spatial/x.jpg'
    assert [first.id, second.id] == ['spatial/x.jpg', 'spatial/x.jpg#2']
    assert (fault.row, 'cannot be read' in fault.why) == (3, True)
