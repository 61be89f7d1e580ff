# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a question will show is prepared before it comes, each frame once."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from support.clips import empty_buffer

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.grounding.ahead import FramePreparer
from molmo_ground_ros.types import CompressedImage

S = 1_000_000_000
T0 = 1_700_000_000 * S


class Recorder:
    """A backend that notes what it is given, and fails at some."""

    model = 'recorder'

    def __init__(self, fails=lambda stamp: False):
        self.seen = []
        self._fails = fails

    def prepare(self, camera, frame):
        self.seen.append((camera, round((frame.stamp_ns - T0) / S, 3)))
        if self._fails(frame.stamp_ns):
            raise RuntimeError('out of memory')


def picture(encoded):
    if encoded.data == b'bad':
        raise ImageError('bad picture')
    return np.zeros((1, 1, 3), np.uint8)


def push(buffer, first, last, hz=10, bad=()):
    for i in range(round(first * hz), round(last * hz) + 1):
        data = b'bad' if i / hz in bad else b'good'
        buffer.push(T0 + i * S // hz, CompressedImage('jpeg', data))


def buffer_of(seconds, camera='front', **options):
    buffer = empty_buffer(camera, decode=picture, **options)
    push(buffer, 0, seconds)
    return buffer


def run(preparer):
    while preparer.step():
        pass


def test_an_empty_buffer_has_nothing_due():
    backend = Recorder()
    assert not FramePreparer(backend, {'front': empty_buffer('front')}).step()
    assert backend.seen == []


def test_the_grid_is_prepared_newest_first_and_each_frame_once():
    backend, buffer = Recorder(), buffer_of(2.0)
    preparer = FramePreparer(backend, {'front': buffer})
    run(preparer)
    assert backend.seen == [('front', t) for t in (1.5, 1.0, 0.5, 0.0)]
    push(buffer, 2.1, 3.3)
    run(preparer)
    assert backend.seen[4:] == [('front', t) for t in (3.0, 2.5, 2.0)]
    assert (preparer.prepared, preparer.failed) == (7, 0)


def test_what_a_question_shows_is_prepared_but_for_the_newest():
    """Through evictions, frame after frame: two a second, and no other."""
    backend, buffer = Recorder(), buffer_of(0.0, horizon_ns=3 * S)
    preparer = FramePreparer(backend, {'front': buffer})
    for i in range(1, 100):
        push(buffer, i / 10, i / 10)
        run(preparer)
    prepared = {stamp for _, stamp in backend.seen}
    assert len(backend.seen) == len(prepared) == 20
    shown = [round((frame.stamp_ns - T0) / S, 3) for frame in buffer.cut().frames]
    assert len(shown) >= 5
    assert set(shown[:-1]) <= prepared


def test_cameras_take_turns():
    backend = Recorder()
    buffers = {name: buffer_of(1.0, name) for name in ('front', 'rear')}
    run(FramePreparer(backend, buffers))
    assert [camera for camera, _ in backend.seen] == ['front', 'rear', 'front', 'rear']


def test_a_corrupt_frame_is_left_to_the_question():
    backend, buffer = Recorder(), empty_buffer('front', decode=picture)
    push(buffer, 0, 2, bad={0.5})
    preparer = FramePreparer(backend, {'front': buffer})
    run(preparer)
    assert [stamp for _, stamp in backend.seen] == [1.5, 1.0, 0.0]
    assert buffer.stats().undecodable == 0
    buffer.cut()
    assert buffer.stats().undecodable == 1
    run(preparer)
    assert [stamp for _, stamp in backend.seen[3:]] == [0.4]  # its neighbour took its place


def test_a_frame_that_fails_is_tried_once_and_told(caplog: pytest.LogCaptureFixture):
    backend, buffer = Recorder(lambda stamp: stamp <= T0 + S), buffer_of(2.0)
    preparer = FramePreparer(backend, {'front': buffer})
    with caplog.at_level(logging.ERROR):
        run(preparer)
    assert (preparer.prepared, preparer.failed) == (1, 3)
    assert preparer.last_error == 'RuntimeError: out of memory'
    assert len(caplog.records) == 1


def test_time_that_starts_again_is_prepared_again():
    backend, buffer = Recorder(), buffer_of(2.0)
    preparer = FramePreparer(backend, {'front': buffer})
    run(preparer)
    buffer.clear()
    push(buffer, 0, 2)
    run(preparer)
    assert len(backend.seen) == 8
