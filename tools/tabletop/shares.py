# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Clips shared out among processes."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from molmo_ground_ros.benchmarks.scoring.worker_process import end_with_parent

Share = TypeVar('Share')


def shares(work: Callable[[range], Share], clips: int, processes: int) -> list[Share]:
    """What `work` gives for each process's numbers of clips, at most one process a clip.

    work: can be pickled. Raises what it raises.
    """
    count = max(1, min(processes, clips))
    context = multiprocessing.get_context('spawn')  # a fork of a process with MuJoCo may hang
    with ProcessPoolExecutor(count, context, end_with_parent) as pool:
        return list(pool.map(work, [range(first, clips, count) for first in range(count)]))
