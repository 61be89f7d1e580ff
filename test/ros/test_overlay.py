# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from support.answers_as_messages import (
    HEIGHT,
    WIDTH,
    grounded,
    point_array,
    track,
    track_array,
)
from support.clips import raw, stamp

from molmo_ground_ros.frames.image import decode
from molmo_ground_ros.frames.pinned_window import StoredMessage
from molmo_ground_ros.reports.colours import colour
from molmo_ground_ros.ros import overlay
from molmo_ground_ros.ros.convert import image as fields_of
from molmo_ground_ros.ros.scene import scene_of_points, scene_of_tracks


def drawn(scene):
    image = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    overlay.draw(scene, image)
    return image


def reach(image, x, y, number):
    """How far the colour of an id lies from a place, in pixels to the left; 0 for nowhere."""
    row = (image[y, :x] == np.array(colour(number), np.uint8)).all(axis=-1)
    return int(x - np.nonzero(row)[0][-1]) if row.any() else 0


def test_point_of_the_frame_has_a_ring_and_an_earlier_one_a_smaller():
    image = drawn(
        scene_of_points(point_array(grounded(3.0, 2, 400, 300), grounded(1.0, 1, 100, 100)))
    )
    assert reach(image, 400, 300, 2) in range(12, 16)
    assert reach(image, 100, 100, 1) in range(7, 10)


def test_track_has_a_trail_of_its_last_seconds():
    points = [grounded(s / 2, 3, 20 + 40 * s, 200) for s in range(15)]  # 7 s, to the right
    image = drawn(scene_of_tracks(track_array(track(3, *points))))
    ink = np.array(colour(3), np.uint8)
    assert (image[200, 320] == ink).all()  # 3.75 s
    assert not (image[200, 80] == ink).all()  # 0.75 s
    assert (image[200, 20 + 40 * 14] == ink).all()


def test_track_that_ended_before_the_frame_has_no_dot():
    early = track(1, grounded(0.0, 1, 100, 100), grounded(0.5, 1, 100, 140))
    late = track(2, grounded(0.5, 2, 400, 100), grounded(1.0, 2, 400, 140))
    image = drawn(scene_of_tracks(track_array(early, late)))
    assert reach(image, 103, 140, 1) <= 4
    assert (image[140, 404] == np.array(colour(2), np.uint8)).all()
    assert not (image[140, 105] == np.array(colour(1), np.uint8)).all()


def test_question_and_count_stand_below():
    image = drawn(scene_of_points(point_array()))
    assert (image[-20:] > 200).any()
    assert (image[:-40] == 100).all()


@pytest.mark.parametrize('size', [(1, 1), (12, 16), (3, 2000)])
def test_image_of_any_size_is_drawn_on(size):
    image = np.zeros((*size, 3), np.uint8)
    overlay.draw(scene_of_points(point_array(grounded(3.0, 1, 5, 5))), image)
    assert image.shape == (*size, 3)
    # The point lies in the larger ones, and in none of the smallest one's pixels.
    assert image.any() == (size != (1, 1))


def test_message_is_the_image_stamped_with_its_frame():
    image = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    message = overlay.message(StoredMessage(stamp(2.0), 'optical', raw()), image)
    assert (message.header.stamp.sec, message.header.frame_id) == (stamp(2.0) // 10**9, 'optical')
    assert np.array_equal(decode(fields_of(message)), image)
