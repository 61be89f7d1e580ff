# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How the process of a model ended, in words."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from molmo_ground_ros.errors import BackendError

_VMSTAT = Path('/proc/vmstat')


class ModelProcessDied(BackendError):
    """The model's process ended. It is started again.

    exit_code: None where a signal ended it. signal_number: 0 where none did.
    out_of_memory: the kernel has probably ended it because memory ran out.
    """

    def __init__(
        self, why: str, exit_code: int | None, signal_number: int, out_of_memory: bool
    ) -> None:
        self.exit_code = exit_code
        self.signal_number = signal_number
        self.out_of_memory = out_of_memory
        super().__init__(f"the model's process {why}")


def oom_kills() -> int:
    """How many processes the kernel has ended since it started because memory ran out."""
    try:
        count = re.search(r'^oom_kill (\d+)$', _VMSTAT.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(count[1]) if count else 0


def died(returncode: int, ended_because: str, kernel_kills: int) -> ModelProcessDied:
    """The error for a process that ended.

    returncode: as of subprocess.Popen, below zero for a signal. ended_because: why this process
    ended it, '' if it did not. kernel_kills: how much `oom_kills` grew while it ran.
    """
    number = max(-returncode, 0)
    exit_code = returncode if returncode >= 0 else None
    if ended_because:
        return ModelProcessDied(f'was ended, because it {ended_because}', exit_code, number, False)
    if not number:
        return ModelProcessDied(f'exited with code {exit_code}', exit_code, number, False)
    name = signal.Signals(number).name if number in set(signal.Signals) else f'signal {number}'
    if number != signal.SIGKILL:
        return ModelProcessDied(f'was ended by {name}', exit_code, number, False)
    cause = (
        'memory ran out and the kernel ended a process'
        if kernel_kills
        else 'the node did not do it, but the kernel does where memory runs out'
    )
    return ModelProcessDied(f'was ended by {name}: {cause}', exit_code, number, True)
