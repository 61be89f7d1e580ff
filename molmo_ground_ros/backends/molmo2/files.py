# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The names of exported graphs, their forms, and the keys of their metadata."""

from __future__ import annotations

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


def graph_file(part: str, dtype: str, form: str) -> str:
    """The name of a graph in a checkpoint's folder. part: one of PARTS."""
    return f'{part}.{dtype}.opset{FORMS[form]}.onnx'


def graph_files(part: str, dtype: str) -> list[str]:
    """The names that a graph may have, the best form first. part: one of PARTS."""
    return [graph_file(part, dtype, form) for form in FORMS]
