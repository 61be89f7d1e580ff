# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Memory and start of each backend, each time in a fresh process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.inputs import DEMO_QUESTION, ROOT
from bench.referee import DifferentTextError
from bench.rows import Row
from bench.timing import spread

_TIMEOUT_S = 300


def memory(folder: Path, names: Sequence[str], threads: int, times: int) -> list[Row]:
    """Rows of peak memory, start to ready and start to answer. All must give the same answer."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(times):
        for name in names:
            runs[name].append(_run(name, folder, threads))
    expected = runs[names[0]][0]['text']
    for name, results in runs.items():
        for result in results:
            if result['text'] != expected:
                raise DifferentTextError(name, DEMO_QUESTION, result['text'], expected)

    def row(key: str, title: str, unit: str, field: str) -> Row:
        cells = {
            name: spread([result[field] for result in results]) for name, results in runs.items()
        }
        return Row(key, title, unit, cells)

    return [
        row('peak_mb', 'demo process: peak resident memory', 'MB', 'peak_mb'),
        row('loaded_mb', 'demo process: resident memory when ready', 'MB', 'loaded_mb'),
        row('ready_s', 'demo process: start to ready', 's', 'ready_s'),
        row('answered_s', 'demo process: start to answer', 's', 'answered_s'),
    ]


def _run(name: str, folder: Path, threads: int) -> dict[str, Any]:
    """What one child says, its times counted from before it was started."""
    command = [sys.executable, '-m', 'bench.child', name, str(folder), str(threads)]
    began = time.monotonic()  # one clock for all processes of a machine
    process = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, 'HF_HUB_OFFLINE': '1'},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_TIMEOUT_S,
    )
    figures: dict[str, Any] = json.loads(process.stdout)
    for field in ('ready', 'answered'):
        figures[f'{field}_s'] = figures.pop(f'{field}_at_s') - began
    return figures
