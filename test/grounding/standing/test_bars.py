# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Standing counts beside the truth, on simulated recordings of ten minutes.

    STANDING_RECORDINGS=20 pytest -rP test/grounding/standing/test_bars.py

prints the figures of 20 recordings. Without the variable there are 3.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.clips import SECOND, ZERO_NS, empty_buffer, raw
from support.recordings import Noise, Recording, reply_to, simulate
from support.recordings import text as text_of
from support.standing import PLAIN, QUESTION, TRACKING, Day, TruthfulBackend

from molmo_ground_ros import config
from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_NS, Sample
from molmo_ground_ros.language.grammar.write import format_count, format_tracks
from molmo_ground_ros.types import Clip

RECORDINGS = int(os.environ.get('STANDING_RECORDINGS', '3'))
SECONDS = 600.0
# The camera goes on, so that the last events have been followed by something.
AFTER_S = 20
DEFAULTS = {name: config.default(name) for name in PLAIN}


class Simulated(TruthfulBackend):
    """Answers about a recording, each point as the model that `noise` describes would give it."""

    def __init__(self, recording: Recording, noise: Noise, seed: int) -> None:
        super().__init__()
        self._recording, self._noise = recording, noise
        self._index = {stamp: index for index, stamp in enumerate(recording.stamps)}
        self._chance = np.random.default_rng(seed)

    def _text(self, clip: Clip, prompt: str) -> str:
        samples = [
            Sample(self._index[frame.stamp_ns], label)
            for frame, label in zip(clip.frames, clip.seconds, strict=True)
        ]
        span = clip.start_ns, clip.end_ns
        reply = reply_to(self._recording, span, samples, self._noise, self._chance)
        assert text_of(reply)
        if prompt.startswith('Track'):
            return format_tracks(reply.tracks, 'block') if reply.tracks else 'There are none.'
        return format_count(reply.points, 'block')


def recorded(seed: int) -> Recording:
    """Ten minutes, and a camera that goes on after them."""
    recording = simulate(seed, SECONDS)
    after = [recording.stamps[-1] + n * SECOND // 10 for n in range(1, 10 * AFTER_S)]
    return dataclasses.replace(recording, stamps=[*recording.stamps, *after])


def counted(folder: Path, seed: int, noise: Noise, restart: bool) -> tuple[Recording, Day]:
    """A day with one recording.

    restart: in the middle, after an answer, the node is started again from its state file, with an
    empty buffer.
    """
    recording = recorded(seed)
    lab = Day(
        Simulated(recording, noise, seed),
        **DEFAULTS,
        standing_queries=(QUESTION,),
        state_file=str(folder / f'{seed}.json') if restart else '',
    )
    middle_ns = recording.stamps[len(recording.stamps) // 2]
    for stamp_ns in recording.stamps:
        lab.buffer.push(stamp_ns, raw(), 'optical')
        if lab.work() and restart and stamp_ns > middle_ns:
            lab.buffers['front'] = empty_buffer()
            lab.restart()
            restart = False
    return recording, lab


def exact(recording: Recording, lab: Day) -> int:
    """How many true events have one event, alone within a step of the grid and 3 % of the image."""
    matches: Counter[int] = Counter()
    for point in [event.point for event in lab.events()]:
        for index, (seconds, owner) in enumerate(recording.events):
            place = recording.shares(np.array([seconds]))[owner, 0]
            away = np.hypot(*(place - (point.x / 8, point.y / 6)))
            apart_ns = abs(ZERO_NS + seconds * SECOND - point.stamp_ns)
            matches[index] += bool(apart_ns < SAMPLE_PERIOD_NS and away < 0.03)
    return sum(count == 1 for count in matches.values())


@pytest.mark.parametrize('restart', [False, True], ids=['through', 'restarted in the middle'])
def test_counts_equal_the_truth(tmp_path: Path, restart: bool) -> None:
    right, events = 0, 0
    for seed in range(RECORDINGS):
        recording, lab = counted(tmp_path, seed, Noise(), restart)
        total = lab.standing.statuses()[0].total
        assert [event.number for event in lab.events()] == list(range(1, total + 1))
        assert lab.standing.statuses()[0].coverage == 1.0
        right += total == len(recording.events) == exact(recording, lab)
        events += total
    print(f'{right} of {RECORDINGS} recordings exact, {events} events')  # noqa: T201
    assert right == RECORDINGS


def test_counts_of_a_model_that_errs_are_near_the_truth(tmp_path: Path) -> None:
    """Points 2 % off, and an object missing in one window of ten: windows overlap threefold."""
    true, counts = 0, 0
    for seed in range(RECORDINGS):
        recording, lab = counted(tmp_path, seed, Noise(jitter=0.02, missing=0.1), restart=False)
        true += len(recording.events)
        counts += lab.standing.statuses()[0].total
    print(f'{counts} events of {true}, {RECORDINGS} recordings')  # noqa: T201
    assert abs(counts - true) <= 0.05 * true


def test_a_busy_model_that_skips_turns_misses_nothing_that_the_buffer_holds() -> None:
    recording = recorded(7)
    lab = Day(Simulated(recording, Noise(), 7), **DEFAULTS, standing_queries=(QUESTION, TRACKING))
    for number, stamp_ns in enumerate(recording.stamps):
        lab.buffer.push(stamp_ns, raw(), 'optical')
        # The model is busy for 17 s of 18.
        if number % 180 == 0:
            lab.work()
    status = lab.standing.statuses()[0]
    assert status.skipped > 60 and status.coverage == 1.0
    assert status.total == len([1 for seconds, _ in recording.events if seconds < 599])
