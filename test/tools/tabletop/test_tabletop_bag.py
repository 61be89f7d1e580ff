# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An episode's bag: what it holds agrees with its truth."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from tools.tabletop.bag import DEPTH, IMAGE, INFO, TF, TYPES, BentLensError, Span, write_bag
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.render import Stage
from tools.tabletop.simulate import main
from tools.tabletop.world import Scene, state_at


@pytest.fixture(scope='module')
def scene() -> Scene:
    return scene_from_seed(12, 8.0, calm=True)


@pytest.fixture(scope='module')
def written(
    tmp_path_factory: pytest.TempPathFactory, scene: Scene, stage: Stage
) -> tuple[Path, dict[str, Any]]:
    """A bag of seven seconds, written once."""
    del stage  # skips where nothing can be drawn
    path = tmp_path_factory.mktemp('bag') / 'episode.mcap'
    return path, write_bag(scene, Span(0.0, 7.0, rate_hz=4.0), path)


def _messages(path: Path, topic: str) -> list[Any]:
    store = get_typestore(Stores.ROS2_JAZZY)
    with AnyReader([path], default_typestore=store) as reader:
        links = [link for link in reader.connections if link.topic == topic]
        return [reader.deserialize(raw, link.msgtype) for link, _, raw in reader.messages(links)]


def test_every_topic_has_its_messages(written: tuple[Path, dict[str, Any]]) -> None:
    path, _ = written
    counts = {topic: len(_messages(path, topic)) for topic in TYPES}
    assert counts[IMAGE] == counts[INFO] == counts[TF] == 29
    assert counts[DEPTH] == 15
    assert counts['/tf_static'] == 1


def test_the_truth_beside_the_bag_is_the_scenes(
    written: tuple[Path, dict[str, Any]], scene: Scene
) -> None:
    path, truth = written
    assert json.loads(path.with_suffix('.json').read_text()) == truth
    inside = [event.kind for event in scene.events if 0.0 < event.moment_s <= 7.0]
    assert [event['kind'] for event in truth['events']] == inside
    assert len(inside) > 3


def test_a_seen_thing_projects_to_where_it_is_and_depth_measures_it(
    written: tuple[Path, dict[str, Any]],
) -> None:
    """Through camera_info, tf_static and depth, as a user of the bag would."""
    path, truth = written
    info = _messages(path, INFO)[0]
    (pose,) = _messages(path, '/tf_static')[0].transforms
    k, move, turn = info.k.reshape(3, 3), pose.transform.translation, pose.transform.rotation
    eye = np.array((move.x, move.y, move.z))
    rotation = _matrix(turn.x, turn.y, turn.z, turn.w)
    depths = {_ns(message): message for message in _messages(path, DEPTH)}
    checked = 0
    for row in truth['pictures']:
        message = depths[row['stamp_ns']]
        metres = message.data.view('<u2').reshape(480, 640) / 1000
        for thing in row['things']:
            if thing['visible'] > 0.9:
                optical = (np.array(thing['position_m']) - eye) @ rotation
                u, v, _ = k @ optical / optical[2]
                assert np.hypot(u + 0.5 - thing['x'], v + 0.5 - thing['y']) < 40
                near = metres[int(thing['y']), int(thing['x'])]
                assert near == pytest.approx(optical[2], abs=0.08)
                checked += 1
    assert checked > 10


def test_the_gripper_of_tf_is_the_scenes(
    written: tuple[Path, dict[str, Any]], scene: Scene
) -> None:
    path, truth = written
    for message in _messages(path, TF)[::7]:
        (pose,) = message.transforms
        assert pose.child_frame_id == 'gripper'
        time_s = (_ns(pose) - truth['first_stamp_ns']) / 1e9
        move = pose.transform.translation
        np.testing.assert_allclose(
            (move.x, move.y, move.z), state_at(scene, time_s).grip, atol=1e-6
        )


def test_pictures_are_jpegs_of_the_stated_size(written: tuple[Path, dict[str, Any]]) -> None:
    path, truth = written
    image = cv2.imdecode(_messages(path, IMAGE)[3].data, cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (truth['height'], truth['width'], 3)


def test_a_bent_lens_is_refused(tmp_path: Path, scene: Scene) -> None:
    first, second = scene.cameras
    bent = replace(scene, cameras=(replace(first, barrel=0.1), second))
    with pytest.raises(BentLensError, match=r'barrel 0\.1'):
        write_bag(bent, Span(), tmp_path / 'a.mcap')


def test_the_command_writes_a_bag(tmp_path: Path, stage: Stage) -> None:
    del stage
    path = tmp_path / 'a.mcap'
    assert main(['bag', str(path), '--seconds', '1', '--rate', '2', '--view', '1']) == 0
    assert json.loads(path.with_suffix('.json').read_text())['view'] == 1
    assert len(_messages(path, IMAGE)) == 3


def _ns(message: Any) -> int:
    return int(message.header.stamp.sec * 10**9 + message.header.stamp.nanosec)


def _matrix(x: float, y: float, z: float, w: float) -> Any:
    from scipy.spatial.transform import Rotation

    return Rotation.from_quat((x, y, z, w)).as_matrix()
