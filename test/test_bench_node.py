# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`make bench-node` in short: it runs, and prints what it promises. No time is judged."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')
pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")

from bench.node.__main__ import figures, worst
from bench.node.ours import CallbackTimes
from bench.node.usage import Memory, MemoryWatch, child_of, cpu_s, memory

ROOT = Path(__file__).parents[1]
PROMISED = {'lost', 'callback_p99_ms', 'cpu_ratio', 'rss_slope_mb_per_10min', 'answer_p95_ms'}


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['jpeg', 'raw', 'h264'])
def test_the_last_line_holds_every_promised_figure(kind: str) -> None:
    command = [sys.executable, '-m', 'bench.node', '--minutes', '0.13', '--kind', kind]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout.splitlines()[-1])
    assert set(record) > PROMISED
    details = record[kind]
    assert 0 < details['received'] <= details['published']
    assert details['received_by_plain'] > 0
    assert details['failed'] == 0
    assert details['answers'] > 0, details['answer_errors']
    assert details['answer_errors'] == []
    assert record['answer_p95_ms'] > 0
    assert (details.get('video_images', 0) > 0) == (kind == 'h264')
    assert details.get('video_images_wrong', 0) == 0
    assert all(share > 0 for share in details['cpu_percent'].values())
    # Too short to say.
    assert record['rss_slope_mb_per_10min'] is None


def test_lost_are_those_that_neither_came_nor_were_told_of() -> None:
    ours = {
        'received': {'a': 90, 'b': 80}, 'failed': {'a': 0, 'b': 1}, 'dds_lost': {'a': 8, 'b': 20},
        'callback_p50_ms': 0.1, 'callback_p99_ms': 0.2,
    }  # fmt: skip
    used = {'ours': 1.7, 'plain': 2.0, 'model': 1.0}
    record = figures({'a': 100, 'b': 100}, ours, {'received': {'a': 50, 'b': 50}}, used, 10.0)
    assert (record['published'], record['received'], record['lost']) == (200, 170, 2)
    assert record['failed'] == 1
    # 10 ms an image in place of 20.
    assert record['cpu_ratio'] == 0.5
    assert record['cpu_percent'] == {'ours': 17.0, 'plain': 20.0, 'model': 10.0}


def test_worst_figure_of_both_kinds_counts_and_none_is_not_known() -> None:
    records = [
        {'lost': 0, 'callback_p99_ms': 2, 'cpu_ratio': 0.1, 'rss_slope_mb_per_10min': None},
        {'lost': 1, 'callback_p99_ms': 1, 'cpu_ratio': 0.4, 'rss_slope_mb_per_10min': 0.1},
    ]
    for record in records:
        record['answer_p95_ms'] = 5
    assert worst(records) == {
        'lost': 1, 'callback_p99_ms': 2, 'cpu_ratio': 0.4, 'rss_slope_mb_per_10min': None,
        'answer_p95_ms': 5,
    }  # fmt: skip


def test_callback_times_are_known_to_ten_microseconds() -> None:
    times = CallbackTimes()
    assert math.isnan(times.quantile_ms(0.5))
    for microseconds in range(1000):
        times.note(microseconds * 1000)
    times.note(10**12)
    assert times.quantile_ms(0.5) == pytest.approx(0.5, abs=0.011)
    assert times.quantile_ms(0.99) == pytest.approx(0.99, abs=0.011)
    assert times.quantile_ms(1.0) == 1000.0


def test_usage_of_this_process_and_its_child() -> None:
    before_s = cpu_s(os.getpid())
    # A shell has the one child that it is told to start; this process may have others.
    with subprocess.Popen(
        ['sh', '-c', 'sleep 60 & echo $!; wait'], stdout=subprocess.PIPE, text=True
    ) as shell:
        assert shell.stdout is not None
        child = int(shell.stdout.readline())
        assert child_of(shell.pid) == child
        assert child_of(child) == 0
        os.kill(child, signal.SIGKILL)
    assert cpu_s(os.getpid()) >= before_s > 0
    assert cpu_s(2**22 - 1) == 0.0
    assert memory(os.getpid()).resident_mb > 10
    assert 0 <= memory(os.getpid()).shared_mb < memory(os.getpid()).own_mb


def test_growth_of_memory_is_told_after_a_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryWatch, '_watch', lambda _: None)
    watch = MemoryWatch(os.getpid())
    watch.end()
    # It grows fast for three minutes, then by 0.001 MB a second; what is shared, by 0.0005.
    watch._samples = [
        (s, Memory(100 + min(s, 180) + 0.001 * s, 10 + 0.0005 * s)) for s in map(float, range(440))
    ]
    assert watch.slope_mb_per_10min() == pytest.approx(0.6)
    assert watch.slope_mb_per_10min('own_mb') == pytest.approx(0.3)
    assert watch.each_5min_mb('shared_mb') == pytest.approx([10.075], abs=0.01)
    # The last two minutes are no five.
    assert watch.each_5min_mb() == pytest.approx([249.65], abs=0.1)
    watch._samples = watch._samples[:400]
    assert watch.slope_mb_per_10min() is None
    watch._samples = []
    assert watch.each_5min_mb() == []
    assert watch.slope_mb_per_10min() is None
