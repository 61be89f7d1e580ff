# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The layouts for RViz and Foxglove show topics that the running node publishes, as their types."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')
yaml = pytest.importorskip('yaml', reason='needs PyYAML, which comes with ROS')

from support.world import World, wait_until

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.reports.message_definitions import ANNOTATIONS
from molmo_ground_ros.ros.annotations import foxglove_types

CONFIG = Path(__file__).parents[2] / 'config'
# What an RViz display receives, and what a Foxglove panel takes a topic of. Raw messages take any.
RVIZ_TYPES = {
    'rviz_default_plugins/Image': 'sensor_msgs/msg/Image',
    'rviz_default_plugins/MarkerArray': 'visualization_msgs/msg/MarkerArray',
}
# These need no topic of ours.
RVIZ_OTHERS = {'rviz_default_plugins/Grid', 'rviz_default_plugins/TF'}
PANELS = {'3D', 'DiagnosticSummary', 'Image', 'RawMessages'}


@pytest.fixture
def published(start: Callable[..., World]) -> dict[str, str]:
    """The type of each topic that the node publishes, as ROS reports it."""
    world = start(ReplayBackend([]))
    node = world.node

    def names() -> dict[str, str]:
        pairs = node.get_publisher_names_and_types_by_node(node.get_name(), node.get_namespace())
        return {topic: kind for topic, (kind,) in pairs}

    # ROS reports what a node has just made a little later.
    made = {publisher.topic_name for publisher in node.publishers}
    assert made
    wait_until(lambda: made <= names().keys(), 'the topics of the node to be reported')
    return names()


def rviz() -> dict[str, Any]:
    return yaml.safe_load((CONFIG / 'ground.rviz').read_text())


def displays() -> list[dict[str, Any]]:
    return rviz()['Visualization Manager']['Displays']


def test_rviz_shows_overlay_and_markers_that_the_node_publishes(published: dict[str, str]) -> None:
    shown = {d['Topic']['Value']: d['Class'] for d in displays() if 'Topic' in d}
    assert set(shown) == {'/molmo_ground/overlay', '/molmo_ground/markers'}
    for topic, kind in shown.items():
        assert published[topic] == RVIZ_TYPES[kind], topic


def test_rviz_receives_what_the_publishers_offer() -> None:
    for topic in (d['Topic'] for d in displays() if 'Topic' in d):
        assert topic['Reliability Policy'] == 'Reliable'
        assert topic['Durability Policy'] == 'Volatile'


def test_rviz_file_has_the_parts_that_rviz_reads() -> None:
    layout = rviz()
    assert {'Panels', 'Visualization Manager', 'Window Geometry'} <= set(layout)
    manager = layout['Visualization Manager']
    assert {'Displays', 'Global Options', 'Tools', 'Views'} <= set(manager)
    assert manager['Global Options']['Fixed Frame']
    kinds = {display['Class'] for display in displays()}
    assert kinds == {*RVIZ_TYPES, *RVIZ_OTHERS}
    for display in displays():
        assert display['Enabled'] is display['Value'] is True
    names = [display['Name'] for display in displays()]
    assert len(set(names)) == len(names)


def foxglove() -> dict[str, Any]:
    return json.loads((CONFIG / 'foxglove_layout.json').read_text())


def leaves(layout: Any) -> Iterator[str]:
    """The panels of a tree of splits; each split is checked."""
    if isinstance(layout, str):
        yield layout
        return
    assert set(layout) == {'direction', 'splitPercentage', 'first', 'second'}
    assert layout['direction'] in ('row', 'column')
    assert 0 < layout['splitPercentage'] < 100
    yield from leaves(layout['first'])
    yield from leaves(layout['second'])


def test_foxglove_layout_shows_every_panel_once() -> None:
    layout = foxglove()
    assert set(layout) == {'configById', 'globalVariables', 'layout', 'playbackConfig', 'userNodes'}
    panels = list(leaves(layout['layout']))
    assert sorted(panels) == sorted(layout['configById'])
    assert {panel.partition('!')[0] for panel in panels} == PANELS


def topics_of(panel: str, settings: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Each topic of ours that a panel shows, with the type that it takes; None for any."""
    kind = panel.partition('!')[0]
    if kind == 'Image':
        mode = settings['imageMode']
        yield mode['imageTopic'], 'sensor_msgs/msg/Image'
        for topic in mode.get('annotations', {}):
            yield topic, ANNOTATIONS
    elif kind == '3D':
        for topic in settings['topics']:
            yield topic, 'visualization_msgs/msg/MarkerArray'
    elif kind == 'DiagnosticSummary':
        yield settings['topicToRender'], 'diagnostic_msgs/msg/DiagnosticArray'
    else:
        yield settings['topicPath'], None


def test_foxglove_shows_topics_that_the_node_publishes(published: dict[str, str]) -> None:
    known = dict(published)
    if foxglove_types() is None:
        known['/molmo_ground/annotations'] = ANNOTATIONS  # where foxglove_msgs is installed
    known['/image'] = 'sensor_msgs/msg/Image'  # the camera's
    shown = [
        pair for panel, settings in foxglove()['configById'].items()
        for pair in topics_of(panel, settings)
    ]  # fmt: skip
    for topic, kind in shown:
        assert kind in (None, known[topic]), topic
    ours = {topic for topic in published if topic.startswith('/molmo_ground/')}
    not_for_people = {topic for topic in ours if '/_action/' in topic}
    for_programs = 'transition_event', 'point', 'detections', 'detections_3d'
    not_for_people |= {f'/molmo_ground/{name}' for name in for_programs}
    assert ours - not_for_people - {topic for topic, _ in shown} == set()
    assert '/diagnostics' in {topic for topic, _ in shown}
