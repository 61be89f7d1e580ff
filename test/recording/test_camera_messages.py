# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from contextlib import suppress
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")

from rosbags.typesys import Stores, get_typestore
from support import spatial
from support.bags import MSG
from support.clips import stamp

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.recording import camera_messages
from molmo_ground_ros.recording.camera_messages import CAMERA_INFO, HEAD_BYTES, TRANSFORMS
from molmo_ground_ros.space.camera_model import CameraModel, Region
from molmo_ground_ros.space.errors import CalibrationError
from molmo_ground_ros.space.transforms import Transform

FRAMES = ['', 'a', 'ab', 'abc', 'abcd', 'kamera_ü']
STORES = [Stores.ROS2_FOXY, Stores.ROS2_JAZZY]


def packed(message, store=Stores.ROS2_JAZZY, little=True):
    kind = message.__msgtype__
    return bytes(get_typestore(store).serialize_cdr(message, kind, little_endian=little))


@pytest.mark.parametrize('frame_id', FRAMES)
@pytest.mark.parametrize('little', [True, False], ids=['little', 'big'])
@pytest.mark.parametrize('count', [0, 4, 5, 8])
def test_camera_info_is_read_as_rosbags_writes_it(frame_id, little, count) -> None:
    d = np.arange(count) / 100
    roi = MSG['sensor_msgs/msg/RegionOfInterest'](4, 2, 20, 30, False)
    message = spatial.camera_info(1.5, 71.5, frame_id, d=d, binning_x=2, binning_y=0, roi=roi)
    if count == 8:
        message.distortion_model = 'rational_polynomial'
    data = packed(message, little=little)
    assert camera_messages.first_stamp(data[:HEAD_BYTES], CAMERA_INFO) == stamp(1.5)
    info = camera_messages.camera_info(data, rectified=False)
    assert (info.stamp_ns, info.frame_id) == (stamp(1.5), frame_id)
    k = (71.5, 0.0, 31.5, 0.0, 71.5, 23.5, 0.0, 0.0, 1.0)
    model = 'rational_polynomial' if count == 8 else 'plumb_bob'
    expected = CameraModel(64, 48, k, tuple(d.tolist()), model, (2, 1), Region(4, 2, 30, 20))
    assert info.camera == expected


def test_rectified_images_have_the_projection_and_no_distortion() -> None:
    data = packed(spatial.camera_info(0.0, d=np.ones(5)))
    camera = camera_messages.camera_info(data, rectified=True).camera
    assert camera.rectified
    np.testing.assert_allclose(camera.rays(np.array([[32.0, 24.0]])), [[0.0, 0.0, 1.0]])


def test_coefficients_of_zero_need_no_model() -> None:
    data = packed(spatial.camera_info(0.0, distortion_model='inverse_brown_conrady'))
    assert camera_messages.camera_info(data, rectified=False).camera.d == ()
    bent = packed(spatial.camera_info(0.0, distortion_model='inverse_brown_conrady', d=np.ones(5)))
    with pytest.raises(CalibrationError, match='inverse_brown_conrady'):
        camera_messages.camera_info(bent, rectified=False)


@pytest.mark.parametrize('frame_id', FRAMES)
@pytest.mark.parametrize('little', [True, False], ids=['little', 'big'])
@pytest.mark.parametrize('store', STORES, ids=['foxy', 'jazzy'])
def test_transforms_are_read_as_rosbags_writes_them(frame_id, little, store) -> None:
    turn = (0.1, 0.2, 0.3, 0.9)
    message = spatial.transform(2.5, 'map', frame_id, (1.0, -2.0, 3.5), turn)
    message.transforms += spatial.transform(3.25, frame_id, 'optical', (0, 0, 0.5)).transforms
    data = packed(message, store, little)
    assert camera_messages.first_stamp(data[:HEAD_BYTES], TRANSFORMS) == stamp(2.5)
    assert camera_messages.transforms(data) == [
        Transform('map', frame_id, stamp(2.5), (1.0, -2.0, 3.5), turn),
        Transform(frame_id, 'optical', stamp(3.25), (0.0, 0.0, 0.5), (0.0, 0.0, 0.0, 1.0)),
    ]


def test_message_without_transforms_has_none() -> None:
    data = packed(MSG['tf2_msgs/msg/TFMessage']([]))
    assert camera_messages.first_stamp(data[:HEAD_BYTES], TRANSFORMS) is None
    assert camera_messages.transforms(data) == []


def test_every_cut_message_is_an_image_error() -> None:
    info, moved = (
        packed(spatial.camera_info(0.0)),
        packed(spatial.transform(0.0, 'a', 'b', (1, 2, 3))),
    )
    for cut in range(len(info) - 8):
        with pytest.raises(ImageError):
            camera_messages.camera_info(info[:cut], rectified=False)
    for cut in range(HEAD_BYTES, len(moved) - 1):
        with pytest.raises(ImageError):
            camera_messages.transforms(moved[:cut])


def test_absurd_number_of_coefficients_is_refused() -> None:
    data = bytearray(packed(spatial.camera_info(0.0)))
    at = data.index(b'plumb_bob') + 12
    data[at : at + 4] = (10**9).to_bytes(4, 'little')
    with pytest.raises(ImageError, match='1000000000'):
        camera_messages.camera_info(bytes(data), rectified=False)


@given(data=st.data())
def test_damage_is_an_error_of_ours_or_another_message(data) -> None:
    moved = spatial.transform(0.0, 'map', 'base', (1, 2, 3))
    sound = data.draw(st.sampled_from([packed(spatial.camera_info(0.0)), packed(moved)]))
    broken = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    for kind in camera_messages.COMPANIONS:
        for read in (
            camera_messages.transforms,
            partial(camera_messages.camera_info, rectified=False),
            partial(camera_messages.camera_info, rectified=True),
        ):
            with suppress(ImageError, CalibrationError):
                assert read(bytes(broken), kind) is not None
        assert isinstance(camera_messages.first_stamp(bytes(broken[:HEAD_BYTES]), kind), int | None)
