# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The best point of an answer, and the topics that other packages know, over real DDS."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from geometry_msgs.msg import PointStamped
from support.answers_as_messages import event, grounded, point_array, track, track_array
from support.clips import stamp
from support.world import World, wait_until

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.ros import convert
from molmo_ground_ros.ros.common_topics import best_point
from molmo_ground_ros.ros.scene import Scene, scene_of_event, scene_of_points, scene_of_tracks

Start = Callable[..., World]
GRASPS = (
    'Counting the <points coords="0.5 1 250 250;1.5 2 500 500">grasp</points> shows a total of 2.'
)


def scored(seconds: float, number: int, score: float, *position: float) -> Any:
    point = grounded(seconds, number, 1.0, 1.0, position)
    point.score = score
    return point


def where(scene: Scene) -> tuple[int, str, tuple[float, ...]] | None:
    best = best_point(scene)
    if best is None:
        return None
    place = best.point.x, best.point.y, best.point.z
    return convert.stamp_ns(best.header.stamp), best.header.frame_id, place


def test_best_point_is_the_surest_of_those_with_a_position() -> None:
    points = [
        scored(1.0, 1, 0.8, 1.0, 0.0, 0.0),
        scored(2.0, 2, 0.9, 2.0, 0.0, 0.0),
        scored(3.0, 3, 0.99),
    ]
    scene = scene_of_points(point_array(*points))
    assert where(scene) == (stamp(2.0), 'base', (2.0, 0.0, 0.0))


def test_calibrated_point_is_as_sure_as_its_probability() -> None:
    points = [scored(1.0, 1, 0.8, 1.0, 0.0, 0.0), scored(2.0, 2, 0.9, 2.0, 0.0, 0.0)]
    points[0].probability, points[1].probability = 0.7, 0.3
    assert where(scene_of_points(point_array(*points))) == (stamp(1.0), 'base', (1.0, 0.0, 0.0))


def test_without_scores_the_newest_is_the_best() -> None:
    points = [scored(n, n, math.nan, float(n), 0.0, 0.0) for n in (2, 3, 1)]
    assert where(scene_of_points(point_array(*points))) == (stamp(3), 'base', (3.0, 0.0, 0.0))


def test_of_tracks_only_the_newest_known_place_of_each_counts() -> None:
    gone = track(1, scored(1.0, 1, 0.99, 1.0, 0.0, 0.0), scored(3.0, 1, 0.5, 3.0, 0.0, 0.0))
    here = track(2, scored(2.0, 2, 0.7, 2.0, 0.0, 0.0), scored(3.0, 2, 0.99))
    scene = scene_of_tracks(track_array(gone, here))
    assert where(scene) == (stamp(2.0), 'base', (2.0, 0.0, 0.0))


def test_no_point_and_no_position_give_no_best_point() -> None:
    assert where(scene_of_points(point_array())) is None
    assert where(scene_of_points(point_array(grounded(1.0, 1, 2.0, 3.0)))) is None
    assert where(scene_of_event(event(1, grounded(1.0, 1, 2.0, 3.0)))) is None


def test_answer_comes_as_detections_of_each_frame(start: Start) -> None:
    vision = pytest.importorskip('vision_msgs.msg', reason='needs vision_msgs: run `make test`')
    world = start(ReplayBackend([GRASPS]))
    flat = world.listen(vision.Detection2DArray, '/molmo_ground/detections')
    points = world.listen(PointStamped, '/molmo_ground/point')
    world.film(2.0, rate_hz=4.0)
    assert world.ask(query='How many grasps?').points.count == 2
    wait_until(lambda: len(flat) == 2, 'both frames')
    assert [convert.stamp_ns(array.header.stamp) for array in flat] == [stamp(0.5), stamp(1.5)]
    assert [array.detections[0].id for array in flat] == ['1', '2']
    # There is no depth, so there is no place.
    assert points == []


def test_without_vision_msgs_the_node_offers_no_detections(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'vision_msgs.msg', None)
    world = start(ReplayBackend([GRASPS]))
    topics = {publisher.topic_name for publisher in world.node.publishers}
    assert '/molmo_ground/point' in topics
    assert not {topic for topic in topics if 'detections' in topic}


def test_message_that_cannot_be_made_costs_no_answer(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Scene) -> None:
        raise ValueError('no such point')

    monkeypatch.setattr('molmo_ground_ros.ros.common_topics.best_point', fail)
    world = start(ReplayBackend([GRASPS]))
    world.listen(PointStamped, '/molmo_ground/point')
    world.film(2.0, rate_hz=4.0)
    assert world.ask(query='How many grasps?').points.count == 2
