# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Memory that nothing uses goes back to the system."""

import ctypes
import subprocess
import sys

import pytest

# Blocks below the size that malloc maps one by one, and every hundredth of them kept.
PROGRAM = """
import re
import numpy as np
from molmo_ground_ros.ros.heap import give_back

def resident_mb():
    return int(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/self/status').read())[1]) / 1000

blocks = [np.ones(100_000, np.uint8) for _ in range(2000)]
kept = blocks[::100]
del blocks
before = resident_mb()
give_back()
print(before - resident_mb())
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), 'malloc_trim'), reason='the C library here is not glibc'
)
def test_what_was_freed_between_blocks_in_use_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM], capture_output=True, text=True, check=True, timeout=120
    )
    assert float(done.stdout) > 150
