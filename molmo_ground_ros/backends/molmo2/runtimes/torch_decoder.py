# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A decoder's graph in PyTorch with its cache, which grows and is updated in place.

On a CPU a pass reads only those rows of the cache that have been written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from molmo_ground_ros.backends.molmo2.config import TextConfig
from molmo_ground_ros.backends.molmo2.graph import DecoderLayers
from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures

# The cache grows by so many rows at a time.
_ROWS = 256
# The same on CUDA. It is larger there, because captured graphs are lost when the cache grows.
_CUDA_ROWS = 2048


class TorchDecoder:
    """One graph on one device. capacity: the most rows of its cache."""

    def __init__(
        self, graph: DecoderLayers, text: TextConfig, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.capacity = text.positions
        self.step = _ROWS if device.type == 'cpu' else _CUDA_ROWS
        self.cache = TorchCache.empty(text, 0, device, dtype)
        self.graph = graph
        self._text = text
        self._device = device
        self._dtype = dtype

    def run(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> tuple[Tensor, ...]:
        """As `Runtime.read`: what the graph gives for the last tokens, without the caches."""
        end = start + len(ids)
        self.grow(end, start)
        cache = self.cache
        # Rows above are void.
        cache.visual[:, start:] = False
        slots, features = torch.zeros((1, len(ids)), dtype=torch.long), None
        if video is not None:
            cache.visual[0, start:end] = torch.tensor(video.visual, device=self._device) == 1
            slots = torch.tensor([video.slots])
            features = torch.cat([torch.as_tensor(tensor) for tensor in video.features])
        *outputs, _, _ = self.graph(
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
        return tuple(outputs)

    def grow(self, rows: int, used_rows: int) -> bool:
        """Make room for `rows` rows; the first `used_rows` keep their content.

        Says whether the cache was moved to other addresses.
        """
        if rows <= self.cache.rows:
            return False
        new_rows = min(-(-rows // self.step) * self.step, max(self.capacity, rows))
        larger = TorchCache.empty(self._text, new_rows, self._device, self._dtype)
        larger.take(self.cache, used_rows)
        self.cache = larger
        return True


@dataclass(slots=True)
class TorchCache:
    """Keys and values of the tokens read, and which of these are the video's."""

    keys: list[Tensor]  # a layer: (1, m, rows, d)
    values: list[Tensor]
    visual: Tensor  # (1, rows) bool

    @classmethod
    def empty(
        cls, text: TextConfig, rows: int, device: torch.device, dtype: torch.dtype
    ) -> TorchCache:
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

    def take(self, other: TorchCache, rows: int) -> None:
        """Copy the first rows of a smaller cache."""
        pairs = zip(self.keys + self.values, other.keys + other.values, strict=True)
        for mine, theirs in pairs:
            mine[:, :, :rows] = theirs[:, :, :rows]
        self.visual[:, :rows] = other.visual[:, :rows]
