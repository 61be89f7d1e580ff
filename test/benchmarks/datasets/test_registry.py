# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Formats by their names."""

import pytest

from molmo_ground_ros.benchmarks.datasets import read, read_annotated
from molmo_ground_ros.errors import BadSetting


@pytest.mark.parametrize('name', ['coco', 'davis', 'mot', 'lasot', 'youtube-vos'])
def test_a_folder_of_something_else_is_an_error(tmp_path, name):
    with pytest.raises(BadSetting, match='data = '):
        list(read_annotated(name, tmp_path))


def test_an_unknown_format_lists_those_there_are(tmp_path):
    with pytest.raises(BadSetting, match='videopointeval, videocounteval'):
        read('imagenet', tmp_path)
    with pytest.raises(BadSetting, match='coco, davis'):
        read_annotated('videopoint', tmp_path)
