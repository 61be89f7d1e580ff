# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Names that drivers really use."""

import pytest

from molmo_ground_ros.space.topics import (
    calibration_topic,
    depth_topics,
    info_topic,
    is_depth,
    is_rectified,
)

REALSENSE = '/camera/camera/color/image_raw'
DEPTHS = ['/camera/camera/depth/image_rect_raw']
ALIGNED = '/camera/camera/aligned_depth_to_color/image_raw'


@pytest.mark.parametrize(
    ('topic', 'info'),
    [
        ('/camera/image_raw', '/camera/camera_info'),
        ('/camera/image/compressed', '/camera/camera_info'),
        ('/camera/image/foxglove', '/camera/camera_info'),
        (f'{ALIGNED}/compressedDepth', '/camera/camera/aligned_depth_to_color/camera_info'),
        ('image', 'camera_info'),
        ('cam/image', 'cam/camera_info'),
        ('/image', '/camera_info'),
    ],
)
def test_calibration_is_published_beside_the_images(topic, info) -> None:
    assert info_topic(topic) == info


@pytest.mark.parametrize(
    ('topic', 'depths', 'chosen'),
    [
        pytest.param(REALSENSE, DEPTHS, DEPTHS, id='the only one'),
        pytest.param(REALSENSE, [*DEPTHS, ALIGNED], [ALIGNED], id='aligned'),
        pytest.param(REALSENSE, [ALIGNED, f'{ALIGNED}/compressedDepth'], [ALIGNED], id='plain'),
        pytest.param(
            REALSENSE, [f'{ALIGNED}/compressedDepth'], [f'{ALIGNED}/compressedDepth'], id='packed'
        ),
        pytest.param(
            '/left/image', ['/left/depth/image', '/right/depth/image'], ['/left/depth/image'],
            id='of the same namespace',
        ),
        pytest.param('/a/image', ['/b/depth', '/c/depth'], ['/b/depth', '/c/depth'], id='unclear'),
        pytest.param('/a/image', [], [], id='none'),
        pytest.param(
            '/zed/zed_node/rgb/image_rect_color', ['/zed/zed_node/depth/depth_registered'],
            ['/zed/zed_node/depth/depth_registered'], id='ZED',
        ),
    ],
)  # fmt: skip
def test_depth_of_a_camera(topic, depths, chosen) -> None:
    assert depth_topics(topic, depths) == chosen


def test_names_tell_rectified_images_and_depth() -> None:
    assert is_rectified('/cam/image_rect_color/compressed')
    assert not is_rectified('/rect/image_raw')
    assert is_depth('/cam/depth/image/compressedDepth')
    assert not is_depth('/cam/depth/image/compressed')


def test_only_calibration_that_is_left_is_the_cameras() -> None:
    infos = ['/depth/camera_info', '/calibration']
    assert calibration_topic('/rgb/image', infos, ['/depth/image']) == '/calibration'
    assert calibration_topic('/rgb/image', infos, []) == ''
    assert calibration_topic('/depth/image', infos, []) == '/depth/camera_info'
