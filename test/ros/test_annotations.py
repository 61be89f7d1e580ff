# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Annotations in the types that rosbags makes of Foxglove's definitions: no wheel holds them."""

import sys
from types import ModuleType

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')
pytest.importorskip('rosbags', reason="needs pip install '.[bag]'")

from builtin_interfaces.msg import Time
from support.answers_as_messages import (
    WIDTH,
    event,
    grounded,
    point_array,
    track,
    track_array,
)
from support.clips import stamp

from molmo_ground_ros.reports.annotations import RADIUS, TIME, TYPES
from molmo_ground_ros.reports.bag import typestore
from molmo_ground_ros.reports.message_definitions import ANNOTATIONS
from molmo_ground_ros.ros.annotations import SceneAnnotations, foxglove_types
from molmo_ground_ros.ros.scene import scene_of_event, scene_of_points, scene_of_tracks


def messages(scene):
    """What is made of a scene, each written as CDR and read again."""
    store = typestore()
    made = SceneAnnotations({name: store.types[name] for name in TYPES}).messages(scene)
    return [
        store.deserialize_cdr(store.serialize_cdr(message, ANNOTATIONS), ANNOTATIONS)
        for message in made
    ]


def ns(time):
    return time.sec * 10**9 + time.nanosec


def test_each_frame_with_points_has_a_message_in_order_of_time():
    points = grounded(3.0, 2, 30, 40), grounded(1.0, 1, 10, 20), grounded(3.0, 3, 50, 60)
    made = messages(scene_of_points(point_array(*points)))
    circles = [
        [(ns(c.timestamp), c.position.x, c.position.y, c.diameter) for c in message.circles]
        for message in made
    ]
    across = 2 * RADIUS * WIDTH
    assert circles == [
        [(stamp(1.0), 10, 20, across)],
        [(stamp(3.0), 30, 40, across), (stamp(3.0), 50, 60, across)],
    ]
    assert [[text.text for text in message.texts] for message in made] == [
        ['#1 block'],
        ['#2 block', '#3 block'],
    ]


def test_answer_without_points_takes_away_what_was_there():
    (message,) = messages(scene_of_points(point_array()))
    assert (message.circles, message.points, message.texts) == ([], [], [])


def test_track_has_a_ring_and_a_trail_of_five_seconds_in_each_of_its_frames():
    points = [grounded(s / 2, 3, s, 2 * s) for s in range(15)]
    made = messages(scene_of_tracks(track_array(track(3, *points))))
    assert len(made) == 15
    assert [len(message.circles) for message in made] == [1] * 15
    (line,) = made[-1].points
    assert line.type == line.LINE_STRIP
    assert [(p.x, p.y) for p in line.points] == [(s, 2 * s) for s in range(4, 15)]


def test_track_is_not_drawn_on_frames_that_lack_it():
    early, late = track(1, grounded(1.0, 1, 1, 1)), track(2, grounded(2.0, 2, 2, 2))
    made = messages(scene_of_tracks(track_array(early, late)))
    assert [[c.position.x for c in message.circles] for message in made] == [[1.0], [2.0]]


def test_every_number_of_a_pixel_is_a_float():
    """The code that ROS generates ends the process where it meets a whole number."""
    store = typestore()
    types = {name: store.types[name] for name in TYPES}
    scene = scene_of_tracks(track_array(track(1, grounded(1.0, 1, 3, 4), grounded(2.0, 1, 5, 6))))
    message = SceneAnnotations(types).messages(scene)[-1]
    (circle,), (text,), (line,) = message.circles, message.texts, message.points
    pixels = [circle.position, text.position, *line.points]
    numbers = [number for pixel in pixels for number in (pixel.x, pixel.y)]
    numbers += [circle.diameter, circle.thickness, text.font_size, line.thickness]
    assert {type(number) for number in numbers} == {float}


def test_event_is_drawn_on_its_frame():
    (message,) = messages(scene_of_event(event(4, grounded(2.5, 4, 10, 20))))
    assert [text.text for text in message.texts] == ['#4 block']


def test_types_come_from_ros_where_foxglove_msgs_is_installed(monkeypatch):
    store = typestore()
    package, module = ModuleType('foxglove_msgs'), ModuleType('foxglove_msgs.msg')
    for name in TYPES:
        setattr(module, name.rpartition('/')[2], store.types[name])
    monkeypatch.setitem(sys.modules, 'foxglove_msgs', package)
    monkeypatch.setitem(sys.modules, 'foxglove_msgs.msg', module)
    types = foxglove_types()
    assert set(types) == set(TYPES)
    assert types[ANNOTATIONS] is store.types[ANNOTATIONS]
    assert types[TIME] is Time


def test_without_foxglove_msgs_there_are_no_types(monkeypatch):
    monkeypatch.setitem(sys.modules, 'foxglove_msgs.msg', None)
    assert foxglove_types() is None


def test_a_foxglove_msgs_that_lacks_a_type_counts_as_none(monkeypatch):
    # As the one that the set-up builds: it holds no more than the message of video topics.
    module = ModuleType('foxglove_msgs.msg')
    module.CompressedVideo = type('CompressedVideo', (), {})
    monkeypatch.setitem(sys.modules, 'foxglove_msgs.msg', module)
    assert foxglove_types() is None
