# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`make bench-node`: four cameras of 30 Hz and 1280x720, as JPEG and raw, into two nodes at once.

Ours runs the shipped model, which is asked every two seconds and has two standing questions. The
plain node decodes every image, but is stopped for one second at the start (see `lag`). The last
line is one JSON object with the worse figure of the two kinds of images:

lost                   images that reached our node's middleware and not its buffers
callback_p99_ms        of our image callbacks
cpu_ratio              time of processors an image, ours / plain; the model's process apart
rss_slope_mb_per_10min growth of our node's memory after five minutes; null in a short run
rss_mb_each_5min       its median in each five minutes
own_slope_mb_per_10min growth without shared_mb_each_5min, the middleware's memory between processes
answer_p95_ms          from question to reply

`--kind h264` sends video in its place: foxglove_msgs/CompressedVideo with a keyframe every 2.2 s.
Every image that our node decodes is then compared with what decoding the video offline gives.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from bench.inputs import ROOT
from bench.node.film import digests, packets
from bench.node.transports import large_images
from bench.node.usage import MemoryWatch, child_of, cpu_s
from tools.node_process import end

KINDS = ('jpeg', 'raw', 'h264')
USUAL = KINDS[:2]
CAMERAS = 4
# Raw images of four cameras in buffers of 30 s would take 3.3 GB.
RAW_BUFFER_MB = 256.0
_END_S = 30.0
# The segment has room for twelve raw images: a tenth of a second of four cameras.
_BEFORE_LAG_S, _LAG_S = 5.0, 1.0


def main() -> int:
    """Measure each kind of images in turn."""
    parser = argparse.ArgumentParser(prog='python -m bench.node')
    parser.add_argument('--minutes', type=float, default=30.0, help='of each kind of images')
    parser.add_argument('--kind', choices=KINDS, action='append', help='only this kind')
    options = parser.parse_args()
    os.environ['ROS_DOMAIN_ID'] = str(random.SystemRandom().randint(1, 100))
    with large_images():
        records = {kind: measure(kind, 60 * options.minutes) for kind in options.kind or USUAL}
    for record in records.values():
        print(json.dumps(record))
    print(json.dumps({**worst(list(records.values())), 'minutes': options.minutes, **records}))
    return 0


def worst(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The worst of each figure that there is a bar for; None where a record lacks it."""
    names = ('lost', 'callback_p99_ms', 'cpu_ratio', 'rss_slope_mb_per_10min', 'answer_p95_ms')
    columns = {name: [record[name] for record in records] for name in names}
    return {name: None if None in column else max(column) for name, column in columns.items()}


def measure(kind: str, seconds: float) -> dict[str, Any]:
    """All figures for one kind of images."""
    import rclpy

    from bench.node.asker import Asker

    ending = {'jpeg': '/compressed', 'raw': '', 'h264': '/foxglove'}[kind]
    topics = [f'/bench/camera_{number}/image{ending}' for number in range(CAMERAS)]
    names = [f'camera_{number}' for number in range(CAMERAS)]
    with (
        _started('ours', *_parameters(kind, topics, names)) as ours,
        _started('plain', kind, *topics) as plain,
    ):
        rclpy.init()
        asker = Asker(names)
        with _started('camera', kind, str(seconds), *topics) as cameras:
            _wait_line(cameras, 'begin')
            asker.begin()
            watch, model = MemoryWatch(ours.pid), child_of(ours.pid)
            pids = {'ours': ours.pid, 'plain': plain.pid, 'model': model}
            before = {name: cpu_s(pid) for name, pid in pids.items()}
            lag(plain.pid)
            published = json.loads(_line(cameras))
            used = {name: cpu_s(pid) - before[name] for name, pid in pids.items()}
            watch.end()
        asker.end()
        rclpy.shutdown()
        reports = [_ended(process) for process in (ours, plain)]
    return figures(published, reports[0], reports[1], used, seconds) | {
        'rss_slope_mb_per_10min': watch.slope_mb_per_10min(),
        'rss_mb_each_5min': watch.each_5min_mb(),
        'own_slope_mb_per_10min': watch.slope_mb_per_10min('own_mb'),
        'shared_mb_each_5min': watch.each_5min_mb('shared_mb'),
        'rss_peak_mb': round(watch.peak_mb),
        **_compared(reports[0]['images']),
        'answers': len(asker.latencies_s),
        'answer_p95_ms': _ms(asker.latencies_s, 95),
        'answer_errors': asker.errors[:3],
        'standing': asker.standing,
    }


def lag(pid: int) -> None:
    """Let the plain node lag, so that ours sees all of the memory which the cameras may use.

    The middleware of the cameras' process puts images into a segment of 33 MB, as far back as its
    slowest reader lags. A page of it counts for our node once it has looked at it. Once at the
    start, all of it is filled: what our node takes after that is its own growth.
    """
    time.sleep(_BEFORE_LAG_S)
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(_LAG_S)
    finally:
        os.kill(pid, signal.SIGCONT)


def figures(
    published: dict[str, int],
    ours: dict[str, Any],
    plain: dict[str, Any],
    used: dict[str, float],
    seconds: float,
) -> dict[str, Any]:
    """What came of the images. used: seconds of processors."""
    sent, received = sum(published.values()), sum(ours['received'].values())
    lost_by_dds = sum(ours['dds_lost'].values())
    of_plain = sum(plain['received'].values())
    by_image = [used['ours'] / max(received, 1), used['plain'] / max(of_plain, 1)]
    return {
        'published': sent,
        'received': received,
        'received_by_plain': of_plain,
        'received_by_camera': list(ours['received'].values()),
        'lost_by_dds': lost_by_dds,
        'lost': max(0, sent - lost_by_dds - received),
        'failed': sum(ours['failed'].values()),
        'callback_p50_ms': ours['callback_p50_ms'],
        'callback_p99_ms': ours['callback_p99_ms'],
        'cpu_ratio': round(by_image[0] / max(by_image[1], 1e-9), 3),
        'cpu_percent': {name: round(100 * value / seconds, 1) for name, value in used.items()},
    }


def _compared(images: Sequence[tuple[int, int]]) -> dict[str, int]:
    """How many different images of video were decoded, and how many are not those of the film."""
    if not images:
        return {}
    truth = digests(packets())
    wrong = [index for index, value in images if value != truth[index]]
    return {'video_images': len(images), 'video_images_wrong': len(wrong)}


def _parameters(kind: str, topics: Sequence[str], names: Sequence[str]) -> list[str]:
    parameters = {
        'backend': 'onnx',
        'model': str(ROOT / 'models' / 'tabletop'),
        'threads': '1',
        'image_topics': json.dumps(list(topics)),
        'camera_names': json.dumps(list(names)),
    }
    if kind == 'raw':
        parameters['buffer_megabytes'] = str(RAW_BUFFER_MB)
    words = ['--ros-args', '--log-level', 'warn']
    for name, value in parameters.items():
        words += ['-p', f'{name}:={value}']
    return words


@contextmanager
def _started(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, '-m', f'bench.node.{module}', *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        end(process, _END_S)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _wait_line(process: subprocess.Popen[str], text: str) -> None:
    while (line := _line(process)) != f'{text}\n':
        if not line:
            raise RuntimeError(f'process {process.pid} ended before it said {text!r}')


def _ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a process reports as it ends."""
    process.terminate()
    output, _ = process.communicate(timeout=_END_S)
    report: dict[str, Any] = json.loads(output.splitlines()[-1])
    return report


def _ms(latencies_s: Sequence[float], share: float) -> float | None:
    return round(1e3 * float(np.percentile(latencies_s, share)), 1) if latencies_s else None


if __name__ == '__main__':
    sys.exit(main())
