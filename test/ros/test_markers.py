# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from builtin_interfaces.msg import Duration
from rclpy.serialization import deserialize_message, serialize_message
from support.answers_as_messages import event, grounded, point_array, track, track_array
from visualization_msgs.msg import Marker, MarkerArray

from molmo_ground_ros.msg import GroundedPoint
from molmo_ground_ros.ros.markers import markers_of, no_markers
from molmo_ground_ros.ros.scene import scene_of_event, scene_of_points, scene_of_tracks

LIFETIME = Duration(sec=30)


def added(array):
    return [marker for marker in array.markers if marker.action == Marker.ADD]


def deleted(array):
    return [marker.ns for marker in array.markers if marker.action == Marker.DELETEALL]


class Viewer:
    """Holds markers by the rules of Marker.msg."""

    def __init__(self):
        self.shown_by_key = {}

    def take(self, array):
        for marker in array.markers:
            if marker.action == Marker.DELETEALL:
                doomed = [key for key in self.shown_by_key if marker.ns in ('', key[0])]
                for key in doomed:
                    del self.shown_by_key[key]
            else:
                self.shown_by_key[marker.ns, marker.id] = marker

    def texts(self):
        return sorted(marker.text for marker in self.shown_by_key.values() if marker.text)


def test_point_with_a_position_is_a_sphere_with_its_name():
    point = grounded(3.0, 2, 1, 1, (0.1, 0.2, 0.3))
    sphere, text = added(markers_of(scene_of_points(point_array(point)), LIFETIME))
    assert (sphere.type, text.type) == (Marker.SPHERE, Marker.TEXT_VIEW_FACING)
    assert sphere.pose.position == point.position
    assert text.text == '#2 block'
    assert text.pose.position.z > sphere.pose.position.z
    for marker in (sphere, text):
        assert (marker.header.frame_id, marker.header.stamp) == ('base', point.stamp)
        assert (marker.id, marker.lifetime, marker.color.a) == (2, LIFETIME, 1.0)
        assert marker.pose.orientation.w == 1.0


@pytest.mark.parametrize(
    'status', [GroundedPoint.NONE, GroundedPoint.NO_DEPTH, GroundedPoint.NO_TRANSFORM]
)
def test_point_without_a_position_is_nothing(status):
    point = grounded(3.0, 1, 1, 1)
    point.position_status = status
    scenes = [
        scene_of_points(point_array(point)),
        scene_of_tracks(track_array(track(1, point))),
        scene_of_event(event(1, point)),
    ]
    assert [added(markers_of(scene, LIFETIME)) for scene in scenes] == [[], [], []]


def test_track_is_a_line_through_its_positions_and_a_sphere_at_the_newest():
    points = [grounded(s, 5, 1, 1, (s, 0.0, 1.0)) for s in (1.0, 2.0, 3.0)]
    points.insert(1, grounded(1.5, 5, 1, 1))  # of no known position
    line, sphere, text = added(
        markers_of(scene_of_tracks(track_array(track(5, *points))), LIFETIME)
    )
    assert line.type == Marker.LINE_STRIP
    assert [point.x for point in line.points] == [1.0, 2.0, 3.0]
    assert sphere.pose.position.x == 3.0
    assert text.text == '#5 cup'


def test_track_with_one_position_has_no_line():
    scene = scene_of_tracks(track_array(track(5, grounded(1.0, 5, 1, 1, (0.0, 0.0, 1.0)))))
    kinds = [marker.type for marker in added(markers_of(scene, LIFETIME))]
    assert kinds == [Marker.SPHERE, Marker.TEXT_VIEW_FACING]


def test_next_answer_replaces_the_markers_of_the_one_before_and_of_no_other():
    viewer = Viewer()
    here = (0.1, 0.2, 0.3)
    for array in (
        point_array(grounded(1.0, 1, 1, 1, here), grounded(1.0, 2, 1, 1, here), query='a'),
        point_array(grounded(1.0, 7, 1, 1, here), query='b'),
        point_array(grounded(2.0, 1, 1, 1, here), query='a'),
    ):
        viewer.take(markers_of(scene_of_points(array), LIFETIME))
    assert viewer.texts() == ['#1 block', '#7 block']
    viewer.take(markers_of(scene_of_points(point_array(query='a')), LIFETIME))
    assert viewer.texts() == ['#7 block']


def test_next_tracks_replace_lines_and_names_too():
    viewer = Viewer()
    points = [grounded(s, 5, 1, 1, (s, 0.0, 1.0)) for s in (1.0, 2.0)]
    viewer.take(markers_of(scene_of_tracks(track_array(track(5, *points))), LIFETIME))
    assert len(viewer.shown_by_key) == 3
    viewer.take(markers_of(scene_of_tracks(track_array()), LIFETIME))
    assert viewer.shown_by_key == {}


def test_events_stand_beside_each_other():
    viewer = Viewer()
    for number in (1, 2, 3):
        point = grounded(number, number, 1, 1, (0.1, 0.2, 0.3))
        array = markers_of(scene_of_event(event(number, point)), LIFETIME)
        assert deleted(array) == []
        viewer.take(array)
    assert viewer.texts() == ['#1 block', '#2 block', '#3 block']


def test_all_markers_are_taken_away_at_once():
    viewer = Viewer()
    scene = scene_of_points(point_array(grounded(1.0, 1, 1, 1, (0.1, 0.2, 0.3))))
    viewer.take(markers_of(scene, LIFETIME))
    viewer.take(no_markers())
    assert viewer.shown_by_key == {}


def test_markers_survive_the_wire():
    points = [grounded(s, 5, 1, 1, (s, 0.0, 1.0)) for s in (1.0, 2.0)]
    sent = markers_of(scene_of_tracks(track_array(track(5, *points))), LIFETIME)
    received = deserialize_message(serialize_message(sent), MarkerArray)
    # Colours and sizes are rounded to 32 bits.
    assert [(m.ns, m.id, m.action, m.type, m.pose, m.points, m.text) for m in received.markers] == [
        (m.ns, m.id, m.action, m.type, m.pose, m.points, m.text) for m in sent.markers
    ]
