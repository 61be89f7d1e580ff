# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A disk that is full after so many bytes of each file."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_after(nbytes: int) -> Iterator[None]:
    """No file of this process can grow past `nbytes`: writing raises OSError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
