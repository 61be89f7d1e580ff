# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What MolmoPoint's exported graphs are called, and what they give; see `molmo2.files`."""

from __future__ import annotations

from collections.abc import Mapping

POINT_PARTS = ('decoder', 'vision', 'subpatches')

OUTPUTS: Mapping[str, tuple[str, ...]] = {
    'decoder': ('logits', 'patch_query', 'subpatch_query', 'locations', 'token_keys'),
    'vision': ('pooled', 'windows'),
    'subpatches': ('subpatch_keys', 'embeddings'),
}
"""The outputs by part, without the decoder's caches."""

POINT_DTYPES = ('float32', 'float16')
"""What ONNX Runtime computes MolmoPoint in, the default first. Its weights are not rounded."""

OTHER_DTYPES = (
    'onnx has MolmoPoint in float32 and float16 only, the backend torch has it in bfloat16 too'
)
