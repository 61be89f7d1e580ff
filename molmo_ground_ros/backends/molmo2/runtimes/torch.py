# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs the graph in PyTorch: weights are mapped from the checkpoint, the cache updated in place.

On CUDA decoding replays captured graphs of fixed shapes (cuda_graphs.py); that part has not been
run yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.host.device import choose_device, choose_dtype, guarded
from molmo_ground_ros.backends.host.ram import available_bytes
from molmo_ground_ros.backends.molmo2.config import Molmo2Config
from molmo_ground_ros.backends.molmo2.engine import Checkpoint, EngineBackend, open_checkpoint
from molmo_ground_ros.backends.molmo2.load import load_graphs
from molmo_ground_ros.backends.molmo2.memory import Budget, fit_weights, frames_of_pass
from molmo_ground_ros.backends.molmo2.runtime import Choice, Features, VideoFeatures
from molmo_ground_ros.backends.molmo2.runtimes.cuda_graphs import CudaGraphs
from molmo_ground_ros.backends.molmo2.runtimes.torch_decoder import TorchDecoder
from molmo_ground_ros.backends.pixels import pooling_indices


def load(settings: BackendSettings) -> EngineBackend:
    """The backend named `torch`. Raises BadModel, BadSetting or DoesNotFit."""
    device = choose_device(settings.device)
    dtype = choose_dtype(settings.dtype, device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    checkpoint = open_checkpoint(settings)
    check_weights(checkpoint.config, device, dtype)
    return EngineBackend(checkpoint, TorchRuntime(checkpoint, device, dtype), settings.savings)


def check_weights(config: Molmo2Config, device: torch.device, dtype: torch.dtype) -> None:
    """Raise DoesNotFit where the weights need more than what is free on the device."""
    free = _free_bytes(device)
    if free is not None:
        fit_weights(config, str(dtype).removeprefix('torch.'), free, _where(device))


def torch_budget(
    decoder: TorchDecoder, device: torch.device, dtype: torch.dtype, batch: int
) -> Budget | None:
    """The memory that is free on a decoder's device. batch: frames that are encoded in one pass."""
    free = _free_bytes(device)
    if free is None:
        return None
    rows, where = decoder.cache.rows, _where(device)
    return Budget(free, where, rows, decoder.step, dtype.itemsize, fused=True, batch=batch)


class TorchRuntime:
    """One checkpoint's graph on one device. Raises BadModel."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: torch.device,
        dtype: torch.dtype,
        replaced: Mapping[str, Mapping[str, nn.Module]] | None = None,
    ) -> None:
        """Load the checkpoint. replaced: as in `load.load_graphs`."""
        self.capacity = checkpoint.config.text.positions
        self.batch = frames_of_pass(checkpoint.config.vision, gpu=device.type == 'cuda')
        self._device = device
        self._dtype = dtype
        decoder, self._vision = load_graphs(
            checkpoint.model, checkpoint.folder, checkpoint.config, device, dtype, replaced
        )
        self._decoder = TorchDecoder(decoder, checkpoint.config.text, device, dtype)
        self._pooling = torch.from_numpy(pooling_indices(checkpoint.pixels)).to(device)
        self._graphs = CudaGraphs(decoder) if device.type == 'cuda' else None

    @property
    def captured_graphs(self) -> tuple[int, ...]:
        """Tokens of the passes that have a CUDA graph now; none on a CPU."""
        return self._graphs.captured if self._graphs is not None else ()

    def encode(self, frames: Sequence[NDArray[np.float32]]) -> list[Features]:
        """Features of each of 1 to `batch` frames, (tokens, hidden)."""
        with guarded(f'encoding {len(frames)} frames'), torch.inference_mode():
            patches = torch.from_numpy(np.stack(frames)).to(self._device, self._dtype)
            features: Tensor = self._vision(patches, self._pooling)
            return [frame.clone() for frame in features.chunk(len(frames))]

    def read(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> list[Choice]:
        """Write ids to the cache; the choices after the last `last_count` of them."""
        with guarded(f'reading {len(ids)} tokens'), torch.inference_mode():
            if self._graphs is not None and video is None and self._graphs.fit(len(ids)):
                end = start + self._graphs.rows(len(ids))
                if end <= self.capacity:
                    self._grow(end, start)
                    tokens, logprobs = self._graphs.replay(ids, start, self._decoder.cache)
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
        return torch_budget(self._decoder, self._device, self._dtype, self.batch)

    def run(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As `read`: the logits (1, last_count, vocabulary), and each one's token and logprob."""
        self._grow(start + len(ids), start)
        logits, tokens, logprobs = self._decoder.run(ids, start, last_count, video)
        return logits, tokens, logprobs

    def close(self) -> None:
        """Free weights and cache."""
        del self._decoder, self._vision, self._graphs
        if self._device.type == 'cuda':
            torch.cuda.empty_cache()

    def _grow(self, rows: int, used_rows: int) -> None:
        """Make room for `rows` rows. Captured graphs hold the addresses of the old cache."""
        if self._decoder.grow(rows, used_rows) and self._graphs is not None:
            self._graphs.clear()


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
