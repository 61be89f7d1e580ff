# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs the exported graph in ONNX Runtime, on the CPU. Needs neither torch nor transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.host.ram import available_bytes
from molmo_ground_ros.backends.molmo2.engine import Checkpoint, EngineBackend, open_checkpoint
from molmo_ground_ros.backends.molmo2.files import PARTS, exported_format, part_dtype
from molmo_ground_ros.backends.molmo2.formats import CPU_FORMATS, cpu_format
from molmo_ground_ros.backends.molmo2.memory import Budget, fit_weights, frames_of_pass
from molmo_ground_ros.backends.molmo2.runtime import Choice, Features, VideoFeatures
from molmo_ground_ros.backends.molmo2.runtimes.denormals import flush_denormals
from molmo_ground_ros.backends.molmo2.runtimes.onnx_decoder import OnnxDecoder
from molmo_ground_ros.backends.molmo2.runtimes.onnx_session import (
    find_graph,
    guarded_run,
    open_session,
)
from molmo_ground_ros.backends.molmo2.weights import digest, read_index
from molmo_ground_ros.backends.pixels import pooling_indices
from molmo_ground_ros.errors import BadSetting

# The precision of the arithmetic, by the end of a format's name.
_DTYPES: dict[str, type[np.float32 | np.float16]] = {
    'float32': np.float32,
    'float16': np.float16,
    'cpu': np.float32,
}
# What a user may name.
_FORMATS = ('float32', 'float16', 'int8', 'int4')


def load(settings: BackendSettings) -> EngineBackend:
    """The backend named `onnx`. Raises BadModel, BadSetting or DoesNotFit."""
    if settings.device not in ('auto', 'cpu'):
        raise BadSetting('device', settings.device, 'the onnx backend runs on the CPU')
    if settings.dtype not in ('auto', *_FORMATS):
        raise BadSetting('dtype', settings.dtype, f'the onnx backend has {", ".join(_FORMATS)}')
    checkpoint = open_checkpoint(settings)
    missing = CPU_FORMATS[0] if settings.dtype == 'auto' else cpu_format(settings.dtype)
    dtype = exported_format(checkpoint.folder, settings.dtype) or missing
    free = available_bytes()
    if free is not None:
        fit_weights(checkpoint.config, dtype, free, 'memory', CPU_FORMATS)
    return EngineBackend(
        checkpoint, OnnxRuntime(checkpoint, dtype, settings.threads), settings.savings
    )


class OnnxRuntime:
    """One checkpoint's exported graphs. Raises BadModel if they are missing or stale."""

    def __init__(
        self, checkpoint: Checkpoint, dtype: str, threads: int = 0, form: str = ''
    ) -> None:
        """Load the graphs of this form, a key of files.FORMS; '' takes the best one that exists.

        dtype: 'float32', 'float16' or one of few bits as formats.CPU_FORMATS names it.
        'int4.float32' for example is the reference which an int4 engine is compared with.
        """
        _, _, computed = dtype.rpartition('.')
        self._dtype = _DTYPES[computed]
        checkpoint_digest = digest(
            read_index(checkpoint.model, checkpoint.folder), checkpoint.config
        )
        decoder, self._vision = (
            open_session(
                checkpoint.model,
                find_graph(checkpoint, part, part_dtype(part, dtype), form),
                checkpoint_digest,
                threads,
            )
            for part in PARTS
        )
        self._decoder = OnnxDecoder(decoder, checkpoint.config.text, self._dtype)
        self.capacity = self._decoder.capacity
        self.batch = frames_of_pass(checkpoint.config.vision, gpu=False)
        self._pooling = pooling_indices(checkpoint.pixels)

    def encode(self, frames: Sequence[NDArray[np.float32]]) -> list[Features]:
        """Features of each of 1 to `batch` frames, (tokens, hidden)."""
        inputs = {'patches': np.stack(frames, dtype=self._dtype), 'pooling': self._pooling}
        with guarded_run(f'encoding {len(frames)} frames'), flush_denormals():
            features: NDArray[Any] = self._vision.run(['features'], inputs)[0]
            return [frame.copy() for frame in np.split(features, len(frames))]

    def read(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> list[Choice]:
        """Write ids to the cache; the choices after the last `last_count` of them."""
        with guarded_run(f'reading {len(ids)} tokens'):
            tokens, logprobs = self.run(('tokens', 'logprobs'), ids, start, last_count, video)
            pairs = zip(tokens[0].tolist(), logprobs[0].tolist(), strict=True)
            return [Choice(token, logprob) for token, logprob in pairs]

    def logits(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> NDArray[np.float32]:
        """As `read`: the logits, (last_count, vocabulary)."""
        with guarded_run(f'reading {len(ids)} tokens'):
            logits: NDArray[np.float32] = self.run(('logits',), ids, start, last_count, video)[0][0]
            return logits

    def budget(self) -> Budget | None:
        """The memory that is free."""
        return self._decoder.budget(self.batch)

    def run(
        self,
        outputs: Sequence[str],
        ids: Sequence[int],
        start: int,
        last_count: int,
        video: VideoFeatures | None = None,
    ) -> list[NDArray[Any]]:
        """As `read`: any of 'logits', 'tokens' and 'logprobs', each (1, last_count, ...)."""
        return self._decoder.run(outputs, ids, start, last_count, video)

    def close(self) -> None:
        """Free weights and cache."""
        del self._decoder, self._vision
