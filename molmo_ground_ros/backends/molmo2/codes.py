# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One matrix to few bits: codes and scales. Knows nothing of graphs and files.

    weight = code * scale, zero point 0, scales that float16 holds

int4   a scale for each block of 128 inputs of each output; smaller blocks where 128 does not divide
int8   a scale for each output
fp8    float8 e4m3, one scale: its step follows the weight's own size, so more scales gain nothing
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

BLOCK = 128  # inputs that share a scale in int4 (tensorrt.md 4.3)
LEAST_BLOCK = 16  # ONNX Runtime's kernels take no smaller one
BITS = {'int4': 4, 'int8': 8, 'fp8': 8}
FP8 = np.dtype(ml_dtypes.float8_e4m3fn)
_FP8_MOST = 448.0
_AT_ONCE = 2**20  # weights in memory as float32

Rows = Callable[[int, int], NDArray[np.float32]]  # outputs from, to -> (to - from, inputs)


@dataclass(frozen=True, slots=True)
class Codes:
    """A matrix as a product reads it, inputs first."""

    values: NDArray[np.int8] | NDArray[np.float32]  # (inputs, outputs): int8, also of int4; or FP8
    scales: NDArray[np.float16]  # (blocks, outputs), (outputs,) or ()
    block: int  # inputs that share a scale; 0 for all of them

    def packed(self, bits: int) -> NDArray[np.uint8]:
        """The values as ONNX stores them: row by row, of two in a byte the first is the low one."""
        flat = self.values.reshape(-1)
        if bits == 8:
            return flat.view(np.uint8)  # no copy: a large head is most of the memory there is
        pairs = np.zeros(-(-flat.size // 2) * 2, dtype=np.uint8)
        np.bitwise_and(flat.view(np.uint8), 15, out=pairs[: flat.size])
        packed: NDArray[np.uint8] = pairs[0::2] | (pairs[1::2] << np.uint8(4))
        return packed


def block_of(inputs: int) -> int:
    """The largest power of two up to 128 that divides the inputs; 0 where it is below 16."""
    found = math.gcd(inputs, BLOCK)
    return found if found >= LEAST_BLOCK else 0


def encode(rows: Rows, outputs: int, inputs: int, weights: str) -> Codes:
    """Round a matrix to the nearest codes, some outputs at a time.

    rows: reads the matrix, (outputs, inputs). weights: a key of BITS. Scales are rounded before the
    codes are chosen. Raises ValueError for what is no number, or too large for float16.
    """
    if weights == 'fp8':
        return _encode_fp8(rows, outputs, inputs)
    block = block_of(inputs) if weights == 'int4' else inputs
    values = np.empty((inputs, outputs), dtype=np.int8)
    scales = np.empty((inputs // block, outputs), dtype=np.float16)
    for start, end in _spans(outputs, inputs):
        blocks = _finite(rows(start, end)).reshape(end - start, -1, block)
        steps = _rounded(_steps(blocks, BITS[weights]))
        most = 2 ** (BITS[weights] - 1)
        codes = np.rint(blocks / steps.astype(np.float32)[..., None]).clip(-most, most - 1)
        values[:, start:end] = codes.astype(np.int8).reshape(end - start, inputs).T
        scales[:, start:end] = steps.T
    if weights == 'int4':
        return Codes(values, scales, block)
    return Codes(values, scales[0], 0)


def _steps(blocks: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """The smallest scale of each block, (..., block), that leaves no weight over half a step away.

    Codes -8 .. 7 reach from -8.5 to 7.5 steps. The usual max|w| / 7 uses 15 of the 16 codes, and
    wider steps: on normal weights its squared error is a fifth larger.
    """
    half = 2.0 ** (bits - 1)
    found: NDArray[np.float32] = np.maximum(
        blocks.max(-1) / (half - 0.5), -blocks.min(-1) / (half + 0.5)
    )
    return found


def _encode_fp8(rows: Rows, outputs: int, inputs: int) -> Codes:
    spans = list(_spans(outputs, inputs))
    largest = max(float(np.abs(_finite(rows(*span))).max()) for span in spans)
    step = _rounded(np.asarray(largest / _FP8_MOST, dtype=np.float32))
    values = np.empty((inputs, outputs), dtype=FP8)
    for start, end in spans:
        scaled = (rows(start, end) / step.astype(np.float32)).clip(-_FP8_MOST, _FP8_MOST)
        values[:, start:end] = scaled.astype(FP8).T
    return Codes(values, step, 0)


def _rounded(steps: NDArray[np.float32]) -> NDArray[np.float16]:
    """Scales in float16; of weights that are all zero, or nearly, the smallest there is."""
    if steps.max() > np.finfo(np.float16).max:
        raise ValueError(f'its weights are too large for float16: a scale of {steps.max():g}')
    found: NDArray[np.float16] = np.asarray(
        np.maximum(steps.astype(np.float16), np.finfo(np.float16).smallest_subnormal)
    )
    return found


def _finite(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(weights).all():
        raise ValueError('it holds values that are no numbers')
    return weights


def _spans(outputs: int, inputs: int) -> Iterator[tuple[int, int]]:
    step = max(1, _AT_ONCE // inputs)
    for start in range(0, outputs, step):
        yield start, min(start + step, outputs)
