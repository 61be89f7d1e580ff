# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs MolmoPoint's graphs in PyTorch. Captured graphs of CUDA are not used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molmo_ground_ros.backends.base import Backend, BackendSettings
from molmo_ground_ros.backends.host.device import choose_device, choose_dtype, guarded
from molmo_ground_ros.backends.molmo2.memory import Budget, frames_of_pass
from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures
from molmo_ground_ros.backends.molmo2.runtimes.torch import check_weights, torch_budget
from molmo_ground_ros.backends.molmo2.runtimes.torch_decoder import TorchDecoder
from molmo_ground_ros.backends.molmo_point.checkpoint import MolmoPointCheckpoint, open_molmo_point
from molmo_ground_ros.backends.molmo_point.heads import HeadsReading, PointFeatures, Subpatches
from molmo_ground_ros.backends.molmo_point.load import load_point_graphs
from molmo_ground_ros.backends.molmo_point.point_backend import PointBackend
from molmo_ground_ros.backends.molmo_point.stored import no_more_key, point_index
from molmo_ground_ros.backends.pixels import pooling_indices


def load(settings: BackendSettings) -> Backend:
    """The backend named `torch`. Raises BadModel, BadSetting or DoesNotFit."""
    device = choose_device(settings.device)
    dtype = choose_dtype(settings.dtype, device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    checkpoint = open_molmo_point(settings)
    check_weights(checkpoint.config, device, dtype)
    return PointBackend(checkpoint, TorchHeads(checkpoint, device, dtype), settings.savings)


class TorchHeads:
    """One checkpoint's graphs on one device. Raises BadModel."""

    def __init__(
        self, checkpoint: MolmoPointCheckpoint, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.capacity = checkpoint.config.text.positions
        self.batch = frames_of_pass(checkpoint.config.vision, gpu=device.type == 'cuda')
        graphs = load_point_graphs(
            checkpoint.model, checkpoint.folder, checkpoint.point, device, dtype
        )
        self._vision, self._subpatches = graphs.vision, graphs.subpatches
        self.no_more_key = no_more_key(
            point_index(checkpoint.model, checkpoint.folder, checkpoint.point)
        )
        self._decoder = TorchDecoder(graphs.decoder, checkpoint.config.text, device, dtype)
        self._pooling = torch.from_numpy(pooling_indices(checkpoint.pixels)).to(device)
        self._device = device
        self._dtype = dtype

    def encode(self, frames: Sequence[NDArray[np.float32]]) -> list[PointFeatures]:
        """Features of 1 to `batch` frames, from the (patches, values of a patch) of each."""
        count = len(frames)
        with guarded(f'encoding {count} frames'), torch.inference_mode():
            patches = torch.from_numpy(np.stack(frames)).to(self._device, self._dtype)
            parts = (tensor.chunk(count) for tensor in self._vision(patches, self._pooling))
            return [
                PointFeatures(pooled.clone(), windows.clone())
                for pooled, windows in zip(*parts, strict=True)
            ]

    def read(self, ids: Sequence[int], start: int, video: VideoFeatures | None) -> HeadsReading:
        """Write ids to the cache; what follows the last of them."""
        with guarded(f'reading {len(ids)} tokens'), torch.inference_mode():
            outputs = self._decoder.run(ids, start, 1, video)
            logits, patch_query, subpatch_query, locations, keys = (
                _numpy(output[0]) for output in outputs
            )
            return HeadsReading(logits[0], patch_query[0], subpatch_query[0], locations[0], keys)

    def subpatches(self, window: Tensor) -> Subpatches:
        """Those of one token, from its (K, D)."""
        with guarded('looking up subpatches'), torch.inference_mode():
            keys, embeddings = self._subpatches(window)
            return Subpatches(_numpy(keys), embeddings)

    def budget(self) -> Budget | None:
        """The memory that is free on its device."""
        return torch_budget(self._decoder, self._device, self._dtype, self.batch)

    def close(self) -> None:
        """Free weights and cache."""
        del self._decoder, self._vision, self._subpatches
        if self._device.type == 'cuda':
            torch.cuda.empty_cache()


def _numpy(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().float().cpu().numpy()
    return array
