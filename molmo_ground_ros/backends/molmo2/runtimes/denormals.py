# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Treats denormal numbers as zero, in this thread and while a block runs.

ONNX Runtime's softmax gives masked entries exp(-88), a denormal number, where torch gives 0. On x86
every arithmetic step on a denormal takes about a hundred cycles, so masks made reading a prompt of
64 frames take twice as long. ONNX Runtime has a switch of its own,
`session.set_denormal_as_zero`, but it changes the calling thread permanently, and works only for
the first session of a process.
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
    """Treat denormal numbers as zero in this thread. Has an effect only on Linux on x86-64.

    The threads of ONNX Runtime's pool do the same by the session's option.
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
    """The C library's mathematics; None if its floating-point environment has another layout."""
    if sys.platform != 'linux' or platform.machine() != 'x86_64':
        return None
    try:
        return ctypes.CDLL('libm.so.6')
    except OSError:
        # With musl there is no file of that name.
        return None
