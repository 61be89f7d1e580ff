# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of a user on a checkpoint, and compares what they say with what they take."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmo_ground_ros.backends.molmo2.trt.plans import delete_plan, read_plans
from molmo_ground_ros.frames.windows import MAX_WINDOW_NS
from tools.rehearsal.watch import Taken, run

CLI = (sys.executable, '-m', 'molmo_ground_ros.cli')
WINDOW_S, LONGEST_S = 16, MAX_WINDOW_NS // 10**9
# A GPU that is not here is built for; it has fp8 from 8.9 on.
CAPABILITIES = ('SM86', 'SM89', 'SM120')
ENGINE_DTYPES = ('int4', 'int8', 'fp8')
_WITHOUT_FP8 = ('SM86',)
# The words of a refusal, and of its exit code.
_REFUSED = 2
_UNITS = {'kB': 1e3, 'MB': 1e6, 'GB': 1e9}
_OFFLINE = {'HF_HUB_OFFLINE': '1'}


@dataclass(frozen=True, slots=True)
class Said:
    """What `build --dry-run` says: bytes of memory to run and to build, and of disk."""

    running: float
    building: float
    disk: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that must be refused, and the words that it must say."""

    name: str
    arguments: tuple[str, ...]
    words: str


def plan(
    folder: Path, backend: str, dtype: str, capability: str = '', window_s: float = WINDOW_S
) -> Said:
    """What a build says before it begins. Raises ValueError where it says something else."""
    command = (*_command(folder, backend, dtype, capability, window_s), '--dry-run')
    return read_plan(run(command, folder, _OFFLINE).output)


def build(folder: Path, backend: str, dtype: str, capability: str) -> Taken:
    """Build, and what that took."""
    return run(_command(folder, backend, dtype, capability), folder, _OFFLINE)


def delete_decoder_plans(folder: Path) -> None:
    """Delete the plans of decoders, which nothing here goes on to use."""
    for plan in read_plans(folder)[0]:
        if plan.recipe.part == 'decoder':
            delete_plan(plan.file.path)


def _command(
    folder: Path, backend: str, dtype: str, capability: str, window_s: float = WINDOW_S
) -> Sequence[str]:
    target = ('--capability', capability) if capability else ()
    options = ('--backend', backend, '--dtype', dtype, '--window', str(window_s))
    return (*CLI, 'build', str(folder), *options, *target)


def has_format(capability: str, dtype: str) -> bool:
    """Whether GPUs of a compute capability have a number format."""
    return dtype != 'fp8' or capability not in _WITHOUT_FP8


def read_plan(text: str) -> Said:
    """What a dry run printed. Raises ValueError for another text."""
    return Said(*(_bytes_of(text, name) for name in ('memory', 'building', 'disk')))


def doctor(folder: Path) -> tuple[dict[str, Any], Taken]:
    """The report of `doctor` on this machine, and what it took. Raises ValueError."""
    taken = run([*CLI, 'doctor', '--model', str(folder), '--json'], folder, _OFFLINE)
    # Warnings of packages may come before it.
    return json.loads(taken.output.strip().splitlines()[-1]), taken


def refusals(folder: Path, free: int) -> Sequence[Refusal]:
    """What will not run here, because of memory, a missing GPU or a missing format.

    free: bytes of memory. What fits into them is not in the list: it would be built.
    """
    base = ('build', str(folder), '--backend')
    options = ('--dtype', 'float32', '--window', str(LONGEST_S))
    large = Refusal('float32 on a CPU', (*base, 'onnx', *options), 'needed')
    fits = plan(folder, 'onnx', 'float32', window_s=LONGEST_S).running <= free
    return (
        Refusal(
            'engines for a GPU that is not here', (*base, 'tensorrt', '--dtype', 'int4'), 'GPU'
        ),
        Refusal('fp8 on a CPU', (*base, 'onnx', '--dtype', 'fp8'), 'onnx has float32'),
        *(() if fits else (large,)),
        Refusal(
            'a window that is longer than any',
            (*base, 'onnx', '--dtype', 'int4', '--window', str(LONGEST_S + 1)),
            'not in 0.5 to 63 s',
        ),
    )


def is_refused(refusal: Refusal, folder: Path) -> tuple[bool, Taken]:
    """Whether a command was refused as it must be, without a traceback and without a new file."""
    taken = run([*CLI, *refusal.arguments], folder, _OFFLINE)
    words = refusal.words in taken.output and 'Traceback' not in taken.output
    return words and taken.code in (1, _REFUSED) and not taken.disk_bytes, taken


def _bytes_of(text: str, name: str) -> float:
    found = re.search(rf'^{name} +(?:about )?([0-9.]+) ([kMG]B)', text, re.MULTILINE)
    if found is None:
        raise ValueError(f'the plan says nothing of {name}: {text[-300:]!r}')
    return float(found[1]) * _UNITS[found[2]]
