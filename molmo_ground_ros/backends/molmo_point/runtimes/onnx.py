# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs MolmoPoint's exported graphs in ONNX Runtime, on the CPU. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.base import Backend, BackendSettings
from molmo_ground_ros.backends.host.ram import available_bytes
from molmo_ground_ros.backends.molmo2.memory import Budget, fit_weights, frames_of_pass
from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures
from molmo_ground_ros.backends.molmo2.runtimes.denormals import flush_denormals
from molmo_ground_ros.backends.molmo2.runtimes.onnx_decoder import OnnxDecoder
from molmo_ground_ros.backends.molmo2.runtimes.onnx_session import (
    find_graph,
    guarded_run,
    open_session,
)
from molmo_ground_ros.backends.molmo_point.checkpoint import MolmoPointCheckpoint, open_molmo_point
from molmo_ground_ros.backends.molmo_point.heads import HeadsReading, PointFeatures, Subpatches
from molmo_ground_ros.backends.molmo_point.point_backend import PointBackend
from molmo_ground_ros.backends.molmo_point.point_files import (
    OTHER_DTYPES,
    OUTPUTS,
    POINT_DTYPES,
    POINT_PARTS,
)
from molmo_ground_ros.backends.molmo_point.stored import any_digest, no_more_key, point_index
from molmo_ground_ros.backends.pixels import pooling_indices
from molmo_ground_ros.errors import BadSetting

_DTYPES: dict[str, type[np.float32 | np.float16]] = {'float32': np.float32, 'float16': np.float16}


def load(settings: BackendSettings) -> Backend:
    """The backend named `onnx`. Raises BadModel, BadSetting or DoesNotFit."""
    if settings.device not in ('auto', 'cpu'):
        raise BadSetting('device', settings.device, 'the onnx backend runs on the CPU')
    dtype = POINT_DTYPES[0] if settings.dtype == 'auto' else settings.dtype
    if dtype not in POINT_DTYPES:
        raise BadSetting('dtype', dtype, OTHER_DTYPES)
    checkpoint = open_molmo_point(settings)
    free = available_bytes()
    if free is not None:
        fit_weights(checkpoint.config, dtype, free, 'memory', POINT_DTYPES)
    return PointBackend(
        checkpoint, OnnxHeads(checkpoint, dtype, settings.threads), settings.savings
    )


class OnnxHeads:
    """One checkpoint's exported graphs. Raises BadModel if they are missing or stale."""

    def __init__(self, checkpoint: MolmoPointCheckpoint, dtype: str, threads: int = 0) -> None:
        """Load the graphs. dtype: one of point_files.POINT_DTYPES."""
        model, folder = checkpoint.model, checkpoint.folder
        self._dtype = _DTYPES[dtype]
        checkpoint_digest = any_digest(model, folder)
        decoder, self._vision, self._subpatches = (
            open_session(model, find_graph(checkpoint, part, dtype), checkpoint_digest, threads)
            for part in POINT_PARTS
        )
        self._decoder = OnnxDecoder(decoder, checkpoint.config.text, self._dtype)
        self.capacity = self._decoder.capacity
        self.batch = frames_of_pass(checkpoint.config.vision, gpu=False)
        # Graphs of these very tensors were exported, so it is there.
        self.no_more_key = no_more_key(point_index(model, folder, checkpoint.point))
        self._pooling = pooling_indices(checkpoint.pixels)

    def encode(self, frames: Sequence[NDArray[np.float32]]) -> list[PointFeatures]:
        """Features of 1 to `batch` frames, from the (patches, values of a patch) of each."""
        count = len(frames)
        inputs = {'patches': np.stack(frames, dtype=self._dtype), 'pooling': self._pooling}
        with guarded_run(f'encoding {count} frames'), flush_denormals():
            outputs = self._vision.run(OUTPUTS['vision'], inputs)
            parts = (np.split(output, count) for output in outputs)
            return [
                PointFeatures(pooled.copy(), windows.copy())
                for pooled, windows in zip(*parts, strict=True)
            ]

    def read(self, ids: Sequence[int], start: int, video: VideoFeatures | None) -> HeadsReading:
        """Write ids to the cache; what follows the last of them."""
        with guarded_run(f'reading {len(ids)} tokens'):
            outputs = self._decoder.run(OUTPUTS['decoder'], ids, start, 1, video)
            logits, patch_query, subpatch_query, locations, keys = (o[0] for o in outputs)
            return HeadsReading(logits[0], patch_query[0], subpatch_query[0], locations[0], keys)

    def subpatches(self, window: Any) -> Subpatches:
        """Those of one token, from its (K, D)."""
        with guarded_run('looking up subpatches'), flush_denormals():
            keys, embeddings = self._subpatches.run(OUTPUTS['subpatches'], {'window': window})
            return Subpatches(keys, embeddings)

    def budget(self) -> Budget | None:
        """The memory that is free."""
        return self._decoder.budget(self.batch)

    def close(self) -> None:
        """Free weights and cache."""
        del self._decoder, self._vision, self._subpatches
