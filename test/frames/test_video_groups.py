# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A clip buffer whose messages are packets of video, as real encoders make them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable

import numpy as np
import pytest

pytest.importorskip('av', reason="needs PyAV: pip install 'molmo_ground_ros[bag]'")

from support.clips import SECOND, empty_buffer, stamp
from support.films import number_of
from support.packets import COUNT, ENCODERS, GOP, Packet, decoded, packets

from molmo_ground_ros.errors import ImageError, NoFrames
from molmo_ground_ros.frames import image, packet_group
from molmo_ground_ros.frames.buffer_stats import PushOutcome
from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.frames.decoded_cache import DecodedCache
from molmo_ground_ros.types import CompressedImage

RATE_HZ = 10


def at(number: float) -> int:
    return stamp(number / RATE_HZ)


def number_at(stamp_ns: int) -> int:
    return round((stamp_ns - stamp(0)) * RATE_HZ / SECOND)


def push(buffer: ClipBuffer, made: Iterable[Packet], form: str = 'h264') -> list[PushOutcome]:
    return [
        buffer.push(at(number), CompressedImage(form, data), 'optical') for number, data in made
    ]


def held(buffer: ClipBuffer) -> list[int]:
    return [number_at(stored.stamp_ns) for stored in buffer.pin(*buffer.span()).stored]


@pytest.fixture(scope='module')
def h264() -> list[Packet]:
    return packets('h264')


@pytest.mark.parametrize('name', ENCODERS)
def test_frames_are_those_that_decoding_all_of_the_video_gives(name: str) -> None:
    made = packets(name)
    buffer, truth = empty_buffer(), decoded(name, made)
    push(buffer, made, name.split()[0])
    for span in ((2, 20), (17, 44), (0, 44), (40, 41), (3, 3)):
        clip = buffer.cut(at(span[0]), at(span[1]))
        assert clip.frames[-1].stamp_ns == at(span[1])
        assert len(clip.frames) == clip.frames_expected
        for frame in clip.frames:
            assert np.array_equal(frame.image, truth[number_at(frame.stamp_ns)])
    assert buffer.stats().undecodable == 0


def test_the_newest_image_is_decoded_while_packets_go_on_coming(h264) -> None:
    buffer, truth = empty_buffer(), decoded('h264', h264)
    for number, data in h264:
        push(buffer, [(number, data)])
        newest = buffer.cut().frames[-1]
        assert np.array_equal(newest.image, truth[number_at(newest.stamp_ns)])
        assert number_at(newest.stamp_ns) == number


def test_window_that_begins_inside_a_group_has_its_frames(h264) -> None:
    buffer = empty_buffer(horizon_ns=2 * SECOND)
    push(buffer, h264)
    assert held(buffer)[0] == 24
    # The keyframe of image 15 has left the buffer, and its packet has not.
    clip = buffer.cut(at(25), at(40))
    assert [number_of(frame.image) for frame in clip.frames] == [25, 30, 35, 40]
    nbytes = [sum(len(data) for _, data in h264[first : first + GOP]) for first in (15, 30)]
    assert buffer.stats().nbytes == sum(nbytes)


def test_bytes_are_freed_by_whole_groups(h264) -> None:
    sizes = [sum(len(data) for _, data in h264[first : first + GOP]) for first in (0, 15, 30)]
    buffer = empty_buffer(max_bytes=sum(sizes) - 1)
    push(buffer, h264)
    assert held(buffer) == list(range(15, COUNT))
    assert buffer.stats().nbytes == sizes[1] + sizes[2]
    assert buffer.stats().evicted == GOP


def test_more_images_than_are_kept_are_there_to_decode_from(h264) -> None:
    buffer, truth = empty_buffer(keep_period_ns=SECOND // 2), decoded('h264', h264)
    outcomes = push(buffer, h264)
    assert outcomes.count(PushOutcome.DECIMATED) == 36
    assert held(buffer) == [0, 5, 10, 15, 20, 25, 30, 35, 40, 44]
    for frame in buffer.cut().frames:
        assert np.array_equal(frame.image, truth[number_at(frame.stamp_ns)])


def test_group_larger_than_the_buffer_is_left_at_its_end(h264) -> None:
    buffer = empty_buffer(max_bytes=sum(len(data) for _, data in h264[:8]))
    outcomes = push(buffer, h264[:GOP])
    assert outcomes[8:] == [PushOutcome.NO_KEYFRAME] * 7
    assert 'the packets since the last one exceed' in buffer.stats().waits_for_keyframe
    assert held(buffer) == list(range(8))


def test_packets_before_the_first_keyframe_are_dropped_and_counted(h264) -> None:
    buffer = empty_buffer()
    push(buffer, h264[5:10])
    assert buffer.stats().waits_for_keyframe == 'none has come yet'
    with pytest.raises(NoFrames):
        buffer.cut()
    push(buffer, h264[10:])
    stats = buffer.stats()
    assert (stats.no_keyframe, stats.waits_for_keyframe) == (10, '')
    assert held(buffer) == list(range(15, COUNT))


def test_lost_packet_of_h264_costs_the_images_up_to_the_next_keyframe(h264) -> None:
    buffer, truth = empty_buffer(), decoded('h264', h264)
    push(buffer, h264[:20] + h264[21:30])
    assert buffer.stats().waits_for_keyframe == 'a packet was lost'
    push(buffer, h264[30:])
    assert held(buffer) == [*range(20), *range(30, COUNT)]
    assert buffer.stats().no_keyframe == 9
    for frame in buffer.cut().frames:
        assert np.array_equal(frame.image, truth[number_at(frame.stamp_ns)])


@pytest.mark.parametrize('name', ['h265', 'vp9', 'av1'])
def test_no_image_is_shown_that_builds_on_a_packet_the_middleware_lost(name: str) -> None:
    made = packets(name)
    buffer, truth = empty_buffer(), decoded(name, made)
    push(buffer, made[:20] + made[21:22], name)
    buffer.note_lost()
    push(buffer, made[22:], name)
    clip = buffer.cut()
    assert {number_at(frame.stamp_ns) for frame in clip.frames}.isdisjoint(range(20, 30))
    for frame in clip.frames:
        assert np.array_equal(frame.image, truth[number_at(frame.stamp_ns)])
    assert buffer.stats().no_keyframe == 8


def test_loss_before_a_keyframe_costs_nothing(h264) -> None:
    made = packets('vp9')
    buffer = empty_buffer()
    push(buffer, [*made[:14], made[15]], 'vp9')
    buffer.note_lost()
    push(buffer, made[16:], 'vp9')
    assert held(buffer) == [*range(14), *range(15, COUNT)]
    assert buffer.stats().no_keyframe == 0


def test_wrong_stamps_cost_no_image_after_them(h264) -> None:
    buffer, truth = empty_buffer(), decoded('h264', h264)
    stamps = {18: 0, 20: at(19), 22: at(1e6)}
    for number, data in h264:
        buffer.push(stamps.get(number, at(number)), CompressedImage('h264', data))
    assert held(buffer) == [n for n in range(COUNT) if n not in stamps]
    for frame in buffer.cut().frames:
        assert np.array_equal(frame.image, truth[number_at(frame.stamp_ns)])


def test_time_that_jumps_back_waits_for_a_keyframe(h264) -> None:
    buffer = empty_buffer()
    push(buffer, h264[:20])
    buffer.clear('time jumped back')
    push(buffer, h264[2:4])
    assert buffer.stats().waits_for_keyframe == 'time jumped back'
    push(buffer, h264[:4])
    assert [number_of(frame.image) for frame in buffer.cut().frames] == [0, 3]


def test_damaged_packet_costs_its_own_group_alone(h264) -> None:
    made = list(h264)
    made[18] = 18, made[18][1][:4] + b'\x65\xff' + bytes(30)
    buffer = empty_buffer()
    push(buffer, made)
    clip = buffer.cut()
    shown = [number_at(frame.stamp_ns) for frame in clip.frames]
    assert [number_of(frame.image) for frame in clip.frames] == shown
    assert {*range(0, 16, 5), *range(30, 45, 5)} <= set(shown)


def test_decoded_images_are_held_and_their_packets_are_not(h264) -> None:
    cache = DecodedCache(10 * 64 * 64 * 3)
    buffer = empty_buffer(decode=cache.decode)
    push(buffer, h264)
    window = buffer.pin()
    first, again = window.decode(), window.decode()
    assert all(a.image is b.image for a, b in zip(first.frames, again.frames, strict=True))
    group = window.stored[0].image.group
    reference = weakref.ref(group)
    del window, group, first, again
    buffer.clear()
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize('form', ['', 'jpeg', 'unknown'])
@pytest.mark.parametrize('name', ['h264', 'h265'])
def test_video_with_a_wrong_format_is_told_by_its_bytes(name: str, form: str) -> None:
    buffer = empty_buffer()
    push(buffer, packets(name), form)
    assert [number_of(frame.image) for frame in buffer.cut(at(20), at(30)).frames] == [20, 25, 30]


def test_packet_without_a_byte_costs_what_follows_in_its_group(h264) -> None:
    buffer = empty_buffer()
    push(buffer, [*h264[:20], (20, b''), *h264[21:]])
    shown = [number_at(frame.stamp_ns) for frame in buffer.cut().frames]
    assert [number_of(frame.image) for frame in buffer.cut().frames] == shown
    assert {0, 5, 10, 15, 30, 35, 40, 44} <= set(shown)


def test_image_without_a_group_says_what_it_is(h264) -> None:
    with pytest.raises(ImageError, match='a packet of h264 video'):
        image.decode(CompressedImage('h264', h264[0][1]))


def test_group_gives_nothing_behind_what_broke_it(h264) -> None:
    group = packet_group.PacketGroup('h264', lambda _: np.zeros((1, 1, 3), np.uint8))
    for number, data in h264[:3]:
        group.append(at(number), CompressedImage('h264', data))
    group.break_at(2, 'damaged')
    group.break_at(3, 'later')
    group.check(1)
    with pytest.raises(ImageError, match='damaged'):
        group.check(2)
