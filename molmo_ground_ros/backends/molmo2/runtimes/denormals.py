# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Numbers too small to be normal, taken as zero in this thread for the length of a block.

ONNX Runtime's softmax gives a masked row exp(-88), a denormal, where torch gives 0. On x86 every
arithmetic step on one costs about a hundred cycles: masks made the prefill of 64 frames twice as
long. ONNX Runtime's own switch, `session.set_denormal_as_zero`, changes the calling thread for
good, and only with the first session of a process.
"""

from __future__ import annotations

import contextlib
import ctypes
import platform
import sys
from collections.abc import Iterator
from functools import cache

_MXCSR = 7  # fenv_t of Linux on x86-64 is seven words of the x87, then this one
_FLUSH = 1 << 15 | 1 << 6  # results (FTZ) and operands (DAZ)


@contextlib.contextmanager
def flush_denormals() -> Iterator[None]:
    """Flush them in this thread. Does nothing but on Linux on x86-64.

    Threads of ONNX Runtime's pool set their own, by the session's option.
    """
    math = _library()
    if math is None:
        yield
        return
    layout = ctypes.c_uint32 * (_MXCSR + 1)
    before = layout()
    math.fegetenv(before)
    during = layout.from_buffer_copy(before)
    during[_MXCSR] |= _FLUSH
    math.fesetenv(during)
    try:
        yield
    finally:
        math.fesetenv(before)


@cache
def _library() -> ctypes.CDLL | None:
    """The C library's mathematics; None where the environment is laid out otherwise."""
    if sys.platform != 'linux' or platform.machine() != 'x86_64':
        return None
    try:
        return ctypes.CDLL('libm.so.6')
    except OSError:  # musl has no file of that name
        return None
