# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Soak one node: random questions of eight clients under trouble. One line of JSON at the end.

Exit code 1 if a request had no reply, an answer was that to another's question, events came out of
order, or the node leaves or gathers anything.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import rclpy
from rclpy.context import Context

from tools.faults.camera import Camera
from tools.faults.node_process import END_S, NodeProcess, NodeSetup, runs
from tools.faults.planner import START_S, Planner, wait_until
from tools.soak.askers import Asker, Tally
from tools.soak.events import Standing
from tools.soak.meter import Meter, Sample, is_mapped, sample, shared_memory
from tools.soak.trouble import Film, Trouble

CLIENTS = 8
CAMERAS = ['/soak/left', '/soak/right']
STANDING = 2
SETTINGS: Mapping[str, Any] = {
    'image_topics': CAMERAS,
    'queue_size': 8,
    'buffer_seconds': 10.0,
    # Full within seconds, so that memory which grows is not that of the cache.
    'decoded_megabytes': 0.2,
}
# Memory counts from here on: before, caches fill.
WARM_S = 5.0
# Threads and files that may be there at one time and not at another.
SLACK = 4
# Memory is judged where the time is long enough to tell growth from noise.
JUDGED_MINUTES = 30.0
MOST_MB_PER_10MIN = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak for as long as the arguments say; returns the exit code."""
    parser = argparse.ArgumentParser(prog='make soak', description=__doc__)
    parser.add_argument('--minutes', type=float, default=60.0)
    parser.add_argument('--every', type=float, default=10.0, help='seconds from trouble to trouble')
    parser.add_argument('--seed', type=int, default=0)
    options = parser.parse_args(arguments)
    # The node ends with this process, however it is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    result = soak(options.minutes * 60, options.every, options.seed)
    wrong = faults_of(result)
    for line in wrong:
        print(f'wrong: {line}', file=sys.stderr)
    print(json.dumps({**result, 'passed': not wrong}))
    return int(bool(wrong))


def soak(seconds: float, every_s: float, seed: int) -> dict[str, Any]:
    """Run a node for so long; returns what came of it."""
    tally = Tally()
    with ExitStack() as undo:
        folder = undo.enter_context(tempfile.TemporaryDirectory(prefix='soak_'))
        context = Context()
        rclpy.init(context=context)
        undo.callback(rclpy.shutdown, context=context)
        node = NodeProcess(NodeSetup(tuple(SETTINGS.items())), Path(folder))
        undo.callback(node.end)
        planners = [Planner(f'client_{i}', context, hears=i == 0) for i in range(CLIENTS)]
        for planner in planners:
            undo.callback(planner.close)
            planner.turn_to(node.name)
        films = [Film(Camera(planners[0].node, topic)) for topic in CAMERAS]
        wait_until(lambda: _is_ready(planners[0]), 'the model', START_S)
        standing = Standing(planners[0], node.name, STANDING)
        askers = [Asker(i, planner, CAMERAS, tally, seed) for i, planner in enumerate(planners)]
        time.sleep(min(WARM_S, seconds / 4))
        meter, before = Meter(node.process.pid), sample(node.process.pid)
        trouble = Trouble(node, films, every_s, seed)
        time.sleep(seconds)
        _stop(trouble, askers)
        answers = _standing_values(standing)
        for film in films:
            film.stop()
        meter.stop()
        time.sleep(1.0)
        after = sample(node.process.pid)
        return {
            'minutes': round(seconds / 60, 2),
            'clients': CLIENTS,
            **_request_values(tally),
            **answers,
            **{name.replace(' ', '_'): count for name, count in trouble.counts.items()},
            **_node_values(before, after, meter),
            **_end_values(node),
        }


def _is_ready(planner: Planner) -> bool:
    status = next(iter(planner.statuses('model')), None)
    return status is not None and status.message == 'ready'


def _stop(trouble: Trouble, askers: Sequence[Asker]) -> None:
    """Let the askers get their last replies."""
    trouble.stop()
    for asker in askers:
        asker.stop()
    for asker in askers:
        asker.join()


def _request_values(tally: Tally) -> dict[str, Any]:
    return {
        'requests': tally.requests,
        'codes': dict(tally.codes),
        'without_reply': len(tally.unanswered),
        'mispaired': len(tally.mispaired),
        'slowest_s': round(tally.slowest_s, 2),
        'examples': [*tally.unanswered[:3], *tally.mispaired[:3]],
    }


def _standing_values(standing: Standing) -> dict[str, Any]:
    queries = standing.statuses()
    return {
        'standing_answered': sum(query.answered for query in queries),
        'standing_skipped': sum(query.skipped for query in queries),
        'events': standing.events,
        'events_out_of_order': standing.out_of_order,
    }


def _node_values(before: Sample, after: Sample, meter: Meter) -> dict[str, Any]:
    slope = meter.slope_mb_per_10min()
    return {
        'rss_mb': [round(before.resident_mb, 1), round(after.resident_mb, 1)],
        'rss_slope_mb_per_10min': None if math.isnan(slope) else round(slope, 2),
        'threads': [before.threads, after.threads],
        'files': [before.files, after.files],
    }


def _end_values(node: NodeProcess) -> dict[str, Any]:
    """What ending the node leaves."""
    shared, children = shared_memory(node.process.pid), node.children()
    seconds = node.end()
    time.sleep(0.5)
    return {
        'end_s': round(seconds, 2),
        'exit_code': node.process.returncode,
        'shared_memory_left': sorted(
            str(path) for path in shared if path.exists() and not is_mapped(path)
        ),
        'processes_left': [pid for pid in children if runs(pid)],
    }


def faults_of(result: Mapping[str, Any]) -> list[str]:
    """What is wrong with a result; empty if nothing is."""
    wrong = [
        f'{name} = {result[name]}'
        for name in (
            *('without_reply', 'mispaired', 'events_out_of_order', 'exit_code'),
            *('shared_memory_left', 'processes_left'),
        )
        if result[name]
    ]
    for name in ('threads', 'files'):
        first, last = result[name]
        if last > first + SLACK:
            wrong.append(f'{name} have grown from {first} to {last}')
    if result['end_s'] > END_S:
        wrong.append(f'SIGTERM took {result["end_s"]} s')
    if not result['requests'] or not result['codes'].get('OK'):
        wrong.append('nothing was answered')
    slope = result['rss_slope_mb_per_10min']
    if result['minutes'] >= JUDGED_MINUTES and (slope is None or slope > MOST_MB_PER_10MIN):
        wrong.append(f'memory grows by {slope} MB in 10 minutes')
    return wrong


if __name__ == '__main__':
    sys.exit(main())
