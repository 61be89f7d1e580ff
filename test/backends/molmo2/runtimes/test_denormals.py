# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Numbers too small to be normal: zero inside the block, and nowhere else."""

from __future__ import annotations

import platform
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from molmo_ground_ros.backends.molmo2.runtimes.denormals import flush_denormals

TINY = np.full(1, 1e-40, np.float32)
HALF = np.float32(0.5)

pytestmark = pytest.mark.skipif(
    sys.platform != 'linux' or platform.machine() != 'x86_64',
    reason='floating-point environments are set on Linux on x86-64 alone',
)


def half() -> float:
    return float((TINY * HALF)[0])


def test_a_denormal_is_zero_inside_the_block_and_itself_after_it():
    with flush_denormals():
        inside = half()
    assert inside == 0
    assert half() > 0


def test_the_block_ends_with_an_error_too():
    with pytest.raises(ZeroDivisionError), flush_denormals():
        raise ZeroDivisionError
    assert half() > 0


def test_a_thread_started_inside_goes_on_flushing_and_others_never_do():
    with ThreadPoolExecutor(1) as started_outside, ThreadPoolExecutor(1) as started_inside:
        assert started_outside.submit(half).result() > 0
        with flush_denormals():
            started_inside.submit(half).result()
            assert started_outside.submit(half).result() > 0
        assert started_inside.submit(half).result() == 0
