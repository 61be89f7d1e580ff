# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math
import sys

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')
pytest.importorskip('vision_msgs', reason='needs vision_msgs: run `make test`')

from rclpy.serialization import deserialize_message, serialize_message
from support.answers_as_messages import event, grounded, point_array, track, track_array
from support.clips import stamp

from molmo_ground_ros.msg import GroundedPoint
from molmo_ground_ros.ros import convert
from molmo_ground_ros.ros.detections import SceneDetections, vision_messages
from molmo_ground_ros.ros.scene import scene_of_event, scene_of_points, scene_of_tracks

PLACE = (0.1, 0.2, 0.3)


def sent(messages):
    """The messages as a subscriber gets them."""
    return [deserialize_message(serialize_message(each), type(each)) for each in messages]


def in_pixels(scene):
    return sent(SceneDetections(vision_messages()).in_pixels(scene))


def in_metres(scene):
    return sent(SceneDetections(vision_messages()).in_metres(scene))


def header_of(message):
    return convert.stamp_ns(message.header.stamp), message.header.frame_id


def test_each_frame_with_points_has_its_boxes_of_zero_size_in_order_of_time():
    points = grounded(3.0, 2, 30, 40), grounded(1.0, 1, 10, 20), grounded(3.0, 3, 50, 60)
    arrays = in_pixels(scene_of_points(point_array(*points)))
    assert [header_of(array) for array in arrays] == [
        (stamp(1.0), 'optical'),
        (stamp(3.0), 'optical'),
    ]
    boxes = [[(box.id, box.bbox) for box in array.detections] for array in arrays]
    assert [[identity for identity, _ in each] for each in boxes] == [['1'], ['2', '3']]
    centres = [bbox.center.position for each in boxes for _, bbox in each]
    assert [(centre.x, centre.y) for centre in centres] == [(10, 20), (30, 40), (50, 60)]
    assert {(bbox.size_x, bbox.size_y) for each in boxes for _, bbox in each} == {(0.0, 0.0)}
    (detection,) = arrays[0].detections
    assert header_of(detection) == header_of(arrays[0])
    (result,) = detection.results
    assert result.hypothesis.class_id == 'block'
    assert result.hypothesis.score == pytest.approx(0.9, abs=1e-6)


def test_tracks_are_detections_with_the_ids_and_labels_of_their_objects():
    early, late = track(1, grounded(1.0, 1, 1, 1)), track(2, grounded(2.0, 2, 2, 2))
    arrays = in_pixels(scene_of_tracks(track_array(early, late)))
    assert [[box.id for box in array.detections] for array in arrays] == [['1'], ['2']]
    assert {box.results[0].hypothesis.class_id for a in arrays for box in a.detections} == {'cup'}


def test_nothing_found_is_an_empty_array_of_the_newest_frame():
    scene = scene_of_points(point_array())
    (flat,), (deep,) = in_pixels(scene), in_metres(scene)
    assert (header_of(flat), flat.detections) == ((stamp(4.0), 'newest'), [])
    assert (header_of(deep), deep.detections) == ((stamp(4.0), 'base'), [])


def test_position_is_a_box_in_the_target_frame_and_points_without_one_are_left_out():
    points = grounded(1.0, 1, 10, 20, PLACE), grounded(1.0, 2, 30, 40), grounded(2.0, 3, 5, 6)
    (array,) = in_metres(scene_of_points(point_array(*points)))
    assert header_of(array) == (stamp(1.0), 'base')
    (detection,) = array.detections
    pose = detection.bbox.center
    assert (pose.position.x, pose.position.y, pose.position.z, pose.orientation.w) == (*PLACE, 1.0)
    assert detection.results[0].pose.pose == pose
    assert (detection.id, detection.bbox.size.x) == ('1', 0.0)


def test_points_of_no_known_position_are_not_called_nothing():
    assert in_metres(scene_of_points(point_array(grounded(1.0, 1, 10, 20)))) == []


def test_score_of_a_detection_is_the_probability_where_there_is_one():
    point = grounded(2.5, 4, 10, 20, PLACE)
    point.probability = 0.25
    scene = scene_of_event(event(4, point))
    for (array,) in (in_pixels(scene), in_metres(scene)):
        assert array.detections[0].results[0].hypothesis.score == 0.25


def test_event_is_one_detection_and_an_unknown_score_stays_unknown():
    point = grounded(2.5, 4, 10, 20, PLACE)
    point.score = math.nan
    scene = scene_of_event(event(4, point))
    (flat,), (deep,) = in_pixels(scene), in_metres(scene)
    for array in (flat, deep):
        (detection,) = array.detections
        assert detection.id == '4'
        assert math.isnan(detection.results[0].hypothesis.score)
    assert point.position_status == GroundedPoint.OK


def test_without_vision_msgs_there_are_no_types(monkeypatch):
    monkeypatch.setitem(sys.modules, 'vision_msgs.msg', None)
    assert vision_messages() is None
