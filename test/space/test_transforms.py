# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trees of frames: the way between two, interpolation, and what is not known."""

import math

import numpy as np
import pytest

from molmo_ground_ros.space.errors import NoTransform

pytest.importorskip('pytransform3d', reason='needs the extra: pip install molmo_ground_ros[space]')

from molmo_ground_ros.space.transforms import Transform, TransformBuffer, rigid_matrix

S = 1_000_000_000
T0 = 1_700_000_000 * S
IDENTITY = (0.0, 0.0, 0.0, 1.0)
LEFT = (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5))  # a quarter turn about z


def step(parent, child, stamp_ns, place, rotation=IDENTITY):
    return Transform(parent, child, stamp_ns, place, rotation)


@pytest.fixture
def tree():
    """map <- base (moves along x, 1 m/s) <- camera (static, turned left) <- optical."""
    buffer = TransformBuffer()
    buffer.add(
        [
            step('base', 'camera', 0, (0.0, 0.0, 1.0), LEFT),
            step('camera', 'optical', 0, (0.1, 0.0, 0.0)),
        ],
        is_static=True,
    )
    for second in range(11):
        moving = step('map', 'base', T0 + second * S, (float(second), 0.0, 0.0))
        buffer.add([moving], is_static=False)
    return buffer


def place(buffer, source, target, stamp_ns, point):
    return (buffer.matrix(source, target, stamp_ns) @ (*point, 1.0))[:3]


def test_way_up_over_moving_and_static_frames(tree):
    np.testing.assert_allclose(
        place(tree, 'optical', 'map', T0 + 3 * S, (0, 0, 0)), (3.0, 0.1, 1.0), atol=1e-9
    )


def test_way_down_is_the_inverse(tree):
    up, down = (tree.matrix(*ends, T0 + 3 * S) for ends in (('optical', 'map'), ('map', 'optical')))
    np.testing.assert_allclose(up @ down, np.eye(4), atol=1e-9)


def test_between_two_stamps_it_is_interpolated_to_the_millisecond(tree):
    np.testing.assert_allclose(
        place(tree, 'base', 'map', T0 + 3 * S + 437_000_000, (0, 0, 0)), (3.437, 0, 0), atol=1e-9
    )


def test_siblings_are_joined_over_their_parent(tree):
    tree.add([step('base', 'arm', 0, (0.5, 0.0, 0.0))], is_static=True)
    # No stamp is known for `map`, which the way does not touch.
    np.testing.assert_allclose(
        place(tree, 'arm', 'camera', T0 - 100 * S, (0, 0, 0)), (0.0, -0.5, -1.0), atol=1e-9
    )


def test_rotation_is_interpolated_along_the_shorter_way():
    buffer = TransformBuffer()
    buffer.add([step('map', 'arm', T0, (0, 0, 0))], is_static=False)
    buffer.add([step('map', 'arm', T0 + S, (0, 0, 0), tuple(-v for v in LEFT))], is_static=False)
    half = place(buffer, 'arm', 'map', T0 + S // 2, (1, 0, 0))
    np.testing.assert_allclose(half, (math.sqrt(0.5), math.sqrt(0.5), 0), atol=1e-9)


@pytest.mark.parametrize('stamp_ns', [T0 - 1, T0 + 10 * S + 1])
def test_stamp_outside_what_is_known_has_no_transform(tree, stamp_ns):
    with pytest.raises(NoTransform, match="'base' in 'map' is known from"):
        tree.matrix('optical', 'map', stamp_ns)


@pytest.mark.parametrize('ends', [('optical', 'moon'), ('moon', 'map'), ('sun', 'moon')])
def test_frames_that_nothing_joins_have_no_transform(tree, ends):
    with pytest.raises(NoTransform, match='no transforms join the two'):
        tree.matrix(*ends, T0)


def test_same_frame_needs_no_transform():
    assert np.array_equal(TransformBuffer().matrix('a', '/a', T0), np.eye(4))


def test_leading_slash_is_no_other_frame(tree):
    np.testing.assert_allclose(
        tree.matrix('/optical', '/map', T0), tree.matrix('optical', 'map', T0)
    )


def test_circle_of_frames_ends():
    buffer = TransformBuffer()
    buffer.add([step('a', 'b', 0, (1, 0, 0)), step('b', 'a', 0, (1, 0, 0))], is_static=True)
    with pytest.raises(NoTransform):
        buffer.matrix('a', 'c', T0)


def test_late_transform_is_put_in_its_place(tree):
    tree.add([step('map', 'base', T0 + S // 2, (7.0, 0.0, 0.0))], is_static=False)
    np.testing.assert_allclose(
        place(tree, 'base', 'map', T0 + S // 4, (0, 0, 0)), (3.5, 0, 0), atol=1e-9
    )


def test_old_transforms_are_forgotten_but_for_the_one_that_the_oldest_stamp_needs():
    buffer = TransformBuffer(kept_s=2.0)
    for second in range(100):
        moving = step('map', 'base', T0 + second * S, (float(second), 0.0, 0.0))
        buffer.add([moving], is_static=False)
    oldest = T0 + 97 * S
    np.testing.assert_allclose(place(buffer, 'base', 'map', oldest, (0, 0, 0)), (97, 0, 0))
    with pytest.raises(NoTransform):
        buffer.matrix('base', 'map', T0 + 50 * S)


def test_clear_forgets_what_moves_and_keeps_what_is_static(tree):
    tree.clear()
    assert tree.matrix('optical', 'camera', T0)[0, 3] == pytest.approx(0.1)
    with pytest.raises(NoTransform):
        tree.matrix('optical', 'map', T0)


@pytest.mark.parametrize(
    'bad',
    [
        step('map', 'base', T0, (math.nan, 0.0, 0.0)),
        step('map', 'base', T0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_transform_that_is_none_is_counted_and_left_out(bad):
    buffer = TransformBuffer()
    buffer.add([bad], is_static=False)
    assert buffer.unsound == 1
    with pytest.raises(NoTransform):
        buffer.matrix('base', 'map', T0)


def test_rotation_that_is_not_of_length_one_is_scaled():
    buffer = TransformBuffer()
    for stamp_ns in (T0, T0 + S):
        buffer.add(
            [step('map', 'arm', stamp_ns, (0, 0, 0), tuple(2 * v for v in LEFT))], is_static=False
        )
    np.testing.assert_allclose(
        place(buffer, 'arm', 'map', T0 + S // 3, (1, 0, 0)), (0, 1, 0), atol=1e-9
    )
    np.testing.assert_allclose(place(buffer, 'arm', 'map', T0, (1, 0, 0)), (0, 1, 0), atol=1e-9)


@pytest.mark.parametrize('rotation', [IDENTITY, LEFT, (0.1, -0.2, 0.3, 0.9), (3.0, 0.0, 4.0, 1.0)])
def test_matrix_of_a_place_and_a_quaternion_is_that_of_the_buffer(rotation):
    buffer = TransformBuffer()
    buffer.add([step('map', 'base', 0, (1.0, 2.0, 3.0), rotation)], is_static=True)
    expected = buffer.matrix('base', 'map', T0)
    np.testing.assert_allclose(rigid_matrix((1.0, 2.0, 3.0), rotation), expected, atol=1e-12)
