# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Positions out of real bags, and every reason why a recording has none."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('pytransform3d', reason='needs the extra: pip install molmo_ground_ros[space]')

from rosbags.rosbag2 import StoragePlugin
from support import spatial
from support.bags import write_bag
from support.clips import stamp

from molmo_ground_ros.errors import BagError, TopicNotFound
from molmo_ground_ros.recording import (
    LossKind,
    RecordedSpace,
    SeveralDepths,
    SpaceTopics,
    find_space,
    open_recording,
)
from molmo_ground_ros.recording.recorded_transforms import RecordedTransforms
from molmo_ground_ros.types import Point, Position, PositionStatus

SIZE = spatial.WIDTH, spatial.HEIGHT
FAR, NEAR = (10.0, 30.0), (50.0, 10.0)


def positions(path: Path, seconds=(0.0, 2.0), target_frame='map', named=None) -> list[Position]:
    """Of a far and a near pixel at each time."""
    points = [Point(stamp(s), 1, *pixel, 1.0, 'optical') for s in seconds for pixel in (FAR, NEAR)]
    with open_recording(path, spatial.IMAGE) as recording:
        chosen = find_space(recording, named or SpaceTopics())
        around = RecordedSpace(recording, chosen, target_frame)
        placed = around.place(points, SIZE)
    assert [(p.stamp_ns, p.x, p.y) for p in placed] == [(p.stamp_ns, p.x, p.y) for p in points]
    return [point.position for point in placed]


def statuses(path: Path, **options) -> list[str]:
    return [position.status.name for position in positions(path, **options)]


@pytest.fixture(scope='module')
def scene(tmp_path_factory) -> Path:
    return spatial.write_scene(tmp_path_factory.mktemp('scene') / 'bag')


def test_pixels_get_their_places_in_the_map(scene) -> None:
    times = (0.0, 0.5, 2.0, 4.0)
    found = positions(scene, times)
    expected = [spatial.true_place(time, *pixel) for time in times for pixel in (FAR, NEAR)]
    assert {position.status for position in found} == {PositionStatus.OK}
    np.testing.assert_allclose([(p.x, p.y, p.z) for p in found], expected, atol=1e-6)
    assert {position.frame_id for position in found} == {'map'}


def test_sqlite_gives_the_same(scene, tmp_path) -> None:
    other = write_bag(tmp_path / 'bag', spatial.topics(), StoragePlugin.SQLITE3)
    assert positions(other) == positions(scene)


def test_ros1_bag_gives_the_same(scene, tmp_path) -> None:
    assert positions(spatial.write_ros1_scene(tmp_path / 'scene.bag')) == positions(scene)


def test_damaged_sqlite_gives_the_same(scene, tmp_path) -> None:
    other = write_bag(tmp_path / 'bag', spatial.topics(), StoragePlugin.SQLITE3)
    (file,) = other.glob('*.db3')
    data = bytearray(file.read_bytes())
    page = int.from_bytes(data[16:18], 'big')
    # A page with rows of pictures, which no position needs, gets a type that there is not.
    leaves = [at for at in range(page, len(data), page) if data[at] == 0x0D]
    data[next(at for at in leaves if b'jpeg' in data[at : at + page])] = 0xFF
    file.write_bytes(data)
    with open_recording(other) as recording:
        assert LossKind.BAD_PAGES in {loss.kind for loss in recording.loss}
    assert positions(other, seconds=(0.0,)) == positions(scene, seconds=(0.0,))


def test_without_a_target_it_is_the_cameras_own_frame(scene) -> None:
    far, near = positions(scene, (2.0,), target_frame='')
    assert (far.frame_id, near.z) == ('optical', pytest.approx(spatial.NEAR_M))
    expected = np.subtract(spatial.true_place(2.0, *FAR), (2.0, 0.0, 0.5))
    np.testing.assert_allclose((far.x, far.y, far.z), expected, atol=1e-6)


def test_frame_between_two_depth_images_takes_the_nearest(scene) -> None:
    """Depth comes every half second: a frame a quarter later takes one, as far as it may."""
    assert statuses(scene, seconds=(0.25, 0.75)) == ['OK'] * 4
    found = positions(scene, (0.25,))
    np.testing.assert_allclose((found[0].x,), spatial.true_place(0.25, *FAR)[0], atol=1e-6)


def test_frame_far_from_any_depth_has_none(tmp_path) -> None:
    path = spatial.write_scene(
        tmp_path / 'bag', DEPTH=[spatial.depth(time) for time in (0.0, 0.1, 0.2, 0.3)]
    )
    assert statuses(path, seconds=(0.25, 2.0)) == ['OK', 'OK', 'NO_DEPTH', 'NO_DEPTH']
    assert 'no depth image near' in positions(path, (2.0,))[0].reason


def test_pixels_that_were_not_measured_have_none(tmp_path) -> None:
    metres = spatial.wall()
    metres[:, : spatial.WIDTH // 2] = np.nan
    path = spatial.write_scene(tmp_path / 'bag', DEPTH=[spatial.depth(0.0, metres)])
    assert statuses(path, seconds=(0.0,)) == ['NO_DEPTH', 'OK']


def test_transform_that_is_missing_or_too_old_is_told(tmp_path, scene) -> None:
    path = spatial.write_scene(tmp_path / 'bag', TF=None)
    assert statuses(path) == ['NO_TRANSFORM'] * 4
    assert "from 'optical' to 'map'" in positions(path)[0].reason
    moving = [spatial.transform(t, 'map', 'base', (t, 0, 0)) for t in (0.0, 1.0)]
    early = spatial.write_scene(tmp_path / 'early', TF=moving)
    assert statuses(early, seconds=(0.5, 2.0)) == ['OK', 'OK', 'NO_TRANSFORM', 'NO_TRANSFORM']
    assert statuses(scene, target_frame='moon') == ['NO_TRANSFORM'] * 4


def test_transforms_of_one_stamp_by_two_publishers_all_count(tmp_path) -> None:
    both = [
        spatial.transform(time, *ends)
        for time in (0.0, 2.0, 4.0)
        for ends in (('map', 'odom', (0.0, 0.0, 0.0)), ('odom', 'base', (time, 0.0, 0.0)))
    ]
    path = spatial.write_scene(tmp_path / 'bag', TF=both)
    assert statuses(path, seconds=(1.0,)) == ['OK', 'OK']


def test_recording_of_any_length_holds_a_stretch_of_transforms(tmp_path, monkeypatch) -> None:
    moving = [spatial.transform(t, 'map', 'base', (t, 0, 0)) for t in range(400)]
    path = spatial.write_scene(tmp_path / 'bag', TF=moving)
    with open_recording(path, spatial.IMAGE) as recording:
        reads = []
        payload = recording.index.payload
        monkeypatch.setattr(
            recording.index, 'payload', lambda *which: reads.append(which) or payload(*which)
        )
        transforms = RecordedTransforms(recording.index)
        for seconds in range(5, 395, 5):
            matrix = transforms.matrix('optical', 'map', stamp(seconds + 0.5))
            assert matrix[0, 3] == pytest.approx(seconds + 0.5)
            assert len(transforms._buffer._edges['base'].stamps_ns) <= 71
    assert len(reads) < 2 * len(moving)


def test_depth_of_a_camera_beside_is_registered(tmp_path) -> None:
    """The depth camera is 0.1 m to the right; both look at a flat wall."""
    flat = np.full((48, 64), 2.0, np.float32)
    path = spatial.write_scene(
        tmp_path / 'bag',
        DEPTH=[spatial.depth(0.0, flat, 'depth_optical')],
        DEPTH_INFO=[spatial.camera_info(0.0, 45.0, 'depth_optical')],
        TF_STATIC=[
            spatial.transform(0.0, 'base', 'optical', (0.0, 0.0, 0.5)),
            spatial.transform(0.0, 'optical', 'depth_optical', (0.1, 0.0, 0.0)),
        ],
    )
    far, _ = positions(path, (0.0,))
    expected = ((FAR[0] - 32) / 60 * 2, (FAR[1] - 24) / 60 * 2, 2.5)
    np.testing.assert_allclose((far.x, far.y, far.z), expected, atol=1e-6)


def test_depth_of_another_frame_without_a_calibration_is_told(tmp_path) -> None:
    path = spatial.write_scene(
        tmp_path / 'bag', DEPTH=[spatial.depth(0.0, frame_id='depth_optical')]
    )
    assert statuses(path, seconds=(0.0,)) == ['NO_DEPTH'] * 2
    assert 'no camera_info of the depth camera' in positions(path, (0.0,))[0].reason


def test_damaged_depth_image_costs_its_own_points_alone(tmp_path) -> None:
    broken = spatial.depth(0.0)
    broken.data = broken.data[:100]
    path = spatial.write_scene(tmp_path / 'bag', DEPTH=[broken, spatial.depth(0.5)])
    assert statuses(path, seconds=(0.0, 0.5)) == ['NO_DEPTH', 'NO_DEPTH', 'OK', 'OK']
    assert '100 bytes' in positions(path, (0.0,))[0].reason


def test_last_calibration_before_the_frame_counts(tmp_path) -> None:
    infos = [spatial.camera_info(1.0), spatial.camera_info(3.0, 30.0)]
    path = spatial.write_scene(tmp_path / 'bag', INFO=infos)
    times = (0.0, 2.0, 4.0)
    found = positions(path, times, target_frame='')[1::2]
    focals = (60.0, 60.0, 30.0)
    expected = [(NEAR[0] - 32) / focal * spatial.NEAR_M for focal in focals]
    assert [position.x for position in found] == pytest.approx(expected)


def test_what_is_not_there_is_named(tmp_path, scene) -> None:
    with open_recording(scene, spatial.IMAGE) as recording:
        for named in (SpaceTopics('/none'), SpaceTopics('', '/none'), SpaceTopics('', '', '/none')):
            with pytest.raises(TopicNotFound, match='/none'):
                find_space(recording, named)
    for name, change in (('no depth', {'DEPTH': None}), ('no camera_info', {'INFO': None})):
        path = spatial.write_scene(tmp_path / name, **change)
        with open_recording(path) as recording, pytest.raises(BagError, match=name):
            find_space(recording, SpaceTopics())


def test_depth_is_known_by_its_encoding_and_pictures_of_depth_are_none(tmp_path) -> None:
    messages = spatial.topics()
    depth = messages.pop(spatial.DEPTH)
    pictures = messages[spatial.IMAGE]
    named = {'/cam/range/image': depth, '/cam/depth/preview/compressed': pictures}
    path = write_bag(tmp_path / 'bag', {**messages, **named})
    with open_recording(path, spatial.IMAGE) as recording:
        assert find_space(recording, SpaceTopics()).depth == '/cam/range/image'
    thermal = write_bag(tmp_path / 'thermal', {**spatial.topics(), '/cam/thermal/image': depth})
    with open_recording(thermal, spatial.IMAGE) as recording:
        assert find_space(recording, SpaceTopics()).depth == spatial.DEPTH


def test_several_depth_topics_are_named_and_one_is_taken_if_told(tmp_path) -> None:
    messages = spatial.topics()
    path = write_bag(tmp_path / 'bag', {**messages, '/cam/depth2/image': messages[spatial.DEPTH]})
    with open_recording(path, spatial.IMAGE) as recording:
        with pytest.raises(SeveralDepths, match='/cam/depth/image, /cam/depth2/image'):
            find_space(recording, SpaceTopics())
        chosen = find_space(recording, SpaceTopics('/cam/depth2/image'))
    assert chosen == SpaceTopics('/cam/depth2/image', spatial.INFO, '')
