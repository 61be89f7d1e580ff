# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The number formats of weights, each fact stated once. Needs no package.

A weight is stored as a floating-point number, or rounded to a code of few bits that is multiplied
by a scale. What is not rounded, and all arithmetic, is in the format that `compute_dtype` gives.
"""

from __future__ import annotations

from collections.abc import Mapping

FLOAT_BYTES: Mapping[str, int] = {'float32': 4, 'float16': 2, 'bfloat16': 2}
"""Bytes of one number."""

CODE_BITS: Mapping[str, int] = {'int4': 4, 'int8': 8, 'fp8': 8}
"""Bits of the code of one weight, without its share of a scale."""

SCALE_BITS = 16
"""A scale is a float16."""

SCALE_BLOCK = 128
"""Inputs that share a scale in int4 (tensorrt.md 4.3)."""

HEAD_FORMATS: Mapping[str, str] = {'int4': 'int8'}
"""The format of `lm_head` by that of the other matrices; under other formats it is not rounded."""

SAFETENSORS: Mapping[str, str] = {'F32': 'float32', 'BF16': 'bfloat16', 'F16': 'float16'}
"""The formats of a checkpoint's tensors by their names in a safetensors header."""

# One int8 scale a channel or block keeps more of a weight than the three bits of an fp8 mantissa.
ENGINE_FORMATS = ('bfloat16', 'float16', 'int8', 'fp8', 'int4')
"""What the weights of an engine may be stored as, the most exact first: the order of 'auto'."""


CPU = '.cpu'
"""What ends the name of a format of few bits in graphs for ONNX Runtime's CPU.

`int4.cpu` rounds more than the `int4` of engines: the head and the vision tower are in 8 bits too.
"""

CPU_FORMATS = ('float32', f'int8{CPU}', f'int4{CPU}')
"""What ONNX Runtime's CPU runs well, the most exact first: the order of 'auto'."""


def cpu_format(dtype: str) -> str:
    """The format of graphs for ONNX Runtime's CPU by what a user calls it: int4.cpu for int4."""
    return f'{dtype}{CPU}' if f'{dtype}{CPU}' in CPU_FORMATS else dtype


def compute_dtype(weights: str) -> str:
    """The precision in which a TensorRT graph computes with weights of this format.

    The vision tower, whose weights are never rounded, is stored and computed in it.
    """
    return weights if weights in ('bfloat16', 'float32') else 'float16'
