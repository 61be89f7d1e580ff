# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node as a process of its own: its settings, its start and end, its log."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# The node ends within 2 s of SIGTERM.
END_S = 2.0
# Stands for the node's folder in a setting.
FOLDER = '{folder}'
_NAMES = itertools.count(1)
_LOADED = re.compile(r'loaded model .* in ([\d.]+) s')


@dataclass(frozen=True, slots=True)
class NodeSetup:
    """How a node is started. Faults with equal setups share a node while it is well.

    settings: parameters that differ from `node_process.SETTINGS`. environment: variables.
    alone: for one fault alone. topic: of the one camera, where faults must share it; '' gives each
    fault a camera of its own. full_disk: its logs and its state file lie on a disk that is full.
    """

    settings: tuple[tuple[str, Any], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    alone: bool = False
    topic: str = ''
    full_disk: bool = False


DEFAULT = NodeSetup()
# Quick diagnostics, and little patience with a model that hangs.
SETTINGS: Mapping[str, Any] = {
    'backend': 'replay',
    'diagnostics_period_seconds': 0.1,
    'stuck_seconds': 0.5,
    'queries_per_minute': 0,
    'timeout_seconds': 10.0,
}


@dataclass(slots=True)
class NodeProcess:
    """A node that was started. folder: for its log and the orders to its model."""

    setup: NodeSetup
    folder: Path
    name: str = ''
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        """Start it, under a name that no node had before: one that ended is seen for a while."""
        self.name = self.name or f'ground_{os.getpid()}_{next(_NAMES)}'
        self.folder.mkdir(parents=True, exist_ok=True)
        values = {**SETTINGS, 'model': self.model, **dict(self.setup.settings)}
        if self.setup.topic:
            values['image_topics'] = [self.setup.topic]
        environment = dict(self.setup.environment)
        if self.setup.full_disk:
            values['state_file'] = f'{FOLDER}/disk/state.json'
            environment['ROS_LOG_DIR'] = str(self.folder / 'disk')
        command = [sys.executable, '-m', 'tools.faults.scripted_node', '--ros-args']
        command += ['-r', f'__node:={self.name}']
        for name, value in values.items():
            text = value if isinstance(value, str) else json.dumps(value)
            command += ['-p', f'{name}:={text.replace(FOLDER, str(self.folder))}']
        if self.setup.full_disk:
            command = on_full_disk(self.folder / 'disk', command)
        with self._log.open('ab') as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, 'HF_HUB_OFFLINE': '1', **environment},
                stdout=log,
                stderr=log,
            )

    @property
    def model(self) -> str:
        """The model that it loads."""
        return f'scripted:{self.folder}'

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    @property
    def load_s(self) -> float:
        """How long the newest load of a model took, as the node's log says; 0 before the first."""
        times = _LOADED.findall(self.log())
        return float(times[-1]) if times else 0.0

    def log(self) -> str:
        """What it has written to the console."""
        return self._log.read_text(errors='backslashreplace')

    def order(self, step: str, order: str) -> None:
        """Let the scripted model do this when it is loaded, prepares a frame or is closed."""
        path = self.folder / step
        if order:
            path.write_text(order)
        else:
            path.unlink(missing_ok=True)

    def clear_orders(self) -> None:
        """Let the scripted model do all steps as it should."""
        for step in ('load', 'prepare', 'close'):
            self.order(step, '')

    def children(self) -> list[int]:
        """The processes that it has started and that have not ended."""
        pids = []
        for task in Path(f'/proc/{self.process.pid}/task').glob('*/children'):
            pids += [int(pid) for pid in task.read_text().split()]
        return pids

    def end(self, number: signal.Signals = signal.SIGTERM, patience_s: float = 10.0) -> float:
        """End it with a signal; returns the seconds that took. Kills it after `patience_s`."""
        began = time.monotonic()
        if self.lives:
            self.process.send_signal(number)
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - began

    @property
    def _log(self) -> Path:
        return self.folder / 'log.txt'


def on_full_disk(folder: Path, command: Sequence[str]) -> list[str]:
    """A command that runs another, for which a folder is a disk without room."""
    folder.mkdir(exist_ok=True)
    script = (
        f'mount -t tmpfs -o size=64k none {shlex.quote(str(folder))} && '
        f'(cat /dev/zero > {shlex.quote(str(folder / "filler"))} 2>/dev/null; true) && '
        f'exec {shlex.join(command)}'
    )
    return ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', script]


def can_fill_disks() -> bool:
    """Whether a process of ours may have a disk of its own."""
    command = ['unshare', '--user', '--map-root-user', '--mount', 'true']
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def runs(pid: int) -> bool:
    """Whether a process has not ended. One that has may wait for its parent to take note."""
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
    except FileNotFoundError:
        return False
    return state != 'Z'
