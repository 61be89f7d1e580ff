# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where a MolmoPoint's tensors are stored, and the one of them that no graph reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.checkpoint import is_molmo_point
from molmo_ground_ros.backends.molmo2.config import read_config
from molmo_ground_ros.backends.molmo2.weights import (
    DECODER,
    HEAD,
    StoredTensor,
    digest,
    read_index,
)
from molmo_ground_ros.backends.molmo_point.point_config import MolmoPointConfig, read_point_config

# The key of "no more points", which stands among those of patches.
NO_MORE = 'model.point_predictor.add_no_point_class_embed.vector'
# In a checkpoint with one embedding for reading and writing: what stands for the head.
_TIED = {
    f'{HEAD}output_embeddings': f'{DECODER}wte.embedding',
    f'{HEAD}new_output_embeddings': f'{DECODER}wte.new_embedding',
}
# numpy has no bfloat16.
_NUMPY = {'F32': np.float32, 'F16': np.float16, 'BF16': np.uint16}


def point_index(model: str, folder: Path, config: MolmoPointConfig) -> dict[str, StoredTensor]:
    """Where every tensor of the checkpoint is, by released name. Raises BadModel.

    Where the embedding is the head too, the released code stores it once, and would not read a
    stored head.
    """
    index = read_index(model, folder)
    if config.tied:
        index |= {head: index[table] for head, table in _TIED.items() if table in index}
    return index


def any_digest(model: str, folder: Path) -> str:
    """`weights.digest` of a checkpoint of Molmo2 or MolmoPoint. Raises BadModel."""
    if is_molmo_point(model, folder):
        point = read_point_config(model, folder)
        return digest(point_index(model, folder, point), point.sizes)
    return digest(read_index(model, folder), read_config(model, folder))


def no_more_key(index: Mapping[str, StoredTensor]) -> NDArray[np.float32]:
    """The key of "no more points", (width). index: of `point_index`, which must hold it."""
    stored = index[NO_MORE]
    with stored.file.open('rb') as stream:
        stream.seek(stored.start)
        values = np.frombuffer(stream.read(stored.nbytes), _NUMPY[stored.dtype])
    if stored.dtype == 'BF16':
        # The upper half of a float32.
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32)
