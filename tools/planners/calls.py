# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The client from threads, callbacks and coroutines, the command for the shell, the README."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from std_srvs.srv import Trigger

from molmo_ground_ros.client import GroundClient, QuestionFailed
from molmo_ground_ros.errors import ErrorCode
from molmo_ground_ros.types import Answer
from tools.node_process import ROOT
from tools.planners.row import must
from tools.planners.table import QUESTION, Table, wait

# A point belongs to a grasp if it is this close to it in time.
MATCH_S = 0.75
_TIMEOUT_S = 60


def near_the_grasps(table: Table, stamps_ns: Iterable[int]) -> str:
    """Hold stamps to the grasps, one to each; returns how far they are off."""
    stamps = sorted(stamps_ns)
    must(len(stamps) == table.parts, f'{len(stamps)} points for {table.parts} grasps')
    off_s = [abs(stamp - grasp) / 1e9 for stamp, grasp in zip(stamps, table.grasps_ns, strict=True)]
    must(max(off_s) < MATCH_S, f'off by {max(off_s):.2f} s')
    return f'{len(stamps)} grasps, off by {max(off_s):.2f} s at most'


def client(table: Table) -> str:
    """A plain thread asks, and is told of progress and errors."""
    stages: list[str] = []
    with GroundClient(table.node) as ground:
        answer = ground.ask(QUESTION, on_progress=lambda stage, _: stages.append(stage))
        must(answer.count == table.parts, f'count {answer.count}')
        must(all(point.position for point in answer.points), 'a point has no position')
        try:
            ground.ask(QUESTION, camera='roof')
        except QuestionFailed as error:
            must(error.code is ErrorCode.BAD_REQUEST, error.code.name)
        else:
            must(False, 'an unknown camera is no error')
    return near_the_grasps(table, (point.stamp_ns for point in answer.points))


def callback(table: Table) -> str:
    """A callback of an executor with one thread asks and waits."""
    answers: list[Answer] = []
    with GroundClient(table.node) as ground:

        def on_trigger(_: Any, response: Any) -> Any:
            answers.append(ground.ask(QUESTION))
            response.success = True
            return response

        # The executor of table.node has one thread, which the callback holds up.
        service = table.node.create_service(Trigger, 'trigger', on_trigger)
        caller = table.node.create_client(Trigger, 'trigger')
        wait(caller.service_is_ready, 'the service')
        done = caller.call_async(Trigger.Request())
        wait(done.done, 'the callback')
        table.node.destroy_client(caller)
        table.node.destroy_service(service)
    return f'count {answers[0].count}'


def coroutines(table: Table) -> str:
    """Two coroutines of asyncio ask side by side."""
    with GroundClient(table.node) as ground:

        async def both() -> list[Answer]:
            questions = ground.ask_async(QUESTION), ground.ask_async(QUESTION)
            return list(await asyncio.gather(*questions))

        counts = [answer.count for answer in asyncio.run(both())]
    must(counts == [table.parts] * 2, f'counts {counts}')
    return f'counts {counts}'


def readme_program() -> str:
    """The program of the README that a planner begins with."""
    blocks = (ROOT / 'README.md').read_text().split('```python\n')[1:]
    (program,) = [
        text for text in (block.split('```')[0] for block in blocks) if 'rclpy.init()' in text
    ]
    return program


def stranger(table: Table) -> str:
    """The program of the README, pasted into a file, gives the grasps."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / 'planner.py'
        file.write_text(readme_program())
        lines = _run(table, [str(file)]).splitlines()
    must(lines[0] == f'count: {table.parts}', lines[0])
    near_the_grasps(table, (int(line.split()[0]) for line in lines[1:]))
    return (
        f'{len(readme_program().strip().splitlines())} lines, {lines[0]}, {len(lines) - 1} points'
    )


def shell(table: Table) -> str:
    """The command prints a table, and one object with --json; an error has its exit code."""
    ask = ['-m', 'molmo_ground_ros.ros.ask', QUESTION]
    first = _run(table, ask).splitlines()[0]
    must(first == f'count: {table.parts}', first)
    record = json.loads(_run(table, [*ask, '--json']))
    near_the_grasps(table, (point['stamp_ns'] for point in record['points']))
    _run(table, [*ask, '--camera', 'roof'], code=1)
    return 'a table, JSON, exit codes 0 and 1'


def _run(table: Table, words: list[str], code: int = 0) -> str:
    """What a Python program prints that asks the node of the table."""
    del table
    ended = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=_TIMEOUT_S,
        check=False,
    )  # fmt: skip
    must(ended.returncode == code, f'exit code {ended.returncode}: {ended.stderr[-300:]}')
    return ended.stdout
