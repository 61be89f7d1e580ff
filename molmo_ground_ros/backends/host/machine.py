# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which GPU and which Jetson this is, asked of the system: no CUDA and no package is needed.

Read from the documented output of nvidia-smi and from Jetson's files; not run on either yet.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path('/')
_QUERY = 'name,compute_cap,memory.total,memory.free,driver_version'
_MEBIBYTE = 2**20
_SECONDS = 20.0  # nvidia-smi may wait for a driver that loads


@dataclass(frozen=True, slots=True)
class Gpu:
    """One NVIDIA GPU; what was not told is '' or None."""

    name: str
    capability: str  # '8.6'
    total: int | None  # bytes
    free: int | None
    driver: str


def ask(command: Sequence[str]) -> str:
    """What a program prints. Raises OSError where it is not there or fails."""
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=True, errors='replace'
        )
    except subprocess.SubprocessError as err:
        raise OSError(f'{command[0]}: {err}') from err
    return ran.stdout


def gpus(run: Callable[[Sequence[str]], str] = ask) -> list[Gpu]:
    """The GPUs that nvidia-smi lists. Raises OSError where there is no driver, or it says no.

    A Jetson's nvidia-smi gives no memory: it has none but the machine's.
    """
    text = run(['nvidia-smi', f'--query-gpu={_QUERY}', '--format=csv,noheader,nounits'])
    found = []
    for line in text.splitlines():
        fields = [one.strip() for one in line.split(',')]
        if len(fields) == len(_QUERY.split(',')):
            name, capability, total, free, driver = (
                '' if one.strip('[]').upper() in ('N/A', 'NOT SUPPORTED') else one for one in fields
            )
            found.append(Gpu(name, capability, _mebibytes(total), _mebibytes(free), driver))
    if not found:
        raise OSError(f'nvidia-smi lists no GPU: {" ".join(text.split())[:100]!r}')
    return found


def jetson(root: Path = _ROOT) -> str:
    """The board and its L4T release, '' where this is none. root: of the file system, for tests."""
    model = _text(root / 'proc/device-tree/model').strip('\0 \n')
    release = _text(root / 'etc/nv_tegra_release').partition('\n')[0].strip('# ')
    if not release and not any(name in model for name in ('Jetson', 'Orin', 'Thor')):
        return ''
    return ', '.join(filter(None, (model, release)))


def _mebibytes(text: str) -> int | None:
    return int(text) * _MEBIBYTE if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8', errors='replace')
    except OSError:
        return ''
