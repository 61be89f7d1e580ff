# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A worker of a pool ends when the pool's process is killed."""

import multiprocessing
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from molmo_ground_ros.benchmarks.scoring.worker_process import end_with_parent

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0


def work(folder: str, seconds: float) -> None:
    """Say which process this is, and be busy."""
    partial = Path(folder) / 'worker.partial'
    partial.write_text(str(os.getpid()))
    partial.rename(Path(folder) / 'worker')
    time.sleep(seconds)


def is_running(process: int) -> bool:
    """Whether a process is there and is not just waiting to be buried."""
    try:
        state = Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()[0]
    except FileNotFoundError:
        return False
    return state != 'Z'


@pytest.mark.parametrize('seconds', [600.0, 0.0], ids=['busy', 'waiting for work'])
def test_worker_of_a_killed_pool_ends(tmp_path: Path, seconds: float) -> None:
    pool = subprocess.Popen([sys.executable, __file__, str(tmp_path), str(seconds)], cwd=ROOT)
    end = time.monotonic() + PATIENCE_S
    while not (tmp_path / 'worker').exists():
        assert pool.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    worker = int((tmp_path / 'worker').read_text())
    assert is_running(worker)
    pool.kill()
    pool.wait()
    while is_running(worker):
        assert time.monotonic() < end, 'the worker goes on'
        time.sleep(0.05)


if __name__ == '__main__':
    with ProcessPoolExecutor(1, multiprocessing.get_context('spawn'), end_with_parent) as executor:
        executor.submit(work, sys.argv[1], float(sys.argv[2]))
        time.sleep(600)
