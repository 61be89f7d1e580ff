# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node's overlay, markers and annotations, over real DDS."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from support.answers_as_messages import event, grounded, point_array
from support.clips import stamp
from support.world import World, wait_until
from visualization_msgs.msg import Marker, MarkerArray

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.frames.image import decode
from molmo_ground_ros.reports.colours import colour
from molmo_ground_ros.ros import convert, overlay
from molmo_ground_ros.srv import Ground

Start = Callable[..., World]
WIDTH, HEIGHT = 160, 120
GRASPS = (
    'Counting the <points coords="0.5 1 250 250;1.5 2 500 500">grasp</points> shows a total of 2.'
)


def image(seconds: float) -> Image:
    """A picture whose grey value is ten times its seconds."""
    header = Header(stamp=convert.time_msg(stamp(seconds)), frame_id='optical')
    data = bytes([round(seconds * 10)]) * (WIDTH * HEIGHT * 3)
    return Image(
        header=header, width=WIDTH, height=HEIGHT, encoding='rgb8', step=WIDTH * 3, data=data
    )


def film(world: World, seconds: float = 2.0) -> None:
    publisher = world.publisher(Image, 'image')
    for i in range(round(seconds * 10) + 1):
        world.send(publisher, 'image', image(i / 10))


def first(arrays: list[Any], what: str) -> Any:
    wait_until(lambda: bool(arrays), what)
    return arrays[0]


def test_overlay_shows_the_frame_of_the_newest_point(start: Start) -> None:
    world = start(ReplayBackend([GRASPS]))
    overlays = world.listen(Image, '/molmo_ground/overlay')
    film(world)
    assert world.ask(query='How many grasps?').error_code == Ground.Response.OK
    message = first(overlays, 'the overlay')
    assert convert.stamp_ns(message.header.stamp) == stamp(1.5)
    assert message.header.frame_id == 'optical'
    assert (message.width, message.height, message.encoding) == (WIDTH, HEIGHT, 'rgb8')
    pixels = decode(convert.image(message))
    assert (pixels[60, 80] == 15).all()  # the middle of the ring
    assert (pixels[60, 80 - overlay.RING] == colour(2)).all()
    assert (pixels[5, 5] == 15).all()


def test_overlay_leaves_the_frames_of_the_next_answer_as_they_are(start: Start) -> None:
    world = start(ReplayBackend([GRASPS, 'There are none.']))
    overlays = world.listen(Image, '/molmo_ground/overlay')
    film(world, 1.5)
    world.ask(query='How many grasps?')
    world.ask(query='How many cups?')
    wait_until(lambda: len(overlays) == 2, 'both overlays')
    pixels = decode(convert.image(overlays[1]))
    assert convert.stamp_ns(overlays[1].header.stamp) == stamp(1.5)
    assert (pixels[60, 80 - overlay.RING] == 15).all()


def test_nothing_is_drawn_while_nobody_subscribes(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(overlay, 'draw', lambda scene, pixels: drawn.append(scene))
    world = start(ReplayBackend([GRASPS], repeat=True))
    markers = world.listen(MarkerArray, '/molmo_ground/markers')
    film(world)
    world.ask(query='How many grasps?')
    first(markers, 'the markers, which are made before the overlay')
    overlays = world.listen(Image, '/molmo_ground/overlay')
    world.ask(query='How many grasps?')
    first(overlays, 'the overlay')
    assert len(drawn) == 1


def test_frame_is_shown_though_the_buffer_has_dropped_it(start: Start) -> None:
    world = start(ReplayBackend([GRASPS], delay=lambda: clear()))
    overlays = world.listen(Image, '/molmo_ground/overlay')

    def clear() -> None:
        world.node.cameras['image'].buffer.clear()

    film(world)
    world.ask(query='How many grasps?')
    message = first(overlays, 'the overlay')
    assert convert.stamp_ns(message.header.stamp) == stamp(1.5)


def test_drawing_that_hangs_delays_neither_images_nor_answers(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, began = threading.Event(), threading.Event()

    def hang(scene: Any, pixels: np.ndarray) -> None:
        began.set()
        assert gate.wait(20)

    monkeypatch.setattr(overlay, 'draw', hang)
    world = start(ReplayBackend([GRASPS], repeat=True))
    overlays = world.listen(Image, '/molmo_ground/overlay')
    film(world)
    publisher = world.publisher(Image, 'image')
    for i in range(30):
        assert world.ask(query='How many grasps?').error_code == Ground.Response.OK
        world.send(publisher, 'image', image(2.1 + i / 10))
    assert began.is_set() and not overlays
    gate.set()
    wait_until(lambda: len(overlays) >= 2, 'what was not left out')


def test_drawing_that_fails_is_logged_and_the_next_answer_is_shown(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [RuntimeError('no paint')]
    draw = overlay.draw

    def fail_once(scene: Any, pixels: np.ndarray) -> None:
        if failures:
            raise failures.pop()
        draw(scene, pixels)

    monkeypatch.setattr(overlay, 'draw', fail_once)
    world = start(ReplayBackend([GRASPS], repeat=True))
    overlays = world.listen(Image, '/molmo_ground/overlay')
    film(world)
    world.ask(query='How many grasps?')
    world.ask(query='How many grasps?')
    first(overlays, 'the second overlay')
    assert not failures


def test_event_is_shown_on_its_frame_while_that_is_held(start: Start) -> None:
    world = start(ReplayBackend([]))
    overlays = world.listen(Image, '/molmo_ground/overlay')
    markers = world.listen(MarkerArray, '/molmo_ground/markers')
    film(world)
    lost, held = event(1, grounded(-5.0, 1, 80, 60)), event(2, grounded(0.7, 2, 80, 60))
    for message in (lost, held):
        message.camera = 'image'
        world.node._views.show_event(message)
    assert convert.stamp_ns(first(overlays, 'the overlay').header.stamp) == stamp(0.7)
    wait_until(lambda: len(markers) == 2, 'the markers of both')
    assert len(overlays) == 1


def test_event_before_its_window_is_shown_from_the_buffer(start: Start) -> None:
    world = start(ReplayBackend([]))
    overlays = world.listen(Image, '/molmo_ground/overlay')
    film(world)
    message = event(1, grounded(0.3, 1, 80, 60))
    message.camera = 'image'
    window = world.node.cameras['image'].buffer.pin(stamp(1.0), stamp(2.0))
    world.node._views.show_event(message, window)
    assert convert.stamp_ns(first(overlays, 'the overlay').header.stamp) == stamp(0.3)


def test_camera_that_is_gone_has_no_overlay_and_its_markers_still_come(start: Start) -> None:
    world = start(ReplayBackend([]))
    overlays = world.listen(Image, '/molmo_ground/overlay')
    markers = world.listen(MarkerArray, '/molmo_ground/markers')
    array = point_array(grounded(1.0, 1, 1, 1, (0.1, 0.2, 0.3)), camera='removed')
    world.node._views.show_points(array)
    assert len(first(markers, 'the markers').markers) > 2
    assert not overlays


def test_jump_of_time_takes_the_markers_away(start: Start) -> None:
    world = start(ReplayBackend([GRASPS]), use_sim_time=True)
    markers = world.listen(MarkerArray, '/molmo_ground/markers')
    clock = world.publisher(Clock, '/clock')
    clock.publish(Clock(clock=convert.time_msg(stamp(10))))
    wait_until(lambda: world.node.get_clock().now().nanoseconds >= stamp(10), 'simulated time')
    clock.publish(Clock(clock=convert.time_msg(stamp(0))))
    (marker,) = first(markers, 'the removal').markers
    assert (marker.action, marker.ns) == (Marker.DELETEALL, '')
