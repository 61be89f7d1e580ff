# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RVL, the run-length code that `compressedDepth` may use, to depth values.

Source of the format: A. D. Wilson, "Fast Lossless Depth Image Compression", ISS 2017. The image is
a stream of 4-bit groups: how many zero pixels, how many others, then a difference for each of
those, and so on. A group's highest bit says that the number goes on in the next group.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.space.errors import DepthError


def decode_rvl(data: bytes | memoryview, pixels: int) -> NDArray[np.uint16]:
    """(pixels,) values. Raises DepthError for a stream that ends early or runs over."""
    numbers = _numbers(data)
    values = np.zeros(pixels, dtype=np.int64)
    at, filled, previous = 0, 0, 0
    while filled < pixels:
        if at + 2 > len(numbers):
            raise DepthError(f'an RVL stream that ends after {filled} of {pixels} pixels')
        zeros, others = int(numbers[at]), int(numbers[at + 1])
        at, start = at + 2, filled + zeros
        filled = start + others
        if filled > pixels:
            raise DepthError(f'an RVL stream that runs over its {pixels} pixels')
        if at + others > len(numbers):
            raise DepthError(f'an RVL stream that ends after {start} of {pixels} pixels')
        if others:
            folded = numbers[at : at + others]
            # Differences are folded: 0, -1, 1, -2, 2 ... are written as 0, 1, 2, 3, 4 ...
            differences = (folded >> 1) ^ -(folded & 1)
            values[start:filled] = previous + np.cumsum(differences)
            previous = int(values[filled - 1])
            at += others
        elif not zeros:
            raise DepthError(f'an RVL stream that stands still after {filled} of {pixels} pixels')
    if values.min(initial=0) < 0 or values.max(initial=0) > np.iinfo(np.uint16).max:
        raise DepthError('an RVL stream whose values do not fit into 16 bits')
    return values.astype(np.uint16)


def _numbers(data: bytes | memoryview) -> NDArray[np.int64]:
    """Every number of the stream, in order; zeros of the padding at its end may follow."""
    whole_words = len(data) // 4 * 4
    words = np.frombuffer(data[:whole_words], dtype='<u4')
    shifts = np.arange(28, -1, -4, dtype=np.uint32)
    groups = ((words[:, None] >> shifts) & 0xF).ravel().astype(np.int64)
    ends = np.flatnonzero(groups < 8)
    if not len(ends):
        return np.zeros(0, dtype=np.int64)
    groups = groups[: ends[-1] + 1]
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > 16:
        raise DepthError('an RVL stream with a number of more than 48 bits')
    place = np.arange(len(groups)) - np.repeat(starts, lengths)
    return np.add.reduceat((groups & 7) << (3 * place), starts)
