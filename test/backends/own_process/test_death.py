# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How a process ended, in words."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from molmo_ground_ros.backends.own_process import death
from molmo_ground_ros.errors import ErrorCode


@pytest.mark.parametrize(
    ('returncode', 'because', 'kernel_kills', 'message', 'fields'),
    [
        pytest.param(3, '', 0, 'exited with code 3', (3, 0, False), id='exit'),
        pytest.param(-11, '', 0, 'was ended by SIGSEGV', (None, 11, False), id='signal'),
        pytest.param(-11, '', 1, 'was ended by SIGSEGV', (None, 11, False), id='kill of another'),
        pytest.param(
            -9, '', 0,
            'was ended by SIGKILL: the node did not do it, but the kernel does where memory runs '
            'out', (None, 9, True), id='killed',
        ),
        pytest.param(
            -9, '', 1, 'was ended by SIGKILL: memory ran out and the kernel ended a process',
            (None, 9, True), id='killed by the kernel',
        ),
        pytest.param(
            -9, 'hung', 1, 'was ended, because it hung', (None, 9, False), id='killed by us'
        ),
        pytest.param(-64, '', 0, 'was ended by SIGRTMAX', (None, 64, False), id='last signal'),
        pytest.param(-50, '', 0, 'was ended by signal 50', (None, 50, False), id='no name'),
    ],
)  # fmt: skip
def test_end_is_named(
    returncode: int, because: str, kernel_kills: int, message: str, fields: tuple[object, ...]
) -> None:
    error = death.died(returncode, because, kernel_kills)
    assert str(error) == f"the model's process {message}"
    assert (error.exit_code, error.signal_number, error.out_of_memory) == fields
    assert error.code is ErrorCode.BACKEND_FAILED


def test_kills_for_want_of_memory_are_counted_by_the_kernel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert death.oom_kills() >= 0
    vmstat = tmp_path / 'vmstat'
    monkeypatch.setattr(death, '_VMSTAT', vmstat)
    assert death.oom_kills() == 0
    vmstat.write_text('nr_free_pages 1\noom_kill 12\nnuma_hit 3\n')
    assert death.oom_kills() == 12
    vmstat.write_text('nr_free_pages 1\n')
    assert death.oom_kills() == 0


def test_signals_that_this_test_names_are_those_of_this_system() -> None:
    assert (signal.SIGKILL, signal.SIGSEGV) == (9, 11)
