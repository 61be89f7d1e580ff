# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from support.clips import SECOND, stamp

from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.ros.depth_buffer import (
    MOST_CALIBRATIONS,
    MOST_HELD,
    Calibrations,
    DepthBuffer,
)
from molmo_ground_ros.space.camera_model import CameraModel
from molmo_ground_ros.space.errors import CalibrationError, DepthError
from molmo_ground_ros.types import RawImage

LIMITS = {'horizon_ns': 10 * SECOND, 'max_bytes': 100_000, 'keep_period_ns': SECOND // 10}


def depth(value: int) -> RawImage:
    """4x2 millimetres."""
    data = np.full(8, value, '<u2').tobytes()
    return RawImage(4, 2, '16UC1', 8, data)


def model(focal: float) -> CameraModel:
    return CameraModel(4, 2, (focal, 0.0, 1.5, 0.0, focal, 0.5, 0.0, 0.0, 1.0))


def filled(count: int = 31, rate_hz: float = 30.0) -> DepthBuffer:
    buffer = DepthBuffer('depth', **LIMITS)
    for number in range(count):
        buffer.push(stamp(number / rate_hz), depth(1000 + number), 'optical')
    return buffer


def test_every_frame_that_the_clip_buffer_keeps_has_its_depth() -> None:
    images = ClipBuffer('front', **LIMITS)
    buffer = DepthBuffer('depth', **LIMITS)
    for number in range(1, 100):
        at_ns = stamp(number / 29.7)
        images.push(at_ns, depth(0), 'optical')
        buffer.push(at_ns, depth(1000 + number), 'optical')
    kept = images.pin().stored
    assert len(kept) < 40
    assert all(buffer.find(message.stamp_ns).stamp_ns == message.stamp_ns for message in kept)


def test_depth_of_the_newest_frame_is_held_for_a_question_whenever_it_comes() -> None:
    buffer = filled(3)
    early, late = stamp(2 / 30), stamp(4 / 30)
    buffer.hold(early)
    buffer.hold(late)
    assert not buffer.is_settled(late)
    for number in range(3, 200):
        buffer.push(stamp(number / 30), depth(1000 + number), 'optical')
    assert buffer.is_settled(late)
    for at_ns, value in ((early, 1.002), (late, 1.004)):
        frame = buffer.frame(at_ns, None)
        assert (frame.stamp_ns, frame.frame_id) == (at_ns, 'optical')
        assert frame.metres[0, 0] == pytest.approx(value)
    # A frame that nobody asked about gets the nearest that is kept.
    assert buffer.find(stamp(5 / 30)).stamp_ns != stamp(5 / 30)


def test_held_depth_is_bounded_and_forgotten_after_a_jump() -> None:
    buffer = filled()
    for number in range(100):
        buffer.hold(stamp(number / 30))
    assert len(buffer._held) == MOST_HELD
    buffer.clear()
    assert buffer.find(stamp(0.0)) is None
    assert not buffer._held
    assert not buffer.is_settled(stamp(0.0))


def test_frame_without_depth_and_damaged_depth() -> None:
    buffer = filled()
    assert buffer.frame(stamp(5.0), None) is None
    buffer.push(stamp(1.5), RawImage(4, 2, '16UC1', 8, b'123'), 'optical')
    with pytest.raises(DepthError, match='3 bytes'):
        buffer.frame(stamp(1.5), None)
    assert buffer.stats().received == 32


def test_calibration_counts_from_its_stamp_on() -> None:
    known = Calibrations('/info')
    with pytest.raises(CalibrationError, match='/info: none has arrived yet'):
        known.at(0)
    known.fail('it is broken')
    with pytest.raises(CalibrationError, match='it is broken'):
        known.at(0)
    for at_ns, focal in ((10, 1.0), (20, 1.0), (30, 2.0)):
        known.add(at_ns, model(focal))
    assert known.count == 2
    assert [known.at(at_ns).k[0] for at_ns in (5, 10, 29, 30, 99)] == [1.0, 1.0, 1.0, 2.0, 2.0]
    for number in range(100):
        known.add(100 + number, model(3.0 + number))
    assert known.count == MOST_CALIBRATIONS
