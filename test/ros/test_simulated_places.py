# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The bar: right pixels of a simulated bag that is played to the node are placed within 5 mm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')
pytest.importorskip('pytransform3d', reason='needs the extra: pip install molmo_ground_ros[space]')

from support.place_bar import check
from support.world import World, wait_until

from molmo_ground_ros.recording import open_recording
from molmo_ground_ros.types import Point, Position, PositionStatus
from tools.player import Player
from tools.tabletop.bag import DEPTH, IMAGE, INFO, TF, WORLD, write_bag
from tools.tabletop.places import QUESTION, SPAN, TruthBackend, hand_held
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.render import RendererMissingError


@pytest.fixture(scope='module')
def episode(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A bag of seven seconds by a camera in a hand, and its truth."""
    path = tmp_path_factory.mktemp('places') / 'episode.mcap'
    try:
        return path, write_bag(hand_held(scene_from_seed(18, 8.0, calm=True)), SPAN, path)
    except RendererMissingError as err:
        pytest.skip(str(err))


def play(world: World, path: Path) -> None:
    """Send a bag to the node, each image and depth image taken in before the next is sent."""
    depth = world.node._places.inputs[IMAGE].buffer.stats
    received = {IMAGE: world.node.cameras[IMAGE].buffer.stats, DEPTH: depth}
    with open_recording(path, IMAGE) as recording:
        player = Player(world.client, recording)
        player.wait_subscribed((IMAGE, DEPTH, INFO, TF), wait_until)
        sent = dict.fromkeys(received, 0)
        for cue in player.cues():
            player.send(cue)
            if cue.topic in received:
                sent[cue.topic] += 1
                wait_until(
                    lambda topic=cue.topic: received[topic]().received == sent[topic], cue.topic
                )


def test_node_places_right_pixels(
    episode: tuple[Path, dict[str, Any]], start: Callable[..., World]
) -> None:
    path, truth = episode
    world = start(
        TruthBackend(truth),
        image_topics=[IMAGE],
        depth_topics=[DEPTH],
        camera_info_topics=[INFO],
        target_frame=WORLD,
        qos_reliability='reliable',
        qos_depth=100,
        report_speed=True,
    )
    play(world, path)
    reply = world.ask(query=QUESTION)
    assert (reply.error_msg, reply.tracks.target_frame) == ('', WORLD)
    check([point_of(msg) for track in reply.tracks.tracks for msg in track.points], truth)
    assert all(len(track.speeds) == len(track.points) for track in reply.tracks.tracks)


def point_of(msg: Any) -> Point:
    place = msg.position
    status = PositionStatus(msg.position_status)
    position = Position(status, place.x, place.y, place.z, msg.depth_spread)
    stamp_ns = msg.stamp.sec * 10**9 + msg.stamp.nanosec
    return Point(stamp_ns, msg.id, msg.x, msg.y, msg.score, msg.frame_id, position)
