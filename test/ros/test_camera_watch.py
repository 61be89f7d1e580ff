# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterable, Sequence

import pytest
from support.clips import empty_buffer, raw, stamp

from molmo_ground_ros.ros.camera_watch import CameraWatch, Concern, Reception

TICK_NS = 1_000_000_000


def watched(
    stamps: Sequence[int], rate_hz: int = 10, ticks_after: int = 0
) -> tuple[list[Concern | None], Reception]:
    """What each tick says while images with these stamps arrive, and when no more do."""
    buffer, reception, watch = empty_buffer('front'), Reception(), CameraWatch(0)
    concerns: list[Concern | None] = []
    now_ns = 0
    for number, stamp_ns in enumerate(stamps, start=1):
        now_ns = number * 1_000_000_000 // rate_hz
        reception.note_arrival(now_ns)
        buffer.push(stamp_ns, raw(), 'optical')
        if number % rate_hz == 0:
            concerns.append(watch.concern(now_ns, buffer.stats(), reception))
    later_ns = [now_ns + tick * TICK_NS for tick in range(1, ticks_after + 1)]
    concerns += [watch.concern(tick_ns, buffer.stats(), reception) for tick_ns in later_ns]
    return concerns, reception


def stamps_of(seconds: Iterable[float]) -> list[int]:
    return [stamp(s) for s in seconds]


def in_turns(stamps: Sequence[int], turn: int) -> list[int]:
    """Two clocks that publish the same images, `turn` images each time."""
    turns = [stamps[i : i + turn] for i in range(0, len(stamps), turn)]
    return [s + ahead for group in turns for ahead in (0, DAY_NS) for s in group]


STEADY = stamps_of(i / 10 for i in range(150))
DAY_NS = 86_400_000_000_000


def test_camera_that_sends_as_it_should_is_no_concern() -> None:
    concerns, reception = watched(STEADY)
    assert concerns == [None] * 15
    assert reception.period_ns == pytest.approx(1e8)


def test_silence_is_told_after_two_seconds_with_its_length_and_the_rate() -> None:
    concerns, _ = watched(STEADY[:20], ticks_after=15)
    assert concerns[2:4] == [None, None]
    assert concerns[4] == Concern('no image for 3.0 s; before, one came every 0.100 s')
    assert concerns[-1] == Concern('no image for 15.0 s; before, one came every 0.100 s')


def test_slow_camera_is_silent_after_five_of_its_periods() -> None:
    reception, watch, buffer = Reception(), CameraWatch(0), empty_buffer('front')
    for second in (4, 8, 12):
        reception.note_arrival(second * 1_000_000_000)
        buffer.push(stamp(second), raw(), 'optical')
    # The first interval counts no more than the two seconds of silence, then the usual one.
    assert 2e9 <= reception.period_ns <= 4e9
    soon_ns = 12_000_000_000 + round(reception.silent_after_ns)
    assert watch.concern(soon_ns, buffer.stats(), reception) is None
    concern = watch.concern(soon_ns + 1, buffer.stats(), reception)
    assert concern is not None and concern.reason.startswith('no image for 1')


def test_pause_does_not_change_the_usual_rate_much() -> None:
    reception = Reception()
    for i in range(100):
        reception.note_arrival(1 + i * 100_000_000)
    reception.note_arrival(60_000_000_000)
    assert reception.silent_after_ns <= 2e9


@pytest.mark.parametrize(
    ('stamps', 'reason', 'is_error'),
    [
        pytest.param([0] * 20, 'every image has stamp zero: ', True, id='all zero'),
        pytest.param([*STEADY[:19], 0], '1 of 20 images have', False, id='one zero'),
        pytest.param([stamp(1.0)] * 20, 'every image has the same stamp: ', True, id='frozen'),
        pytest.param([*STEADY, *[STEADY[-1]] * 30], 'every image has the same', True, id='freezes'),
        pytest.param(sorted(STEADY[:10] * 2), '10 of 20 images repeat', False, id='two publishers'),
        pytest.param(in_turns(STEADY[:20], 5), 'time jumped 7 times in 4 s', False, id='clocks'),
        pytest.param(
            in_turns(STEADY[:20], 1), 'stamps far from the others', False, id='clocks in turns of 1'
        ),
    ],
)  # fmt: skip
def test_stamps_that_cannot_be_used_are_told(
    stamps: list[int], reason: str, is_error: bool
) -> None:
    concern = watched(stamps)[0][-1]
    assert concern is not None and reason in concern.reason
    assert concern.is_error is is_error


def test_concern_is_over_when_the_camera_is_well_again() -> None:
    concerns, _ = watched([*[0] * 20, *STEADY[:40]])
    assert concerns[1] is not None
    assert concerns[-1] is None


def test_loop_of_a_recording_is_no_concern() -> None:
    assert watched([*STEADY, *STEADY])[0][-1] is None


def test_messages_that_cannot_be_taken_are_told() -> None:
    reception, watch = Reception(failed=3, last_error='ValueError: odd'), CameraWatch(0)
    concern = watch.concern(TICK_NS, empty_buffer('front').stats(), reception)
    assert concern == Concern('3 messages could not be taken: ValueError: odd', is_error=True)


def test_lost_messages_add_up_and_never_wrap() -> None:
    reception = Reception()
    for change in (1, 7, 18446744071562067984, 2):
        reception.note_lost(change)
    assert reception.lost == 10
