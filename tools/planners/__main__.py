# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Try all that planners and agents call: a row for each, then `N passed, N failed`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from molmo_ground_ros.client import GroundClient
from tools.planners import agents, calls, topics
from tools.planners.row import Outcome, Row, text_of, tried
from tools.planners.table import QUESTION, Table, table


def _mission(at: Table) -> str:
    # py_trees is an extra, and the row says so where it is missing.
    from tools.planners.mission import run_mission

    return run_mission(at)


FIRST = Row('mission', 'py_trees: place until grasped three times', _mission, 'py_trees', True)
ROWS = (
    Row('client', 'ask from a thread: count, stamps, metres, an error', calls.client, quick=True),
    Row('callback', 'ask in a callback of an executor with one thread', calls.callback),
    Row('coroutines', 'ask from two coroutines of asyncio', calls.coroutines),
    Row('readme', 'the program of the README in a file', calls.stranger, quick=True),
    Row('shell', 'the command: table, JSON, exit codes', calls.shell),
    Row('detections', '~/detections', topics.detections, 'vision_msgs'),
    Row('detections-3d', '~/detections_3d', topics.detections_in_metres, 'vision_msgs'),
    Row('point', '~/point', topics.best_point),
    Row('mcp-node', 'an agent over the node, stdio', agents.over_the_node, 'mcp'),
    Row('mcp-recordings', 'an agent over recordings, HTTP', agents.over_recordings, 'mcp'),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try all rows; returns the exit code."""
    parser = argparse.ArgumentParser(prog='make planners', description=__doc__)
    parser.add_argument('--quick', action='store_true', help='the short form that the tests run')
    options = parser.parse_args(arguments)
    # The node ends with this process, however it is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with TemporaryDirectory() as folder:
        log = Path(folder) / 'node.log'
        try:
            outcomes = _tried(log, quick=options.quick)
        except TimeoutError as error:
            print(log.read_text(), file=sys.stderr)
            print(f'planners: {error}', file=sys.stderr)
            return 1
    print(text_of(outcomes))
    return int(any(outcome.passed is False for outcome in outcomes))


def _tried(log: Path, *, quick: bool) -> list[Outcome]:
    with table(log) as at, GroundClient(at.node) as ground, ground.watch(QUESTION) as stream:
        events = topics.Events(at, stream)
        at.watched = stream
        outcomes = [_told(tried(FIRST, at))]
        # What the mission did not play, if it failed.
        at.place_all()
        live = (
            Row('events', 'watch: each grasp as it happens', events.live),
            Row('events-json', '~/events_json', events.as_json),
        )
        rows = [row for row in (*live, *ROWS) if row.quick or not quick]
        return outcomes + [_told(tried(row, at)) for row in rows]


def _told(outcome: Outcome) -> Outcome:
    """The outcome, of which a person is told at once."""
    print(f'{outcome.row.name} ...', file=sys.stderr, flush=True)
    return outcome


if __name__ == '__main__':
    sys.exit(main())
