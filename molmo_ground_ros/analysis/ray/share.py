# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How many workers there are, and what each of them takes. Knows nothing of Ray.

What is written here for GPUs was never run on one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from molmo_ground_ros.errors import BadSetting

# Ray counts CPUs and GPUs in ten-thousandths.
_PARTS = 10_000
# These backends use a GPU if there is one.
_ON_A_GPU = ('torch', 'transformers')
_ONLY_ON_A_GPU = ('tensorrt',)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine of the cluster offers."""

    cpus: float
    gpus: float


@dataclass(frozen=True, slots=True)
class Share:
    """Workers, and what Ray sets aside for each."""

    workers: int
    cpus: float
    gpus: float
    # Threads of the backend; 0 leaves the choice to its library.
    threads: int


def on_gpu(backend: str, device: str, machines: Sequence[Machine]) -> bool:
    """Whether each worker needs a GPU. Raises BadSetting for a GPU of a certain number."""
    if ':' in device:
        why = 'with --ray each worker is given a GPU of its own, which is always: cuda'
        raise BadSetting('device', device, why)
    if device == 'auto':
        any_gpu = any(machine.gpus for machine in machines)
        return backend in _ONLY_ON_A_GPU or (backend in _ON_A_GPU and any_gpu)
    return device != 'cpu'


def share(machines: Sequence[Machine], number: int, threads: int, *, gpu: bool) -> Share:
    """How many workers there are, and what each takes.

    number: of workers. 0 stands for one worker for each GPU, or as many as the CPUs have room for.
    On CPUs a worker has `threads` threads and a CPU for each. If `threads` is 0 it has one, or, if
    a number of workers is given, its part of all CPUs. If there are more workers than there is room
    for, they share CPUs or GPUs, at the user's risk. Raises BadSetting if there is no room for one.
    """
    if gpu:
        gpus = sum(int(machine.gpus) for machine in machines)
        if not gpus:
            raise BadSetting('ray-workers', number, 'the backend needs a GPU, and Ray has none')
        workers = number or gpus
        cpus = _part(sum(machine.cpus for machine in machines) / workers)
        return Share(workers, min(1.0, cpus), 1.0 if workers <= gpus else _part(gpus / workers),
                     threads)  # fmt: skip
    total = sum(machine.cpus for machine in machines)
    each = threads or (max(1, int(total // number)) if number else 1)
    room = _room(machines, each)
    if not number and not room:
        raise BadSetting('threads', threads, 'no machine of the cluster has as many CPUs')
    workers = number or room
    return Share(workers, each if workers <= room else min(1.0, _part(total / workers)), 0.0, each)


def _room(machines: Sequence[Machine], cpus: int) -> int:
    return sum(int(machine.cpus // cpus) for machine in machines)


def _part(number: float) -> float:
    """Rounded down to what Ray can count."""
    return math.floor(number * _PARTS) / _PARTS
