# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from support.answers_as_messages import event, grounded, point_array, track, track_array
from support.clips import stamp

from molmo_ground_ros.ros.scene import SHORT, scene_of_event, scene_of_points, scene_of_tracks


def test_scene_is_about_the_frame_of_its_newest_point():
    scene = scene_of_points(point_array(grounded(3.0, 2, 1, 1), grounded(1.0, 1, 1, 1)))
    assert scene.stamp_ns == stamp(3.0)
    assert scene.frame_id == 'optical'
    assert scene.stamps_ns() == [stamp(1.0), stamp(3.0)]


def test_scene_without_points_is_about_the_newest_frame():
    scene = scene_of_points(point_array())
    assert (scene.stamp_ns, scene.frame_id) == (stamp(4.0), 'newest')
    assert scene.caption == '0: How many blocks?'


def test_caption_has_the_stated_count_where_there_is_one():
    points = grounded(1.0, 1, 1, 1), grounded(1.0, 2, 5, 5)
    assert scene_of_points(point_array(*points)).caption.startswith('2: ')
    array = point_array(*points, query='q')
    array.count = 3
    assert scene_of_points(array).caption == '3: q'
    array.count = -1
    assert scene_of_points(array).caption == '2: q'


def test_points_of_tracks_are_in_the_tracks_alone():
    way = track(7, grounded(1.0, 7, 1, 1), grounded(2.0, 7, 2, 2))
    scene = scene_of_tracks(track_array(way))
    assert (scene.points, scene.tracks, scene.stamp_ns) == ((), (way,), stamp(2.0))


def test_answers_to_one_question_replace_each_other_and_no_others():
    sources = [
        scene_of_points(point_array(query=query, camera=camera)).source
        for camera in ('front', 'left')
        for query in ('a', 'b')
    ]
    sources.append(scene_of_tracks(track_array(query='a')).source)
    sources.append(scene_of_event(event(1, grounded(1.0, 1, 1, 1))).source)
    assert len(set(sources)) == len(sources)
    assert scene_of_points(point_array(query='a')).source == sources[0]
    assert not scene_of_points(point_array()).adds


def test_long_question_has_a_short_source():
    scene = scene_of_points(point_array(query='x' * 4000))
    assert len(scene.source) < SHORT + 40


def test_event_stands_beside_the_others():
    scene = scene_of_event(event(4, grounded(2.5, 4, 10, 20)))
    assert scene.adds
    assert scene.stamp_ns == stamp(2.5)
    assert scene.caption == 'event 4, 9 in all: How many blocks?'
    assert [name for _, name in scene.names()] == ['#4 block']
