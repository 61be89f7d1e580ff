# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages of every order and stamp go in; the frames the model needs come out."""

from __future__ import annotations

import itertools
import threading
from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.clips import empty_buffer

from molmo_ground_ros.errors import BadArgument, BadSpan, ImageError, NoFrames, WindowNotCovered
from molmo_ground_ros.frames.buffer_stats import PushOutcome
from molmo_ground_ros.types import CompressedImage, RawImage

MS = 1_000_000
S = 1_000 * MS
T0 = 1_700_000_000 * S
BAD = b'bad'


def picture(image):
    """A decoder for tests: the data's first byte becomes the one pixel."""
    if bytes(image.data[:3]) == BAD:
        raise ImageError(f'bad picture {bytes(image.data[3:]).decode()}')
    return np.full((1, 1, 3), image.data[0], np.uint8)


def message(value=1, size=1):
    return CompressedImage('jpeg', bytes([value]) * size)


def buffer_of(*seconds, image=None, **options):
    """A buffer that was pushed these stamps, seconds after T0."""
    options = {'decode': picture, 'keep_period_ns': 0, **options}
    buffer = empty_buffer('front', **options)
    for t in seconds:
        buffer.push(at(t), image or message())
    return buffer


def at(seconds):
    return T0 + round(seconds * S)


def held(buffer):
    """Stamps held, in seconds after T0."""
    if buffer.span() is None:
        return []
    return [(stored.stamp_ns - T0) / S for stored in buffer.pin(*buffer.span()).stored]


def rate(hz, start, end):
    """Stamps from start to end, both included."""
    count = round((end - start) * hz)
    return [start + i / hz for i in range(count + 1)]


# Decimation


@pytest.mark.parametrize('hz', [5, 10, 13, 30, 60, 200])
def test_kept_frames_are_never_further_apart_than_the_bound(hz):
    keep = 100 * MS
    rng = np.random.default_rng(hz)
    stamps = np.cumsum(rng.uniform(0.6, 1.4, hz * 20) * S / hz).astype(np.int64) + T0
    buffer = empty_buffer('front', keep_period_ns=keep, decode=picture)
    for stamp in stamps:
        buffer.push(int(stamp), message())
    kept = np.array([stored.stamp_ns for stored in buffer.pin().stored])
    assert np.diff(kept).max() <= keep + np.diff(stamps).max()
    assert len(kept) <= 20 * min(hz, 10) * 1.1 + 2
    assert set(kept) <= set(stamps)


def test_the_first_message_of_each_cell_is_kept():
    buffer = buffer_of(0.0, 0.04, 0.08, 0.11, 0.19, 0.25, 0.3, keep_period_ns=100 * MS)
    assert held(buffer) == [0.0, 0.11, 0.25, 0.3]
    stats = buffer.stats()
    assert (stats.received, stats.kept, stats.decimated) == (7, 4, 3)


def test_newest_frame_is_always_held():
    buffer = empty_buffer('front', keep_period_ns=100 * MS, decode=picture)
    for i in range(100):
        buffer.push(T0 + i * 7 * MS, message())
        assert buffer.span() == (T0, T0 + i * 7 * MS)


def test_newest_frame_is_always_sampled():
    buffer = buffer_of(*rate(30, 0, 2.9), keep_period_ns=500 * MS)
    clip = buffer.cut()
    assert clip.frames[-1].stamp_ns == at(2.9)
    assert clip.seconds == (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 2.9)


def test_a_keep_period_of_zero_keeps_all():
    assert held(buffer_of(0.0, 1e-9 * 1000, 0.5)) == [0.0, 1e-6, 0.5]


# Order


def test_a_late_message_is_put_in_its_place():
    buffer = buffer_of(0.0, 0.2, 0.4)
    assert buffer.push(at(0.3), message()) is PushOutcome.KEPT
    assert buffer.push(at(0.1), message()) is PushOutcome.KEPT
    assert held(buffer) == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert buffer.stats().out_of_order == 2


def test_a_late_message_may_be_the_oldest():
    buffer = buffer_of(0.5, 0.1)
    assert held(buffer) == [0.1, 0.5]


def test_sampling_grid_begins_at_a_message_that_came_late_but_is_the_first():
    late = buffer_of(0.3, 0.0, 0.8, 1.0, 1.3, 1.5, 2.0)
    in_order = buffer_of(0.0, 0.3, 0.8, 1.0, 1.3, 1.5, 2.0)
    window = (at(0.3), at(2.0))
    assert late.pin(*window).anchor_ns == at(0.0)
    assert late.pin(*window).sampled() == in_order.pin(*window).sampled()


def test_a_late_message_of_a_cell_that_has_one_is_decimated():
    buffer = buffer_of(0.0, 0.11, 0.21, keep_period_ns=100 * MS)
    assert buffer.push(at(0.15), message()) is PushOutcome.DECIMATED
    assert buffer.push(at(0.1), message()) is PushOutcome.DECIMATED
    assert held(buffer) == [0.0, 0.11, 0.21]
    stats = buffer.stats()
    assert (stats.out_of_order, stats.decimated) == (2, 2)


def test_a_stamp_held_already_is_dropped():
    buffer = buffer_of(0.0, 0.1, 0.2)
    for t in (0.2, 0.1, 0.0):
        assert buffer.push(at(t), message(9)) is PushOutcome.DUPLICATE
    assert held(buffer) == [0.0, 0.1, 0.2]
    assert buffer.stats().duplicate == 3


def test_a_frozen_stamp_fills_nothing():
    buffer = buffer_of(*[1.0] * 50)
    stats = buffer.stats()
    assert (stats.frames, stats.duplicate) == (1, 49)


@pytest.mark.parametrize('stamp', [0, -1, -T0])
def test_a_message_without_a_stamp_is_dropped_and_counted(stamp):
    buffer = buffer_of(0.0)
    assert buffer.push(stamp, message()) is PushOutcome.ZERO_STAMP
    assert held(buffer) == [0.0]
    assert buffer.stats().zero_stamp == 1


def test_a_pause_is_counted_as_a_gap():
    buffer = buffer_of(0.0, 1.0, 2.1, 3.0, 9.0)
    assert buffer.stats().gaps == 2
    assert held(buffer) == [0.0, 1.0, 2.1, 3.0, 9.0]


# Outliers and jumps


@pytest.mark.parametrize(
    ('outlier', 'outcome', 'counter'),
    [(60.0, PushOutcome.FAR_FUTURE, 'far_future'), (-60.0, PushOutcome.STALE, 'stale')],
)
def test_a_lone_outlier_changes_nothing(outlier, outcome, counter):
    buffer = buffer_of(0.0, 0.1)
    assert buffer.push(at(outlier), message()) is outcome
    assert held(buffer) == [0.0, 0.1]
    assert buffer.stats().held_back == 1
    assert buffer.push(at(0.2), message()) is PushOutcome.KEPT
    assert held(buffer) == [0.0, 0.1, 0.2]
    stats = buffer.stats()
    assert (getattr(stats, counter), stats.held_back, stats.epochs) == (1, 0, 0)


def test_two_publishers_with_different_clocks_do_not_wipe_the_buffer():
    buffer = buffer_of(*[t + 500 * (i % 2) for i, t in enumerate(rate(10, 0, 3))])
    assert len(held(buffer)) == 16
    assert buffer.stats().far_future == 15


def test_outliers_that_do_not_agree_change_nothing():
    buffer = buffer_of(0.0, 60.0, 500.0, -60.0, 0.1)
    assert held(buffer) == [0.0, 0.1]
    stats = buffer.stats()
    assert (stats.far_future, stats.stale, stats.epochs) == (2, 1, 0)


def test_a_bag_loop_starts_a_new_epoch():
    buffer = buffer_of(*rate(10, 0, 20))
    assert buffer.push(at(0), message()) is PushOutcome.STALE
    assert buffer.push(at(0.1), message()) is PushOutcome.RESTARTED
    assert buffer.push(at(0.2), message()) is PushOutcome.KEPT
    assert held(buffer) == [0.0, 0.1, 0.2]
    stats = buffer.stats()
    assert (stats.epochs, stats.stale, stats.kept) == (1, 0, 204)


def test_a_jump_beyond_the_horizon_starts_a_new_epoch():
    buffer = buffer_of(0.0, 0.1, 100.0, 100.1, horizon_ns=30 * S)
    assert held(buffer) == [100.0, 100.1]
    stats = buffer.stats()
    assert (stats.epochs, stats.far_future, stats.evicted) == (1, 0, 0)


def test_a_camera_that_was_away_for_a_while_keeps_its_past():
    buffer = buffer_of(0.0, 0.1, 15.0, 15.1, horizon_ns=30 * S)
    assert held(buffer) == [0.0, 0.1, 15.0, 15.1]
    stats = buffer.stats()
    assert (stats.epochs, stats.gaps, stats.kept) == (0, 1, 4)


def test_a_jump_whose_first_messages_are_swapped_is_still_a_jump():
    assert held(buffer_of(50.0, 0.1, 0.0, 0.2)) == [0.0, 0.1, 0.2]


def test_the_same_outlier_twice_is_no_jump():
    buffer = buffer_of(0.0)
    outcomes = [buffer.push(at(60), message()) for _ in range(3)]
    assert outcomes == [PushOutcome.FAR_FUTURE, PushOutcome.DUPLICATE, PushOutcome.DUPLICATE]
    assert held(buffer) == [0.0]


def test_an_outlier_as_the_first_message_is_given_up():
    assert held(buffer_of(1e6, 0.0, 0.1)) == [0.0, 0.1]


def test_clear_starts_a_new_epoch_and_says_why():
    buffer = buffer_of(0.0, 0.1, 60.0)
    buffer.clear('the clock was set back')
    stats = buffer.stats()
    assert (stats.frames, stats.nbytes, stats.epochs, stats.held_back) == (0, 0, 1, 0)
    assert (stats.oldest_ns, stats.newest_ns) == (0, 0)
    with pytest.raises(NoFrames, match="'front': the clock was set back"):
        buffer.cut()
    buffer.push(at(-500), message())
    assert held(buffer) == [-500]


# Bounds


def test_what_is_older_than_the_horizon_goes():
    buffer = buffer_of(*rate(10, 0, 5), horizon_ns=2 * S)
    assert held(buffer) == rate(10, 3, 5)
    assert buffer.stats().evicted == 30


def test_the_oldest_go_when_bytes_run_out():
    buffer = buffer_of(*rate(10, 0, 2), image=message(size=100), max_bytes=450)
    assert held(buffer) == [1.7, 1.8, 1.9, 2.0]
    assert buffer.stats().nbytes == 400


def test_a_message_larger_than_the_buffer_is_refused():
    buffer = buffer_of(0.0, max_bytes=10)
    assert buffer.push(at(0.1), message(size=11)) is PushOutcome.TOO_LARGE
    assert held(buffer) == [0.0]
    assert buffer.push(at(0.2), message(size=10)) is PushOutcome.KEPT
    assert held(buffer) == [0.2]
    assert buffer.stats().too_large == 1


def test_data_is_held_as_given_and_not_copied():
    data = bytearray(b'\1\2\3')
    buffer = buffer_of(0.0, image=RawImage(1, 1, 'rgb8', 3, data))
    assert buffer.pin().stored[0].image.data is data


@pytest.mark.parametrize(
    ('name', 'value'),
    [('horizon_ns', 0), ('max_bytes', 0), ('ahead_ns', 0), ('keep_period_ns', -1),
     ('reorder_ns', -1)],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(name, value):
    with pytest.raises(BadArgument, match=name):
        empty_buffer('front', **{name: value})


# Windows


def test_a_clip_carries_what_was_pushed():
    buffer = empty_buffer('front', decode=picture)
    for i in range(5):
        buffer.push(at(i / 2), message(i), f'frame {i}')
    clip = buffer.cut(at(0.5), at(1.5))
    assert clip.camera == 'front'
    assert [frame.stamp_ns for frame in clip.frames] == [at(0.5), at(1.0), at(1.5)]
    assert [int(frame.image[0, 0, 0]) for frame in clip.frames] == [1, 2, 3]
    assert [frame.frame_id for frame in clip.frames] == ['frame 1', 'frame 2', 'frame 3']
    assert clip.seconds == (0.0, 0.5, 1.0)
    assert (clip.start_ns, clip.end_ns, clip.frames_expected) == (at(0.5), at(1.5), 3)


def test_only_the_sampled_frames_are_decoded():
    decoded = []

    def decode(image):
        decoded.append(image.data[0])
        return picture(image)

    buffer = empty_buffer('front', keep_period_ns=0, decode=decode)
    for i, t in enumerate(rate(30, 0, 3)):
        buffer.push(at(t), message(i))
    assert not decoded
    buffer.cut()
    assert decoded == [0, 15, 30, 45, 60, 75, 90]


def test_frames_may_change_size_in_a_clip():
    buffer = empty_buffer('front')
    for t, width in ((0.0, 4), (0.5, 6)):
        buffer.push(at(t), RawImage(width, 2, 'mono8', width, bytes(2 * width)))
    assert [frame.image.shape for frame in buffer.cut().frames] == [(2, 4, 3), (2, 6, 3)]


@pytest.mark.parametrize(
    ('start', 'end', 'window', 'stamps'),
    [
        pytest.param(None, None, (0, 4), [0, 1, 2, 3, 4], id='neither: the whole buffer'),
        pytest.param(2, None, (2, 4), [2, 3, 4], id='a start: to the newest'),
        pytest.param(None, 2, (0, 2), [0, 1, 2], id='an end: from the oldest'),
        pytest.param(1, 3, (1, 3), [1, 2, 3], id='both'),
        pytest.param(2, 2, (2, 2), [2], id='an instant with a frame'),
        pytest.param(-0.5, 4.5, (-0.5, 4.5), [0, 1, 2, 3, 4], id='half a second past both ends'),
        pytest.param(4, 4.4, (4, 4.4), [4], id='the newest alone'),
    ],
)
def test_a_window_by_its_ends(start, end, window, stamps):
    pinned = buffer_of(0, 1, 2, 3, 4).pin(*(0 if t is None else at(t) for t in (start, end)))
    assert (pinned.start_ns, pinned.end_ns) == tuple(at(t) for t in window)
    assert [stored.stamp_ns for stored in pinned.stored] == [at(t) for t in stamps]


@pytest.mark.parametrize(
    ('start', 'end'),
    [(-0.6, 3), (1, 4.6), (-9, -8), (8, 9), (4.1, 4.3), (-0.3, -0.1), (4.1, None), (-0.6, None),
     (None, 4.6), (None, -0.1)],
)  # fmt: skip
def test_a_window_that_is_not_held_says_what_is(start, end):
    buffer = buffer_of(0, 1, 2, 3, 4)
    with pytest.raises(WindowNotCovered, match=r'holds 1700000000\.000 s to 1700000004'):
        buffer.pin(*(0 if t is None else at(t) for t in (start, end)))


@pytest.mark.parametrize(
    ('start', 'end', 'why'),
    [
        (at(3), at(1), 'ends before'),
        (-1, at(1), 'negative'),
        (-1, 0, 'negative'),
        (0, -1, 'negative'),
        (at(0), at(63.1), 'longer than'),
        (at(1), 0, 'longer than'),
    ],
)
def test_a_bad_span_is_refused(start, end, why):
    buffer = buffer_of(*rate(1, 0, 80), horizon_ns=100 * S)
    with pytest.raises(BadSpan, match=why):
        buffer.pin(start, end)


def test_the_whole_of_a_long_buffer_is_its_newest_63_seconds():
    """From the first grid time whose candidates are all among them: 17.25 s to 17.75 s."""
    buffer = buffer_of(*rate(2, 0, 80), horizon_ns=100 * S)
    clip = buffer.cut()
    assert (clip.start_ns, clip.end_ns) == (at(17.25) + 1, at(80))
    assert (len(clip.frames), clip.frames_expected) == (126, 126)
    assert len(buffer.cut(at(17), at(80)).frames) == 127


def test_windows_that_slide_show_the_same_frames_but_for_the_newest():
    """So that a frame is encoded once: at 30 Hz, decimated to 10, with a horizon of 3 s."""
    buffer, shown = empty_buffer('front', horizon_ns=3 * S, decode=picture), Counter()
    for i, t in enumerate(rate(30, 0, 12)):
        buffer.push(at(t), message())
        if i > 100 and i % 5 == 0:
            shown.update(stored.stamp_ns for stored in buffer.pin().sampled()[:-1])
    settled = [stamp for stamp in shown if at(4) < stamp < at(11)]
    assert len(settled) == 13  # 4.5 to 10.5 s
    assert min(shown[stamp] for stamp in settled) > 5


def test_sampled_are_the_messages_of_the_clip():
    pinned = buffer_of(*rate(10, 0, 3)).pin()
    assert [one.stamp_ns for one in pinned.sampled()] == [
        frame.stamp_ns for frame in pinned.decode().frames
    ]


def test_an_empty_buffer_has_no_span_and_no_frames():
    buffer = empty_buffer('front')
    assert buffer.span() is None
    with pytest.raises(NoFrames, match="'front': none has arrived yet"):
        buffer.cut()


def test_a_window_in_a_gap_has_no_frames():
    with pytest.raises(NoFrames, match='a gap from'):
        buffer_of(0, 9).pin(at(3), at(6))


def test_a_gap_lowers_the_frames_used_and_not_the_frames_expected():
    clip = buffer_of(*rate(2, 0, 2), *rate(2, 4, 6)).cut()
    assert (len(clip.frames), clip.frames_expected) == (10, 13)
    assert clip.seconds[4:6] == (2.0, 4.0)


# Corrupt pictures


def with_bad(stamps, bad, **options):
    buffer = empty_buffer('front', decode=picture, keep_period_ns=0, **options)
    for t in stamps:
        data = BAD + str(t).encode() if t in bad else b'\1'
        buffer.push(at(t), CompressedImage('jpeg', data))
    return buffer


@pytest.mark.parametrize(
    ('bad', 'expected'),
    [
        pytest.param([0.5], [0.0, 0.4, 1.0, 1.5], id='the next best takes its grid time'),
        pytest.param([0.4, 0.5], [0.0, 0.6, 1.0, 1.5], id='and the next'),
        pytest.param([0.3, 0.4, 0.5, 0.6, 0.7], [0.0, 1.0, 1.5], id='or it is left out'),
        pytest.param([1.5], [0.0, 0.5, 1.0, 1.4], id='the newest that is sound is the newest'),
        pytest.param([0.0], [0.1, 0.5, 1.0, 1.5], id='so it is with the first: the grid stays'),
    ],
)
def test_a_corrupt_frame_gives_way_to_its_neighbour(bad, expected):
    stamps = [i / 10 for i in range(16)]
    buffer = with_bad(stamps, bad)
    clip = buffer.cut()
    assert [(frame.stamp_ns - T0) / S for frame in clip.frames] == expected
    stats = buffer.stats()
    assert stats.undecodable == len(bad)
    assert stats.last_error.startswith('bad picture')
    assert clip.frames_expected == 4


def test_a_corrupt_frame_is_dropped_and_counted_once():
    buffer = with_bad([0.0, 0.5, 1.0], [0.5])
    first, second = buffer.cut(), buffer.cut()
    assert [f.stamp_ns for f in first.frames] == [f.stamp_ns for f in second.frames]
    assert held(buffer) == [0.0, 1.0]
    stats = buffer.stats()
    assert (stats.undecodable, stats.frames) == (1, 2)
    assert stats.last_error == ''  # the second reader met none


def test_only_corrupt_frames_are_no_frames():
    buffer = with_bad([0.0, 0.1, 0.5], [0.0, 0.1, 0.5])
    with pytest.raises(NoFrames, match='none of 3 could be decoded; the last one: bad picture 0'):
        buffer.cut()
    assert buffer.stats().undecodable == 3
    with pytest.raises(NoFrames, match='could not be decoded: bad picture'):
        buffer.cut()


def test_the_buffer_goes_on_after_its_newest_was_corrupt():
    buffer = empty_buffer('front', decode=picture, keep_period_ns=100 * MS)
    buffer.push(at(0.0), message())
    buffer.push(at(0.01), CompressedImage('jpeg', BAD))
    buffer.cut()
    assert buffer.push(at(0.02), message()) is PushOutcome.DECIMATED
    assert buffer.push(at(0.11), message()) is PushOutcome.KEPT
    assert held(buffer) == [0.0, 0.11]


def test_spare_newest_message_stays_spare_when_the_one_before_it_proves_corrupt():
    buffer = empty_buffer('front', decode=picture, keep_period_ns=100 * MS)
    buffer.push(at(0.0), message())
    buffer.push(at(0.5), CompressedImage('jpeg', BAD))
    assert buffer.push(at(0.55), message()) is PushOutcome.DECIMATED
    buffer.cut()
    # The spare is held as long as it is the newest, and gives way to the next message.
    buffer.push(at(0.65), message())
    assert held(buffer) == [0.0, 0.65]


def test_one_held_back_while_all_else_proves_corrupt_is_dropped():
    buffer = with_bad([0.0, 60.0], [0.0])
    with pytest.raises(NoFrames):
        buffer.cut()
    assert buffer.push(at(61.0), message()) is PushOutcome.KEPT
    assert buffer.stats().far_future == 1


def test_a_real_corrupt_jpeg_is_dropped_by_the_real_decoder():
    jpeg = cv2.imencode('.jpg', np.full((16, 16, 3), 90, np.uint8))[1].tobytes()
    buffer = empty_buffer('front')
    for t, data in ((0.0, jpeg), (0.5, jpeg[:-40]), (1.0, jpeg)):
        buffer.push(at(t), CompressedImage('jpeg', data))
    assert buffer.cut().seconds == (0.0, 1.0)
    assert 'cut off' in buffer.stats().last_error


# Threads


def test_a_slow_reader_neither_blocks_push_nor_sees_evictions():
    started, release = threading.Event(), threading.Event()

    def slow(image):
        started.set()
        assert release.wait(10)
        return picture(image)

    buffer = empty_buffer('front', horizon_ns=2 * S, keep_period_ns=0, decode=slow)
    for i in range(5):
        buffer.push(at(i / 2), message(i))
    clips = []
    reader = threading.Thread(target=lambda: clips.append(buffer.cut()))
    reader.start()
    assert started.wait(10)
    for i in range(100):  # in this thread: it would hang here if push waited for the reader
        buffer.push(at(3 + i / 10), message(200))
    assert buffer.span() == (at(10.9), at(12.9))
    release.set()
    reader.join(10)
    assert [int(frame.image[0, 0, 0]) for frame in clips[0].frames] == [0, 1, 2, 3, 4]
    assert clips[0].seconds == (0.0, 0.5, 1.0, 1.5, 2.0)


def test_two_readers_and_an_eviction_agree_on_what_was_corrupt():
    buffer = with_bad([0.0, 0.5, 1.0], [0.0, 0.5], horizon_ns=2 * S)
    one, two = buffer.pin(), buffer.pin()
    buffer.push(at(2.5), message())  # evicts the first
    assert one.decode().seconds == (0.0,)
    assert two.decode().seconds == (0.0,)
    stats = buffer.stats()
    assert (stats.evicted, stats.undecodable, stats.frames) == (1, 1, 2)


def test_pushers_and_readers_at_once_keep_the_books():
    buffer = empty_buffer('front', horizon_ns=5 * S, decode=picture)
    buffer.push(T0, message())
    done = threading.Event()
    failures = []

    def read():
        while not done.is_set():
            clip = buffer.cut()
            if any(a >= b for a, b in itertools.pairwise(clip.seconds)):
                failures.append(clip)

    def write(offset):
        for i in range(500):
            buffer.push(T0 + i * 20 * MS + offset, message())

    readers = [threading.Thread(target=read) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(k * MS,)) for k in range(2)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()
    assert not failures
    check_books(buffer, 1001)


# Any sequence


def check_books(buffer, received):
    stats = buffer.stats()
    assert stats.received == received
    accepted = stats.kept + stats.decimated
    dropped = stats.duplicate + stats.zero_stamp + stats.too_large + stats.far_future + stats.stale
    assert accepted + dropped + stats.held_back == received
    assert stats.evicted + stats.undecodable + stats.frames <= accepted


class Model:
    """The rules once more, slowly: every accepted message is remembered, nothing is indexed."""

    def __init__(self, horizon, cell, reorder, ahead):
        self.horizon, self.cell, self.reorder, self.ahead = horizon, cell, reorder, ahead
        self.kept = set()
        self.spare = set()
        self.suspect = None
        self.epochs = 0

    def near(self, a, b):
        return b - self.reorder <= a <= b + self.ahead

    def push(self, stamp):
        if stamp <= 0:
            return
        now = self.kept | self.spare
        if not now or self.near(stamp, max(now)):
            self.suspect = None
            self.accept(stamp)
        elif self.suspect is None or not self.near(stamp, self.suspect):
            self.suspect = stamp
        elif stamp != self.suspect:
            pair, self.suspect = sorted([self.suspect, stamp]), None
            if pair[0] < max(now) or pair[0] > max(now) + self.horizon:
                self.kept, self.spare = set(), set()
                self.epochs += 1
            for one in pair:
                self.accept(one)

    def accept(self, stamp):
        now = self.kept | self.spare
        newest = max(now, default=0)
        if stamp > newest:
            self.spare = set()
        if stamp not in now:
            cells = {one // self.cell for one in self.kept | self.spare}
            if stamp // self.cell not in cells:
                self.kept.add(stamp)
            elif stamp > newest:
                self.spare = {stamp}
        oldest = max(stamp, newest) - self.horizon
        self.kept = {one for one in self.kept if one >= oldest}


STEP = 50 * MS
moves = st.one_of(  # (steps, whether time goes on from there)
    st.tuples(st.integers(1, 6), st.just(True)),
    st.tuples(st.integers(-25, 0), st.just(False)),  # late, or the same again
    st.tuples(st.integers(-400, 800), st.booleans()),  # a jump, or an outlier
    st.tuples(st.just(-9999), st.just(False)),  # no stamp
)


@settings(max_examples=300, deadline=None)
@given(st.lists(moves, max_size=60), st.sampled_from([1, 2, 5]))
def test_any_sequence_of_stamps_gives_what_the_model_says(steps, cells):
    limits = {'horizon_ns': 15 * S, 'reorder_ns': S, 'ahead_ns': 10 * S}
    buffer = empty_buffer('front', keep_period_ns=cells * STEP, decode=picture, **limits)
    model = Model(15 * S, cells * STEP, S, 10 * S)
    now = 1000
    for i, (step, goes_on) in enumerate(steps):
        stamp = max(now + step, 0) * STEP
        now = max(now + step, 1) if goes_on else now
        buffer.push(stamp, message(size=i % 7))
        model.push(stamp)
        expected = sorted(model.kept | model.spare)
        assert buffer.span() == ((expected[0], expected[-1]) if expected else None)
    if buffer.span() is None:
        return
    stored = buffer.pin(*buffer.span()).stored
    assert [one.stamp_ns for one in stored] == sorted(model.kept | model.spare)
    stats = buffer.stats()
    assert stats.epochs == model.epochs
    assert stats.held_back == (model.suspect is not None)
    assert stats.nbytes == sum(one.image.nbytes for one in stored)
    check_books(buffer, len(steps))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 20), st.integers(0, 30)), min_size=1, max_size=60))
def test_bytes_are_bounded_whatever_comes(messages):
    buffer = empty_buffer('front', max_bytes=50, keep_period_ns=0, decode=picture)
    stamp = T0
    for step, size in messages:
        stamp += step * MS
        buffer.push(stamp, message(size=size))
        stats = buffer.stats()
        assert stats.nbytes <= 50
        assert stats.newest_ns == stamp
    check_books(buffer, len(messages))
