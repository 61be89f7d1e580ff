# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from array import array

import pytest

from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.source import MessageIndex
from molmo_ground_ros.recording.timeline import timeline

S = 1_000_000_000
ZERO = 1_700_000_000 * S


def joined(*files: list[float], zero_ns: int = ZERO):
    """Stamps kept, in seconds, and (kind, messages) told, of files with these stamps."""
    logs = [LossLog(f'file {number}') for number in range(len(files))]
    parts = []
    for number, seconds in enumerate(files):
        found = MessageIndex('/image', '')
        for place, second in enumerate(seconds):
            found.add(zero_ns + round(second * S), place)
        parts.append((number, found, logs[number]))
    made = timeline(parts)
    kept = [(stamp - zero_ns) / S for stamp in made.stamps.tolist()]
    told = [(loss.kind, loss.messages) for log in logs for loss in log.losses]
    return kept, told, made


def test_stamps_are_put_in_order_and_taken_once() -> None:
    kept, told, made = joined([0, 2, 1, 3, 3], [3, 5, 4])
    assert kept == [0, 1, 2, 3, 4, 5]
    assert made.parts.tolist() == [0, 0, 0, 0, 1, 1]
    assert made.places.tolist() == [0, 2, 1, 3, 2, 1]
    assert told == [
        (LossKind.OUT_OF_ORDER, 1),
        (LossKind.DUPLICATE, 1),
        (LossKind.OUT_OF_ORDER, 1),
        (LossKind.DUPLICATE, 1),
    ]


def test_lone_stamp_far_away_is_left_out_wherever_it_is() -> None:
    whole = [i / 10 for i in range(50)]
    for place in (0, 1, 2, 25, 48, 49):
        for wrong in (1e8, -1e8, 2**62 / S):
            damaged = [*whole]
            damaged[place] = wrong
            kept, told, _ = joined(damaged)
            assert kept == whole[:place] + whole[place + 1 :]
            assert told == [(LossKind.FAR_STAMP, 1)]


@pytest.mark.parametrize(
    'seconds',
    [
        pytest.param([i / 10 for i in range(9)] + [1000 + i / 10 for i in range(9)], id='forward'),
        pytest.param([0, 30, 60, 90, 120, 150], id='slow camera'),
        pytest.param([0, 1000], id='two'),
        pytest.param([5], id='one'),
    ],
)
def test_jump_of_the_clock_and_slow_camera_are_kept(seconds: list[float]) -> None:
    assert joined(seconds)[:2] == (seconds, [])


def test_clock_set_back_is_kept_and_told() -> None:
    kept, told, _ = joined([1000 + i / 10 for i in range(9)] + [i / 10 for i in range(9)])
    assert len(kept) == 18
    assert told == [(LossKind.OUT_OF_ORDER, 1)]


def test_messages_without_a_stamp_are_counted() -> None:
    found = MessageIndex('/image', '')
    found.add(None, 0)
    found.add(0, 1)
    found.add(ZERO, 2)
    log = LossLog('file')
    assert timeline([(0, found, log)]).stamps.tolist() == [ZERO]
    assert {loss.kind: loss.messages for loss in log.losses} == {
        LossKind.BAD_MESSAGE: 1,
        LossKind.ZERO_STAMP: 1,
    }
    assert found.messages == 3


def with_log_times(stamps: list[float], log_s: float) -> MessageIndex:
    """Messages with these stamps, 0 for none, recorded `log_s` later than a clock from ZERO on."""
    found = MessageIndex('/image', '')
    for number, second in enumerate(stamps):
        stamp_ns = ZERO + round(second * S) if second else 0
        found.add(stamp_ns, number, ZERO + round((number + log_s) * S))
    return found


@pytest.mark.parametrize(
    ('stamps', 'log_s', 'kept', 'told'),
    [
        pytest.param([0, 0, 0], 0.0, [0, 1, 2], {LossKind.LOG_STAMP: 3}, id='none was set'),
        pytest.param([0, 0, 2, 3], 0.5, [0.5, 1.5, 2, 3], {LossKind.LOG_STAMP: 2}, id='one clock'),
        pytest.param([0, 0, 2, 3], 900.0, [2, 3], {LossKind.ZERO_STAMP: 2}, id='two clocks'),
    ],
)
def test_log_time_stands_for_a_missing_stamp_of_the_same_clock(stamps, log_s, kept, told) -> None:
    log = LossLog('file')
    made = timeline([(0, with_log_times(stamps, log_s), log)])
    assert [(stamp_ns - ZERO) / S for stamp_ns in made.stamps.tolist()] == kept
    assert {loss.kind: loss.messages for loss in log.losses} == told


def test_nothing_makes_an_empty_timeline() -> None:
    assert len(timeline([]).stamps) == 0
    assert len(timeline([(0, MessageIndex('/image', '', array('q')), LossLog(''))]).stamps) == 0


def test_timeline_takes_20_bytes_a_picture() -> None:
    made = joined([i / 10 for i in range(1000)])[2]
    assert sum(part.nbytes for part in (made.stamps, made.places, made.parts)) == 20_000
