# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rounds one matrix to codes of few bits and their scales. Knows nothing of graphs and files.

    weight = code * scale, with zero point 0 and a float16 scale

int4   a scale for each block of 128 inputs of each output; smaller blocks if 128 does not divide
       the inputs
int8   a scale for each output
fp8    float8 e4m3 and a single scale; its steps grow with the weight, so more scales gain nothing
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.molmo2.formats import CODE_BITS, SCALE_BLOCK

LEAST_BLOCK = 16  # inputs; ONNX Runtime's kernels take no smaller block
FP8 = np.dtype(ml_dtypes.float8_e4m3fn)
_FP8_MOST = 448.0
# In memory as float32. Twice as fast as with 2**20, which no cache of a processor holds.
_WEIGHTS_AT_ONCE = 2**18

Rows = Callable[[int, int], NDArray[np.float32]]
"""Reads the rows of a matrix for the outputs from `start` to `end`: (end - start, inputs)."""


@dataclass(frozen=True, slots=True)
class Codes:
    """A rounded matrix, transposed as MatMul reads it.

    values: int8 for int8 and int4, else FP8. block: inputs that share a scale; 0 means all of them.
    """

    values: NDArray[np.int8] | NDArray[np.float32]  # (inputs, outputs)
    scales: NDArray[np.float16]  # (blocks, outputs), (outputs,) or ()
    block: int

    def packed(self, bits: int) -> NDArray[np.uint8]:
        """The values as bytes, as ONNX stores them: row by row.

        bits: of one value, 8 or 4. Of two values in a byte the first is in the low half.
        """
        flat = self.values.reshape(-1)
        if bits == 8:
            # A view, no copy: the head alone can be most of a machine's memory.
            return flat.view(np.uint8)
        pairs = np.zeros(-(-flat.size // 2) * 2, dtype=np.uint8)
        np.bitwise_and(flat.view(np.uint8), 15, out=pairs[: flat.size])
        packed: NDArray[np.uint8] = pairs[0::2] | (pairs[1::2] << np.uint8(4))
        return packed


def scale_block(inputs: int) -> int:
    """Inputs that share a scale: the largest power of two up to 128 that divides their number.

    0 if that is below 16, which int4 cannot store.
    """
    block = math.gcd(inputs, SCALE_BLOCK)
    return block if block >= LEAST_BLOCK else 0


def encode(rows: Rows, outputs: int, inputs: int, weights: str) -> Codes:
    """Round a matrix to the nearest codes, some outputs at a time.

    rows: reads parts of the matrix, (outputs, inputs). weights: a key of CODE_BITS. Scales are
    rounded to float16 before the codes are chosen. Raises ValueError for weights that are not
    finite, or whose scale is too large for float16.
    """
    if weights == 'fp8':
        return _encode_fp8(rows, outputs, inputs)
    block = scale_block(inputs) if weights == 'int4' else inputs
    values = np.empty((inputs, outputs), dtype=np.int8)
    scales = np.empty((inputs // block, outputs), dtype=np.float16)
    start = 0
    for codes, steps in encode_blocks(rows, outputs, inputs, CODE_BITS[weights], block):
        end = start + len(codes)
        values[:, start:end] = codes.reshape(end - start, inputs).T
        scales[:, start:end] = steps.T
        start = end
    if weights == 'int4':
        return Codes(values, scales, block)
    return Codes(values, scales[0], 0)


def encode_blocks(
    rows: Rows, outputs: int, inputs: int, bits: int, block: int
) -> Iterator[tuple[NDArray[np.int8], NDArray[np.float16]]]:
    """Round a matrix, some outputs at a time: codes (n, blocks, block) and scales (n, blocks).

    rows: reads parts of the matrix, (outputs, inputs). block: inputs that share a scale; where it
    does not divide the inputs, zeros fill the last block up. Raises ValueError as `encode`.
    """
    most = 2 ** (bits - 1)
    for start, end in _spans(outputs, inputs):
        weights = _finite(rows(start, end))
        if inputs % block:
            weights = np.pad(weights, ((0, 0), (0, -inputs % block)))
        blocks = weights.reshape(end - start, -1, block)
        steps = _rounded(_steps(blocks, bits))
        codes = blocks / steps.astype(np.float32)[..., None]
        np.rint(codes, out=codes)
        np.clip(codes, -most, most - 1, out=codes)
        yield codes.astype(np.int8), steps


def _steps(blocks: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """The smallest scale of each block, (..., block), that keeps every error within half a step.

    With 4 bits the codes -8 to 7 represent weights from -8.5 to 7.5 steps. The usual scale,
    max|w| / 7, uses only 15 of the 16 codes and has wider steps: on normally distributed weights
    its squared error is a fifth larger.
    """
    half = 2.0 ** (bits - 1)
    steps: NDArray[np.float32] = np.maximum(
        blocks.max(-1) / (half - 0.5), -blocks.min(-1) / (half + 0.5)
    )
    return steps


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
    """Scales in float16. Weights that are zero, or nearly, get the smallest float16 above zero."""
    if steps.max() > np.finfo(np.float16).max:
        raise ValueError(f'its weights are too large for float16: a scale of {steps.max():g}')
    scales: NDArray[np.float16] = np.asarray(
        np.maximum(steps.astype(np.float16), np.finfo(np.float16).smallest_subnormal)
    )
    return scales


def _finite(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(weights).all():
        raise ValueError('it holds values that are no numbers')
    return weights


def _spans(outputs: int, inputs: int) -> Iterator[tuple[int, int]]:
    step = max(1, _WEIGHTS_AT_ONCE // inputs)
    for start in range(0, outputs, step):
        yield start, min(start + step, outputs)
