# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Finds out which GPUs and which Jetson board a machine has, without CUDA or any package.

It reads the output of nvidia-smi, as documented, and the files of a Jetson. It was not tested on
either yet.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path('/')
_QUERY = 'name,compute_cap,memory.total,memory.free,driver_version'
_MEBIBYTE = 2**20
# nvidia-smi may wait for a driver that is still loading.
_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU; a field that nvidia-smi leaves out is '' or None."""

    name: str
    capability: str  # such as '8.6'
    total: int | None  # bytes
    free: int | None  # bytes
    driver: str


def ask(command: Sequence[str]) -> str:
    """Run a program and return its output. Raises OSError where it is missing or fails."""
    try:
        process = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
            errors='replace',
        )
    except subprocess.SubprocessError as err:
        raise OSError(f'{command[0]}: {err}') from err
    return process.stdout


def gpus(run: Callable[[Sequence[str]], str] = ask) -> list[Gpu]:
    """The GPUs that nvidia-smi lists. Raises OSError where it is missing, fails or lists none.

    On a Jetson it states no memory, because the GPU uses that of the machine.
    """
    text = run(['nvidia-smi', f'--query-gpu={_QUERY}', '--format=csv,noheader,nounits'])
    listed = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(',')]
        if len(fields) == len(_QUERY.split(',')):
            name, capability, total, free, driver = map(_stated, fields)
            listed.append(Gpu(name, capability, _mebibytes(total), _mebibytes(free), driver))
    if not listed:
        raise OSError(f'nvidia-smi lists no GPU: {" ".join(text.split())[:100]!r}')
    return listed


def jetson(root: Path = _ROOT) -> str:
    """The Jetson board and its L4T release; '' on another machine.

    root: the folder that stands for `/`, for tests.
    """
    model = _text(root / 'proc/device-tree/model').strip('\0 \n')
    release = _text(root / 'etc/nv_tegra_release').partition('\n')[0].strip('# ')
    if not release and not any(name in model for name in ('Jetson', 'Orin', 'Thor')):
        return ''
    return ', '.join(filter(None, (model, release)))


def _stated(field: str) -> str:
    """A field of nvidia-smi; '' for one that the GPU does not have."""
    return '' if field.strip('[]').upper() in ('N/A', 'NOT SUPPORTED') else field


def _mebibytes(text: str) -> int | None:
    return int(text) * _MEBIBYTE if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8', errors='replace')
    except OSError:
        return ''
