# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""tf2_ros behind the node's seam, on a stand-in for it: its core is C++ and not on PyPI."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

import rclpy
from rclpy.node import Node
from support import domain  # noqa: F401 - sets the domain before rclpy reads it
from support import spatial_messages as scene

from molmo_ground_ros.ros.transform_input import (
    Tf2Transforms,
    TopicTransforms,
    TransformInput,
    transform_input,
)
from molmo_ground_ros.space.errors import NoTransform


class TransformException(Exception):
    """As in tf2_ros."""


class Buffer:
    """Knows one transform; notes what it was asked for."""

    def __init__(self, cache_time: Any, node: Node) -> None:
        self.kept_s, self.node = cache_time.nanoseconds / 1e9, node
        self.asked: list[Any] = []
        self.cleared = 0
        self.jump_handle = SimpleNamespace(unregister=lambda: self.asked.append('unregistered'))

    def lookup_transform(self, target: str, source: str, stamp: Any) -> Any:
        self.asked.append((target, source, stamp.nanoseconds))
        if target != 'map':
            raise TransformException('"moon" does not exist')
        (found,) = scene.transform(0.0, target, source, (1.0, 2.0, 3.0)).transforms
        found.transform.rotation = type(found.transform.rotation)(z=0.5**0.5, w=0.5**0.5)
        return found

    def clear(self) -> None:
        self.cleared += 1


class TransformListener:
    def __init__(self, buffer: Buffer, node: Node) -> None:
        assert buffer.node is node
        self.buffer = buffer

    def unregister(self) -> None:
        self.buffer.asked.append('closed')


TF2 = SimpleNamespace(
    Buffer=Buffer, TransformListener=TransformListener, TransformException=TransformException
)


@pytest.fixture
def node() -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context)
    made = Node('asker', context=context)
    yield made
    made.destroy_node()
    rclpy.try_shutdown(context=context)


def test_tf2_is_asked_at_the_stamp_and_keeps_as_long_as_told(node: Node) -> None:
    transforms = Tf2Transforms(TF2, node, 90.0)
    matrix = transforms.matrix('/optical', 'map', 1_700_000_000_123_456_789)
    expected = [[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]
    np.testing.assert_allclose(matrix, expected, atol=1e-12)
    buffer = transforms._buffer
    assert buffer.asked == [('map', 'optical', 1_700_000_000_123_456_789)]
    assert buffer.kept_s == 90.0
    transforms.clear()
    transforms.close()
    assert (buffer.cleared, buffer.asked[1:]) == (1, ['closed', 'unregistered'])


def test_reason_of_tf2_is_given_on(node: Node) -> None:
    with pytest.raises(NoTransform, match='"moon" does not exist'):
        Tf2Transforms(TF2, node, 90.0).matrix('optical', 'moon', 7)


def test_what_is_installed_is_chosen(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'tf2_ros', TF2)
    assert isinstance(transform_input(node, 1.0), Tf2Transforms)
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)
    own: TransformInput = transform_input(node, 1.0)
    assert isinstance(own, TopicTransforms)
    assert own.name == '/tf, without tf2_ros'


def test_without_any_package_it_says_what_is_missing(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'pytransform3d', None)
    own = TopicTransforms(node, 1.0)
    own._on_moving(scene.transform(0.0, 'map', 'base', (0.0, 0.0, 0.0)))
    own.clear()
    with pytest.raises(NoTransform, match=r'molmo_ground_ros\[space\]'):
        own.matrix('base', 'map', scene.stamp(0.0))
    assert 'pytransform3d' in own.name
