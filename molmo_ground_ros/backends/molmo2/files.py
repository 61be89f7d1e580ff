# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The names of exported graphs, their forms, and the keys of their metadata."""

from __future__ import annotations

from pathlib import Path

from molmo_ground_ros.backends.molmo2.formats import CPU, CPU_FORMATS, cpu_format

PARTS = ('decoder', 'vision')
FORMS = {'fused': 24, 'plain': 20}  # the ONNX opset of each
CAPACITY = 'capacity'  # the name of the cache's length among the sizes that may change
# Where TensorRT's plans are in a checkpoint's folder.
PLANS = 'engines/*.plan'
# Key of a graph's metadata: EXPORT_VERSION of the code that wrote it.
VERSION = 'version'
# Raised when the code writes different graphs than before; a test checks that.
EXPORT_VERSION = 1
# Key of a graph's metadata: weights.digest of the checkpoint it was exported from.
DIGEST = 'checkpoint'
# Keys of the metadata of a graph whose weights are copies, both JSON: a hash by name of the
# checkpoint's files that they were rounded from, and the bytes by name of the files they are in.
SOURCES, COPIES = 'sources', 'copies'


def part_dtype(part: str, dtype: str) -> str:
    """The format of a part's graph in a model of this format; it is in the file's name.

    The vision tower is never rounded to four bits: that moves points (docs/performance.md).
    'int4.float32' is a decoder of int4 matrices beside a tower in float32.
    """
    _, _, computed = dtype.partition('.')
    if part == 'decoder' or not computed:
        return dtype
    return f'int8{CPU}' if dtype.endswith(CPU) else computed


def graph_file(part: str, dtype: str, form: str) -> str:
    """The name of a graph in a checkpoint's folder. part: one of PARTS."""
    return f'{part}.{dtype}.opset{FORMS[form]}.onnx'


def graph_files(part: str, dtype: str) -> list[str]:
    """The names that a graph may have, the best form first. part: one of PARTS."""
    return [graph_file(part, dtype, form) for form in FORMS]


def exported_format(folder: Path, dtype: str) -> str:
    """The format of the graphs for ONNX Runtime that a folder holds; '' if it holds none.

    dtype: as a user names it; 'auto' takes the most exact of formats.CPU_FORMATS.
    """
    formats = CPU_FORMATS if dtype == 'auto' else (cpu_format(dtype),)
    for name in formats:
        files = [graph_files(part, part_dtype(part, name)) for part in PARTS]
        if all(any((folder / file).is_file() for file in names) for names in files):
            return name
    return ''
