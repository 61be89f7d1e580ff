# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the exporter writes and the runtimes read: names of files, forms, the mark in them."""

from __future__ import annotations

PARTS = ('decoder', 'vision')
FORMS = {'fused': 24, 'plain': 20}  # the ONNX opset of each
CAPACITY = 'capacity'  # the name of the cache's length among the sizes that may change
PLANS = 'engines/*.plan'  # engines of TensorRT, in a checkpoint's folder
VERSION = 'version'  # metadata: EXPORT_VERSION of the code that wrote it
EXPORT_VERSION = 1  # raised with every change of the code that changes a graph; a test asks for it
DIGEST = 'checkpoint'  # metadata: weights.digest of what a graph was exported from


def graph_file(part: str, dtype: str, form: str) -> str:
    """The name of a graph in a checkpoint's folder. part: one of PARTS."""
    return f'{part}.{dtype}.opset{FORMS[form]}.onnx'


def graph_files(part: str, dtype: str) -> list[str]:
    """The names a graph may have, the best form first."""
    return [graph_file(part, dtype, form) for form in FORMS]
