# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import weakref

import numpy as np
import pytest

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames.decoded_cache import DecodedCache
from molmo_ground_ros.frames.packet_group import PacketGroup, VideoImage
from molmo_ground_ros.types import CompressedImage, RawImage


def counting(calls):
    def decode(encoded):
        calls.append(encoded)
        return np.full((2, 2, 3), encoded.data[0], np.uint8)  # 12 bytes

    return decode


def test_a_message_is_decoded_once():
    calls = []
    cache = DecodedCache(100, counting(calls))
    message = CompressedImage('jpeg', b'\7')
    assert cache.decode(message) is cache.decode(message)
    assert cache.decode(message)[0, 0, 0] == 7
    assert len(calls) == 1


def test_equal_messages_are_two():
    """A frozen camera, or a bag that loops: what they hold may have been written over since."""
    calls = []
    cache = DecodedCache(100, counting(calls))
    assert CompressedImage('jpeg', b'\7') == CompressedImage('jpeg', b'\7')
    cache.decode(CompressedImage('jpeg', b'\7'))
    cache.decode(CompressedImage('jpeg', b'\7'))
    assert len(calls) == 2


@pytest.mark.parametrize(('limit', 'decoded'), [(24, 2), (23, 3), (0, 3)])
def test_what_does_not_fit_is_decoded_again(limit, decoded):
    calls = []
    cache = DecodedCache(limit, counting(calls))
    messages = [CompressedImage('jpeg', bytes([value])) for value in (1, 2)]
    for message in (*messages, messages[0]):
        assert cache.decode(message)[0, 0, 0] == message.data[0]
    assert len(calls) == decoded


def test_what_is_kept_cannot_be_written_to():
    shown = DecodedCache(100).decode(RawImage(1, 1, 'rgb8', 3, b'\1\2\3'))
    with pytest.raises(ValueError, match='read-only'):
        shown[0, 0, 0] = 9


def test_an_error_is_not_kept():
    cache = DecodedCache(100)
    for _ in range(2):
        with pytest.raises(ImageError):
            cache.decode(CompressedImage('jpeg', b'no picture'))


def test_a_slow_picture_holds_up_no_other():
    """Decoding runs outside the lock."""
    entered, go_on = threading.Event(), threading.Event()

    def decode(encoded):
        if encoded.data == b'slow':
            entered.set()
            assert go_on.wait(10)
        return np.zeros((1, 1, 3), np.uint8)

    cache = DecodedCache(100, decode)
    slow = threading.Thread(target=cache.decode, args=(CompressedImage('jpeg', b'slow'),))
    slow.start()
    assert entered.wait(10)
    cache.decode(CompressedImage('jpeg', b'quick'))
    go_on.set()
    slow.join()


def test_a_message_that_nobody_holds_any_more_is_not_kept():
    """A raw message is as large as its pixels: kept, it would double what the cache may take."""
    cache = DecodedCache(1000)
    first, second = (RawImage(2, 2, 'rgb8', 6, bytes([value] * 12)) for value in (1, 2))
    gone = [weakref.ref(first), weakref.ref(cache.decode(first))]
    del first
    assert gone[0]() is None
    cache.decode(second)
    assert gone[1]() is None


def test_a_message_at_the_address_of_one_that_is_gone_is_another():
    calls = []
    cache = DecodedCache(1000, counting(calls))
    for value in range(50):  # CPython gives the address away again at once.
        assert cache.decode(CompressedImage('jpeg', bytes([value])))[0, 0, 0] == value
    assert len(calls) == 50


def test_a_video_image_does_not_keep_its_group():
    cache = DecodedCache(1000, lambda image: np.zeros((1, 1, 3), np.uint8))
    group = PacketGroup('h264', lambda image: np.zeros((1, 1, 3), np.uint8))
    image = VideoImage('h264', b'\3', 1, group, 0)
    cache.decode(image)
    gone = weakref.ref(image)
    del image
    assert gone() is None
