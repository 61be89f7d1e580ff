# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The short form of `make soak`, and what it calls wrong."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from tools.soak.__main__ import faults_of, soak
from tools.soak.askers import Tally
from tools.soak.meter import Meter, Sample, sample

SOUND: dict[str, Any] = {
    'minutes': 60.0,
    'requests': 10,
    'codes': {'OK': 9, 'TIMEOUT': 1},
    'without_reply': 0,
    'mispaired': 0,
    'events_out_of_order': 0,
    'rss_slope_mb_per_10min': 0.1,
    'threads': [30, 31],
    'files': [20, 20],
    'end_s': 1.0,
    'exit_code': 0,
    'shared_memory_left': [],
    'processes_left': [],
}


def test_every_request_of_eight_clients_has_its_own_reply_whatever_happens() -> None:
    result = soak(12.0, every_s=3.0, seed=1)
    # How fast a node ends says little while other tests run.
    wrong = [line for line in faults_of(result) if not line.startswith('SIGTERM')]
    assert wrong == [], result
    assert result['requests'] > 30
    assert result['standing_answered'] > 0
    assert {'kills_of_the_model', 'loops', 'drop-outs'} & set(result)


@pytest.mark.parametrize(
    ('change', 'wrong'),
    [
        ({}, []),
        ({'without_reply': 1}, ['without_reply = 1']),
        ({'mispaired': 2}, ['mispaired = 2']),
        ({'threads': [30, 60]}, ['threads have grown from 30 to 60']),
        ({'end_s': 2.5}, ['SIGTERM took 2.5 s']),
        ({'processes_left': [7]}, ['processes_left = [7]']),
        ({'codes': {'TIMEOUT': 10}}, ['nothing was answered']),
        ({'rss_slope_mb_per_10min': 3.0}, ['memory grows by 3.0 MB in 10 minutes']),
        ({'rss_slope_mb_per_10min': 3.0, 'minutes': 5.0}, []),
    ],
)
def test_what_is_wrong_with_a_result(change: dict[str, Any], wrong: list[str]) -> None:
    assert faults_of({**SOUND, **change}) == wrong


def reply(query: str, label: str, query_id: str) -> Any:
    points = SimpleNamespace(query=query, label=label, query_id=query_id)
    return SimpleNamespace(error_code=0, error_msg='', points=points)


@pytest.mark.parametrize(
    ('answer', 'mispaired'),
    [
        (reply('Where is mark-1?', 'mark-1', 'b'), 0),
        (reply('Where is mark-2?', 'mark-1', 'b'), 1),
        (reply('Where is mark-1?', 'mark-2', 'b'), 1),
        (reply('Where is mark-1?', 'mark-1', 'a'), 1),
    ],
    ids=['own', 'text of another', 'answer to another', 'id of another'],
)
def test_answer_that_belongs_to_another_question_is_noted(answer: Any, mispaired: int) -> None:
    tally = Tally()
    tally.note('Where is mark-0?', 'mark-0', reply('Where is mark-0?', 'mark-0', 'a'), 0.1)
    tally.note('Where is mark-1?', 'mark-1', answer, 0.1)
    assert len(tally.mispaired) == mispaired


def test_memory_slope_is_that_of_the_time_after_the_first_quarter() -> None:
    meter = Meter(os.getpid())
    meter.stop()
    # It rises fast at first, and then by 6 MB in 10 minutes.
    megabytes = [i * 5.0 if i < 10 else 50 + (i - 10) * 0.01 for i in range(41)]
    meter.samples = [Sample(float(i), mb, 1, 1) for i, mb in enumerate(megabytes)]
    assert meter.slope_mb_per_10min() == pytest.approx(6.0, rel=1e-6)
    meter.samples = meter.samples[:2]
    assert math.isnan(meter.slope_mb_per_10min())


def test_sample_of_a_process_and_of_none() -> None:
    taken = sample(os.getpid())
    assert taken.resident_mb > 10
    assert taken.threads >= 1
    assert taken.files > 2
    ended = subprocess.Popen([sys.executable, '-c', ''])
    ended.wait()
    with pytest.raises(OSError, match=str(ended.pid)):
        sample(ended.pid)
