# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs the graph in PyTorch: weights are mapped from the checkpoint, the cache updated in place.

On a CPU a pass reads only those rows of the cache that have been written. On CUDA decoding replays
captured graphs of fixed shapes (cuda_graphs.py); that part has not been run yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.host.device import choose_device, choose_dtype, guarded
from molmo_ground_ros.backends.host.ram import available_bytes
from molmo_ground_ros.backends.molmo2.config import TextConfig
from molmo_ground_ros.backends.molmo2.engine import Checkpoint, EngineBackend, open_checkpoint
from molmo_ground_ros.backends.molmo2.load import load_graphs
from molmo_ground_ros.backends.molmo2.memory import Budget, fit_weights
from molmo_ground_ros.backends.molmo2.runtime import Choice, VideoFeatures
from molmo_ground_ros.backends.molmo2.runtimes.cuda_graphs import CudaGraphs
from molmo_ground_ros.backends.pixels import pooling_indices

# The cache grows by so many rows at a time.
_ROWS = 256
# The same on CUDA. It is larger there, because captured graphs are lost when the cache grows.
_CUDA_ROWS = 2048


def load(settings: BackendSettings) -> EngineBackend:
    """The backend named `torch`. Raises BadModel, BadSetting or DoesNotFit."""
    device = choose_device(settings.device)
    dtype = choose_dtype(settings.dtype, device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    checkpoint = open_checkpoint(settings)
    free = _free_bytes(device)
    if free is not None:
        fit_weights(checkpoint.config, str(dtype).removeprefix('torch.'), free, _where(device))
    return EngineBackend(checkpoint, TorchRuntime(checkpoint, device, dtype), settings.savings)


class TorchRuntime:
    """One checkpoint's graph on one device. Raises BadModel."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> None:
        self.capacity = checkpoint.config.text.positions
        self._device = device
        self._dtype = dtype
        self._decoder, self._vision = load_graphs(
            checkpoint.model, checkpoint.folder, checkpoint.config, device, dtype
        )
        self._pooling = torch.from_numpy(pooling_indices(checkpoint.pixels)).to(device)
        self._text = checkpoint.config.text
        self._cache = _Cache.empty(self._text, 0, device, dtype)
        self._graphs = CudaGraphs(self._decoder) if device.type == 'cuda' else None
        self._step = _ROWS if self._graphs is None else _CUDA_ROWS

    def encode(self, patches: NDArray[np.float32]) -> Tensor:
        """Features of one frame, (tokens, hidden)."""
        with guarded('encoding a frame'), torch.inference_mode():
            batch = torch.from_numpy(patches)[None].to(self._device, self._dtype)
            features: Tensor = self._vision(batch, self._pooling)
            return features

    def read(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> list[Choice]:
        """Write ids to the cache; the choices after the last `last_count` of them."""
        with guarded(f'reading {len(ids)} tokens'), torch.inference_mode():
            if self._graphs is not None and video is None and self._graphs.fit(len(ids)):
                end = start + self._graphs.rows(len(ids))
                if end <= self.capacity:
                    self._grow(end, start)
                    tokens, logprobs = self._graphs.replay(ids, start, self._cache)
                    return _choices(tokens[:, -last_count:], logprobs[:, -last_count:])
            _, tokens, logprobs = self.run(ids, start, last_count, video)
            return _choices(tokens, logprobs)

    def logits(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> NDArray[np.float32]:
        """As `read`: the logits, (last_count, vocabulary)."""
        with guarded(f'reading {len(ids)} tokens'), torch.inference_mode():
            logits: NDArray[np.float32] = (
                self.run(ids, start, last_count, video)[0][0].cpu().numpy()
            )
            return logits

    def budget(self) -> Budget | None:
        """The memory that is free on its device."""
        free = _free_bytes(self._device)
        if free is None:
            return None
        rows, where = self._cache.rows, _where(self._device)
        return Budget(free, where, rows, self._step, self._dtype.itemsize, fused=True)

    def run(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As `read`: the logits (1, last_count, vocabulary), and each one's token and logprob."""
        end = start + len(ids)
        self._grow(end, start)
        cache = self._cache
        # Rows above are void.
        cache.visual[:, start:] = False
        slots, features = torch.zeros((1, len(ids)), dtype=torch.long), None
        if video is not None:
            cache.visual[0, start:end] = torch.tensor(video.visual, device=self._device) == 1
            slots = torch.tensor([video.slots])
            features = torch.cat([torch.as_tensor(tensor) for tensor in video.features])
        logits, tokens, logprobs, _, _ = self._decoder(
            torch.tensor([ids], device=self._device),
            slots.to(self._device),
            features,
            cache.visual[:, start:end],
            cache.visual[:, :end],
            torch.tensor([start], device=self._device),
            torch.arange(len(ids) - last_count, len(ids), device=self._device),
            [tensor[:, :, :end] for tensor in cache.keys],
            [tensor[:, :, :end] for tensor in cache.values],
        )
        return logits, tokens, logprobs

    def close(self) -> None:
        """Free weights and cache."""
        del self._decoder, self._vision, self._cache, self._graphs
        if self._device.type == 'cuda':
            torch.cuda.empty_cache()

    def _grow(self, rows: int, used_rows: int) -> None:
        """Make room for `rows` rows; the first `used_rows` keep their content."""
        if rows <= self._cache.rows:
            return
        new_rows = min(-(-rows // self._step) * self._step, max(self.capacity, rows))
        larger = _Cache.empty(self._text, new_rows, self._device, self._dtype)
        larger.take(self._cache, used_rows)
        self._cache = larger
        if self._graphs is not None:
            # Captured graphs hold the old cache's addresses.
            self._graphs.clear()


@dataclass(slots=True)
class _Cache:
    """Keys and values of the tokens read, and which of these are the video's."""

    keys: list[Tensor]  # a layer: (1, m, rows, d)
    values: list[Tensor]
    visual: Tensor  # (1, rows) bool

    @classmethod
    def empty(cls, text: TextConfig, rows: int, device: torch.device, dtype: torch.dtype) -> _Cache:
        """A cache of zeros. Masked rows take part in the arithmetic, so they must be finite."""
        shape = (1, text.kv_heads, rows, text.head_dim)
        keys, values = (
            [torch.zeros(shape, device=device, dtype=dtype) for _ in range(text.layers)]
            for _ in range(2)
        )
        return cls(keys, values, torch.zeros((1, rows), dtype=torch.bool, device=device))

    @property
    def rows(self) -> int:
        """How many rows the cache has."""
        return self.visual.shape[1]

    def take(self, other: _Cache, rows: int) -> None:
        """Copy the first rows of a smaller cache."""
        pairs = zip(self.keys + self.values, other.keys + other.values, strict=True)
        for mine, theirs in pairs:
            mine[:, :, :rows] = theirs[:, :, :rows]
        self.visual[:, :rows] = other.visual[:, :rows]


def _free_bytes(device: torch.device) -> int | None:
    """Bytes that can still be allocated on the device; None if the system does not tell.

    torch keeps memory that it has freed, so that counts as free too. On a Jetson the GPU shares the
    machine's memory, so the file cache counts as free: Linux gives it up when asked. Neither CUDA
    case has been run yet.
    """
    if device.type == 'cpu':
        return available_bytes()
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if torch.cuda.get_device_properties(device).is_integrated:
        return max(free, available_bytes() or 0)
    return free


def _where(device: torch.device) -> str:
    return 'memory' if device.type == 'cpu' else f'memory of {device}'


def _choices(tokens: Tensor, logprobs: Tensor) -> list[Choice]:
    pairs = zip(tokens[0].tolist(), logprobs[0].tolist(), strict=True)
    return [Choice(token, logprob) for token, logprob in pairs]
