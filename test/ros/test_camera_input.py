# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Images as bytes of a topic, held to what rclpy makes of the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header
from support.clips import stamp
from support.world import World, wait_until

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.frames import cdr
from molmo_ground_ros.frames.image import ENCODINGS, decode
from molmo_ground_ros.ros import convert

Start = Callable[..., World]
PIXELS = np.random.default_rng(0).integers(0, 256, 16384, np.uint8).tobytes()


def message(**changes: Any) -> Image:
    """A 16x12 rgb8 image."""
    fields = {
        'header': Header(stamp=convert.time_msg(stamp(1.5)), frame_id='optical'),
        'width': 16, 'height': 12, 'encoding': 'rgb8', 'step': 48, 'data': PIXELS[: 48 * 12],
    }  # fmt: skip
    return Image(**{**fields, **changes})


def slow_path(serialized: bytes, kind: type) -> tuple[object, ...]:
    slow = deserialize_message(serialized, kind)
    return convert.stamp_ns(slow.header.stamp), slow.header.frame_id, convert.image(slow)


def fast_path(serialized: bytes, kind: str) -> tuple[object, ...]:
    fast = cdr.received_message(serialized, kind)
    return fast.stamp_ns, fast.frame_id, fast.image


@pytest.mark.parametrize('encoding', sorted(ENCODINGS))
@pytest.mark.parametrize('is_bigendian', [0, 1])
@pytest.mark.parametrize('padding', [0, 6])
def test_raw_image_is_what_rclpy_makes_of_it(
    encoding: str, is_bigendian: int, padding: int
) -> None:
    step = 16 * 16 + padding
    sent = message(
        encoding=encoding, step=step, is_bigendian=is_bigendian, data=PIXELS[: step * 36]
    )
    serialized = serialize_message(sent)
    fast, slow = fast_path(serialized, cdr.RAW), slow_path(serialized, Image)
    assert fast == slow
    assert np.array_equal(decode(fast[2]), decode(slow[2]))  # type: ignore[arg-type]


@pytest.mark.parametrize('frame_id', ['', 'a', 'ab', 'abc', 'abcd', 'kamera_ü', 'x' * 5000])
@pytest.mark.parametrize(
    'time', [Time(), Time(sec=-5, nanosec=7), Time(sec=2**31 - 1, nanosec=2**32 - 1)]
)
def test_header_is_what_rclpy_makes_of_it(frame_id: str, time: Time) -> None:
    header = Header(stamp=time, frame_id=frame_id)
    serialized = serialize_message(message(header=header))
    assert fast_path(serialized, cdr.RAW) == slow_path(serialized, Image)
    compressed = CompressedImage(header=header, format=frame_id[:9], data=PIXELS[:9])
    serialized = serialize_message(compressed)
    assert fast_path(serialized, cdr.COMPRESSED) == slow_path(serialized, CompressedImage)


@pytest.mark.parametrize('bad', [b'\xff', b'\xed\xa0\xbd', b'\xc3', b'\xf0\x9f'])
def test_text_that_is_no_utf_8_is_what_rclpy_makes_of_it(bad: bytes) -> None:
    header = Header(frame_id='optical' + '.' * len(bad) + 'x')
    serialized = serialize_message(message(header=header)).replace(b'.' * len(bad), bad, 1)
    assert fast_path(serialized, cdr.RAW) == slow_path(serialized, Image)


def test_image_without_pixels_is_what_rclpy_makes_of_it() -> None:
    serialized = serialize_message(Image())
    assert fast_path(serialized, cdr.RAW) == slow_path(serialized, Image)


def test_message_that_is_cut_off_anywhere_is_an_image_error() -> None:
    sent = message(width=2, height=1, step=6, data=PIXELS[:6])
    serialized = serialize_message(sent)
    end = serialized.index(PIXELS[:6]) + 6
    for cut in range(end):
        with pytest.raises(ImageError):
            cdr.received_message(serialized[:cut], cdr.RAW)
    assert fast_path(serialized[:end], cdr.RAW) == slow_path(serialized, Image)


def test_message_that_cannot_be_read_is_counted_and_the_next_is_taken(start: Start) -> None:
    world = start(ReplayBackend(['yes']))
    camera = world.node.cameras['image']
    publisher = world.publisher(Image, 'image')
    # A broken publisher: it says that more pixels follow than do.
    serialized = bytearray(serialize_message(message()))
    at = serialized.index(PIXELS[:48]) - 4
    serialized[at : at + 4] = (2**31).to_bytes(4, 'little')
    camera.on_image(cdr.RAW, bytes(serialized))
    assert (camera.reception.failed, camera.buffer.stats().received) == (1, 0)
    assert 'needs 2147483648' in camera.reception.last_error
    publisher.publish(message())
    wait_until(lambda: camera.buffer.stats().received == 1, 'the image')
    assert world.ask(query='Is it there?').answer == 'yes'


def test_buffer_holds_the_bytes_of_the_message_itself(start: Start) -> None:
    camera = start(ReplayBackend([])).node.cameras['image']
    serialized = serialize_message(message())
    camera.on_image(cdr.RAW, serialized)
    (stored,) = camera.buffer.pin().stored
    assert stored.image.data.obj is serialized
