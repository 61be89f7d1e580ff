# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A decoder's graph in ONNX Runtime with its cache, which grows and is updated in place.

The cache is bound as input and as output of a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from molmo_ground_ros.backends.host.ram import available_bytes
from molmo_ground_ros.backends.molmo2.config import TextConfig
from molmo_ground_ros.backends.molmo2.memory import Budget
from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures
from molmo_ground_ros.backends.molmo2.runtimes.denormals import flush_denormals

_ROWS = 64  # the cache grows by so many at a time; a pass looks at all of them


class OnnxDecoder:
    """A decoder's session and its cache, which grows and is updated in place.

    capacity: the most rows of the cache. rows: those it has.
    """

    def __init__(self, session: Any, text: TextConfig, dtype: type[np.floating[Any]]) -> None:
        """dtype: the precision of the arithmetic."""
        self.session = session
        self._text = text
        self._dtype = dtype
        self._fixed = _fixed_rows(session)
        self.capacity = self._fixed or text.positions
        self.rows = 0
        self._cache: dict[str, Any] = {}  # by the name of the input: an OrtValue
        self._visual = np.zeros((1, 0), dtype=np.bool_)
        self._no_features = np.zeros((1, text.hidden), dtype=dtype)

    def run(
        self,
        outputs: Sequence[str],
        ids: Sequence[int],
        start: int,
        last_count: int,
        video: VideoFeatures | None = None,
    ) -> list[NDArray[Any]]:
        """As `Runtime.read`: any outputs of the graph by name, of the last tokens."""
        end = start + len(ids)
        self._grow(end, start)
        # Rows above are void.
        self._visual[:, start:] = False
        slots: Sequence[int] = [0] * len(ids)
        features = self._no_features
        if video is not None:
            self._visual[0, start:end] = np.asarray(video.visual) == 1
            slots = video.slots
            if video.features:
                features = np.concatenate([np.asarray(frame) for frame in video.features])
        inputs = {
            'ids': np.asarray([ids], dtype=np.int64),
            'slots': np.asarray([slots], dtype=np.int64),
            'features': features,
            'visual': np.ascontiguousarray(self._visual[:, start:end]),
            'seen_visual': self._visual,
            'start': np.asarray([start], dtype=np.int64),
            'wanted': np.arange(len(ids) - last_count, len(ids), dtype=np.int64),
        }
        binding = self.session.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, array)
        for name, cache in self._cache.items():
            binding.bind_ortvalue_input(name, cache)
            binding.bind_ortvalue_output(name.replace('_', '_out_'), cache)
        for name in outputs:
            binding.bind_output(name)
        with flush_denormals():
            self.session.run_with_iobinding(binding)
        values = dict(zip(self._output_names(outputs), binding.get_outputs(), strict=True))
        return [values[name].numpy() for name in outputs]

    def budget(self, batch: int) -> Budget | None:
        """The memory that is free. On a CPU ONNX Runtime's Attention stores all its scores.

        batch: frames that are encoded in one pass.
        """
        free, item = available_bytes(), np.dtype(self._dtype).itemsize
        if free is None:
            return None
        step = self._fixed or _ROWS
        return Budget(free, 'memory', self.rows, step, item, fused=False, batch=batch)

    def _output_names(self, outputs: Sequence[str]) -> list[str]:
        """The names of all outputs, in the order in which `run` binds them."""
        return [*(name.replace('_', '_out_') for name in self._cache), *outputs]

    def _grow(self, rows: int, used_rows: int) -> None:
        """Make room for `rows` rows; the first `used_rows` keep their content."""
        if rows <= self.rows:
            return
        new_rows = self._fixed or min(-(-rows // _ROWS) * _ROWS, max(self.capacity, rows))
        for name in _cache_names(self._text):
            shape = (1, self._text.kv_heads, new_rows, self._text.head_dim)
            larger = np.zeros(shape, dtype=self._dtype)
            if used_rows:
                larger[:, :, :used_rows] = self._cache[name].numpy()[:, :, :used_rows]
            self._cache[name] = onnxruntime.OrtValue.ortvalue_from_numpy(larger)
        visual = np.zeros((1, new_rows), dtype=np.bool_)
        visual[:, :used_rows] = self._visual[:, :used_rows]
        self._visual, self.rows = visual, new_rows


def _cache_names(text: TextConfig) -> list[str]:
    return [f'{name}_{i}' for name in ('key', 'value') for i in range(text.layers)]


def _fixed_rows(decoder: Any) -> int:
    """The capacity that the graph was fixed to; 0 if it takes any."""
    (rows,) = (tensor.shape[1] for tensor in decoder.get_inputs() if tensor.name == 'seen_visual')
    return rows if isinstance(rows, int) else 0
