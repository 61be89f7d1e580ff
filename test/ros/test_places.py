# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Metres over real DDS: depth, calibration and transforms in, positions out, or why there are none.

One set of tests runs over both kinds of pairing and of transforms where a real ROS is installed.
"""

from __future__ import annotations

import importlib.util
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')
pytest.importorskip('pytransform3d', reason='needs the extra: pip install molmo_ground_ros[space]')

from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from support import spatial_messages as scene
from support.spatial import FAR_M, HEIGHT, NEAR_M, WIDTH, true_place
from support.standing import QUESTION, TruthfulBackend
from support.world import World, wait_until
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.msg import Event, GroundedPoint, PointArray, StandingQuery
from molmo_ground_ros.ros import convert
from molmo_ground_ros.srv import SetQuery

Start = Callable[..., World]
# Pixels (16, 36) and (48, 12) of 64x48.
POINTS = (
    'Counting the <points coords="0.5 1 250 750;2.0 2 750 250">grasp</points> shows a total of 2.'
)
TRACKS = '<tracks coords="0.0 1 250 750;0.5 1 250 750;1.0 1 250 750">cup</tracks>'
SETTINGS = {
    'image_topics': ['cam/image'],
    'camera_names': ['cam'],
    'depth_topics': ['cam/depth/image'],
    'target_frame': 'map',
}
LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


# What a real ROS has and PyPI has not: the tests run with and without it.
OF_A_REAL_ROS = ('message_filters', 'tf2_ros')
INSTALLED = [name for name in OF_A_REAL_ROS if importlib.util.find_spec(name) is not None]


@pytest.fixture(autouse=True, params=[INSTALLED, []] if INSTALLED else [[]], ids=', '.join)
def packages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those that the node may use; the others are hidden from it."""
    for name in set(OF_A_REAL_ROS) - set(request.param):
        monkeypatch.setitem(sys.modules, name, None)
    return list(request.param)


class Camera:
    """Publishes the scene to a node, each message taken in before the next is sent."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.image = world.publisher(Image, 'cam/image')
        self.depth = world.publisher(Image, 'cam/depth/image')
        self.info = world.publisher(CameraInfo, 'cam/camera_info')
        self.tf = world.publisher(TFMessage, '/tf')
        self.static = world.publisher(TFMessage, '/tf_static', LATCHED)

    @property
    def source(self) -> Any:
        return self.world.node._places.inputs['cam']

    def send_depth(self, seconds: float, **changes: Any) -> None:
        before = self.source.buffer.stats().received
        if self.source.pairing == 'message_filters':
            self.info.publish(scene.camera_info(seconds))
        self.depth.publish(scene.depth(seconds, **changes))
        wait_until(lambda: self.source.buffer.stats().received > before, 'a depth image')

    def calibrate(self) -> None:
        self.info.publish(scene.camera_info(0.0))
        if self.source.pairing != 'message_filters':
            wait_until(lambda: self.source.values()['camera_info_known'], 'the calibration')

    def move(self, seconds: float) -> None:
        self.tf.publish(scene.transform(seconds, 'map', 'base', (seconds, 0.0, 0.0)))
        wait_until(lambda: self.has_transform(seconds), f'the transform of {seconds}')

    def has_transform(self, seconds: float) -> bool:
        try:
            self.source.transform('optical', 'map', scene.stamp(seconds))
        except Exception:  # noqa: BLE001 - it comes in any order
            return False
        return True

    def film(self, length_s: float = 2.5, with_depth: bool = True, with_tf: bool = True) -> None:
        self.calibrate()
        if with_tf:
            self.static.publish(scene.transform(0.0, 'base', 'optical', (0.0, 0.0, 0.5)))
        for number in range(round(length_s * 4) + 1):
            seconds = number / 4
            if with_tf:
                self.move(seconds)
            if with_depth:
                self.send_depth(seconds)
            self.world.send(self.image, 'cam', scene.image(seconds))


def places(reply: Any) -> list[tuple[float, float, float]]:
    return [(p.position.x, p.position.y, p.position.z) for p in reply.points.points]


def statuses(reply: Any) -> list[int]:
    return [point.position_status for point in reply.points.points]


def test_points_of_an_answer_have_their_places_in_the_target_frame(start: Start) -> None:
    world = start(ReplayBackend([POINTS]), **SETTINGS)
    published = world.listen(PointArray, '/molmo_ground/points')
    Camera(world).film()
    reply = world.ask(query='How many grasps?')
    assert (reply.error_msg, reply.points.target_frame) == ('', 'map')
    assert statuses(reply) == [GroundedPoint.OK] * 2
    expected = [true_place(0.5, 16, 36), true_place(2.0, 48, 12)]
    np.testing.assert_allclose(places(reply), expected, atol=1e-6)
    assert [point.depth_spread for point in reply.points.points] == [0.0, 0.0]
    wait_until(lambda: bool(published), 'the published points')
    assert places(type('Reply', (), {'points': published[0]})) == places(reply)


def test_tracks_have_places_and_speeds_where_asked_for(start: Start) -> None:
    world = start(ReplayBackend([TRACKS, TRACKS]), **SETTINGS, report_speed=True)
    Camera(world).film(1.25)
    (track,) = world.ask(query='Track the cup').tracks.tracks
    assert [p.position_status for p in track.points] == [GroundedPoint.OK] * 3
    # The pixel stays, and the camera moves along x at 1 m/s.
    assert track.speeds.tolist() == pytest.approx([1.0] * 3)
    world.node.set_parameters([scene.parameter('report_speed', False)])
    reply = world.ask(query='Track the cup')
    assert list(reply.tracks.tracks[0].speeds) == []
    assert reply.tracks.target_frame == 'map'


def test_markers_stand_at_the_places_and_there_are_none_without(start: Start) -> None:
    world = start(ReplayBackend([POINTS, TRACKS]), **SETTINGS)
    arrays = world.listen(MarkerArray, '/molmo_ground/markers')
    Camera(world).film()
    world.ask(query='How many grasps?')
    world.ask(query='Track the cup')
    wait_until(lambda: len(arrays) == 2, 'the markers of both')
    spheres = [marker for marker in arrays[0].markers if marker.type == Marker.SPHERE]
    spheres = [marker for marker in spheres if marker.action == Marker.ADD]
    stands = [(m.pose.position.x, m.pose.position.y, m.pose.position.z) for m in spheres]
    expected = [true_place(0.5, 16, 36), true_place(2.0, 48, 12)]
    np.testing.assert_allclose(stands, expected, atol=1e-6)
    assert {marker.header.frame_id for marker in spheres} == {'map'}
    (line,) = [marker for marker in arrays[1].markers if marker.type == Marker.LINE_STRIP]
    assert [round(point.x - line.points[0].x, 6) for point in line.points] == [0.0, 0.5, 1.0]


def test_without_depth_the_pixels_come_after_the_stated_time(start: Start) -> None:
    world = start(ReplayBackend([POINTS] * 2), **SETTINGS, position_wait_seconds=0.3)
    Camera(world).film(with_depth=False)
    began = time.monotonic()
    reply = world.ask(query='How many grasps?')
    took = time.monotonic() - began
    assert statuses(reply) == [GroundedPoint.NO_DEPTH] * 2
    assert [(p.x, p.y) for p in reply.points.points] == [(16.0, 36.0), (48.0, 12.0)]
    assert math.isnan(reply.points.points[0].depth_spread)
    assert 0.3 <= took < 1.5
    world.node.set_parameters([scene.parameter('position_wait_seconds', 0.0)])
    assert statuses(world.ask(query='How many grasps?')) == [GroundedPoint.NO_DEPTH] * 2


def test_transform_that_nobody_publishes_is_told(start: Start) -> None:
    world = start(ReplayBackend([POINTS]), **SETTINGS)
    Camera(world).film(with_tf=False)
    assert statuses(world.ask(query='How many grasps?')) == [GroundedPoint.NO_TRANSFORM] * 2


def test_own_frame_needs_no_transform(start: Start) -> None:
    world = start(ReplayBackend([POINTS]), **{**SETTINGS, 'target_frame': ''})
    Camera(world).film(with_tf=False)
    reply = world.ask(query='How many grasps?')
    assert (statuses(reply), reply.points.target_frame) == ([GroundedPoint.OK] * 2, 'optical')
    assert [point.position.z for point in reply.points.points] == [FAR_M, NEAR_M]


def test_depth_and_transform_that_come_late_are_waited_for(start: Start) -> None:
    """They come while the model answers, or shortly after."""
    world = start(ReplayBackend([POINTS]), **SETTINGS, position_wait_seconds=5.0)
    camera = Camera(world)
    camera.film(1.75)
    world.send(camera.image, 'cam', scene.image(2.0))
    reply = world.ask_async(query='How many grasps?')
    time.sleep(0.2)
    camera.send_depth(2.0)
    camera.move(2.0)
    assert statuses(reply()) == [GroundedPoint.OK] * 2


def test_unmeasured_pixel_and_frame_without_depth_are_told(start: Start) -> None:
    world = start(ReplayBackend([POINTS]), **SETTINGS)
    camera = Camera(world)
    camera.film(with_depth=False)
    nothing = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    camera.send_depth(0.5, metres=nothing)
    camera.send_depth(0.75)
    camera.send_depth(2.5)
    reply = world.ask(query='How many grasps?')
    assert statuses(reply) == [GroundedPoint.NO_DEPTH] * 2


def test_broken_messages_cost_no_answer(start: Start) -> None:
    world = start(ReplayBackend([POINTS]), **SETTINGS)
    camera = Camera(world)
    camera.info.publish(scene.camera_info(0.0, focal=0.0))
    broken = scene.depth(0.5)
    broken.data = broken.data[:100]
    camera.film(with_depth=False)
    camera.info.publish(scene.camera_info(0.5))
    camera.depth.publish(broken)
    camera.depth.publish(b'\0\1\0\0 cut off')
    camera.send_depth(2.0)
    camera.send_depth(2.5)
    reply = world.ask(query='How many grasps?')
    assert statuses(reply) == [GroundedPoint.NO_DEPTH, GroundedPoint.OK]
    assert camera.source.failed >= 1
    assert 'does not begin' in camera.source.last_error or 'needs' in camera.source.last_error


def test_time_that_jumps_back_begins_anew(start: Start) -> None:
    """As a bag that is played in a loop: the second round is placed as the first."""
    world = start(ReplayBackend([POINTS] * 2), **SETTINGS)
    camera = Camera(world)
    camera.film(12.0)
    assert statuses(world.ask(query='How many grasps?')) == [GroundedPoint.OK] * 2
    camera.film(2.5)
    reply = world.ask(query='How many grasps?')
    expected = [true_place(0.5, 16, 36), true_place(2.0, 48, 12)]
    np.testing.assert_allclose(places(reply), expected, atol=1e-6)


def test_diagnostics_say_what_is_in_use_and_what_is_missing(
    start: Start, packages: list[str]
) -> None:
    world = start(ReplayBackend([POINTS]), **SETTINGS, diagnostics_period_seconds=0.1)
    heard = world.listen(DiagnosticArray, '/diagnostics')
    camera = Camera(world)

    def status() -> Any:
        found = [s for s in heard[-1].status if s.hardware_id == 'cam'] if heard else []
        return found[0] if found else None

    world.send(camera.image, 'cam', scene.image(0.0))
    wait_until(lambda: status() and 'no depth image received' in status().message, 'the warning')
    assert 'no camera_info received on cam/camera_info' in status().message
    camera.film(1.0)
    wait_until(lambda: values(status()).get('depth_held') == '5', 'all depth images')
    assert status().message == 'receiving'
    shown = values(status())
    assert (shown['pairing'] == 'message_filters') == ('message_filters' in packages)
    assert (shown['transforms'] == 'tf2_ros') == ('tf2_ros' in packages)


def values(status: Any) -> dict[str, str]:
    return {value.key: value.value for value in status.values}


def test_event_of_a_standing_question_has_its_place(start: Start) -> None:
    settings = {**SETTINGS, 'prepare': False, 'standing_agreement': 0.0}
    world = start(TruthfulBackend([(3.0, 0.25, 0.75)]), **settings)
    events = world.listen(Event, '/molmo_ground/events')
    client = world.client.create_client(SetQuery, '/molmo_ground/set_query')
    wait_until(client.service_is_ready, 'the service')
    query = StandingQuery(id='grasps', query=QUESTION, period=Duration(sec=2))
    reply = client.call_async(SetQuery.Request(query=query))
    wait_until(reply.done, 'a reply')
    camera = Camera(world)
    camera.film(8.0)
    wait_until(lambda: bool(events), 'an event')
    (event,) = events
    assert (event.point.position_status, event.target_frame) == (GroundedPoint.OK, 'map')
    place = event.point.position
    expected = true_place(3.0, 16, 36)
    np.testing.assert_allclose((place.x, place.y, place.z), expected, atol=1e-6)


def test_depth_of_a_camera_without_a_depth_topic_is_not_asked_for(start: Start) -> None:
    world = start(ReplayBackend([POINTS]), image_topics=['cam/image'], camera_names=['cam'])
    image = world.publisher(Image, 'cam/image')
    for number in range(6):
        world.send(image, 'cam', scene.image(number / 2))
    reply = world.ask(query='How many grasps?')
    assert (statuses(reply), reply.points.target_frame) == ([GroundedPoint.NONE] * 2, '')


def test_depth_is_added_and_removed_while_the_node_runs(start: Start) -> None:
    world = start(ReplayBackend([POINTS] * 3), image_topics=['cam/image'], camera_names=['cam'])
    node = world.node
    changes = {'depth_topics': ['cam/depth/image'], 'target_frame': 'map'}
    assert all(r.successful for r in node.set_parameters(parameters(changes)))
    camera = Camera(world)
    camera.film()
    reply = world.ask(query='How many grasps?')
    expected = [true_place(0.5, 16, 36), true_place(2.0, 48, 12)]
    np.testing.assert_allclose(places(reply), expected, atol=1e-6)
    # The frame may change, and what was received stays.
    node.set_parameters(parameters({'target_frame': 'base'}))
    reply = world.ask(query='How many grasps?')
    expected = np.subtract(expected, [(0.5, 0, 0), (2.0, 0, 0)])
    np.testing.assert_allclose(places(reply), expected, atol=1e-6)
    (refused,) = node.set_parameters(parameters({'depth_topics': ['a', 'b']}))
    assert not refused.successful and '1 image topics are set' in refused.reason
    node.set_parameters(parameters({'depth_topics': []}))
    assert '/cam/depth/image' not in {s.topic_name for s in node.subscriptions}
    assert statuses(world.ask(query='How many grasps?')) == [GroundedPoint.NONE] * 2


def parameters(changes: dict[str, Any]) -> list[Any]:
    return [scene.parameter(name, value) for name, value in changes.items()]


def test_stopped_node_keeps_no_subscription_of_depth_or_transforms(start: Start) -> None:
    world = start(ReplayBackend([POINTS]), **SETTINGS)
    assert convert.stamp_ns(scene.image(0.0).header.stamp) == scene.stamp(0.0)
    topics = {s.topic_name for s in world.node.subscriptions}
    assert {'/cam/depth/image', '/cam/camera_info', '/cam/depth/camera_info', '/tf'} <= topics
    world.node.trigger_deactivate()
    assert '/cam/depth/image' not in {s.topic_name for s in world.node.subscriptions}
    world.node.trigger_cleanup()
    assert '/tf' not in {s.topic_name for s in world.node.subscriptions}
