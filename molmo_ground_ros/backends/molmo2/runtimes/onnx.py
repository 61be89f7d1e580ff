# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs the exported graph in ONNX Runtime, on the CPU. Needs neither torch nor transformers.

The cache is bound as input and as output of a pass, so it is updated in place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.host.ram import available_bytes
from molmo_ground_ros.backends.molmo2.config import TextConfig
from molmo_ground_ros.backends.molmo2.engine import Checkpoint, EngineBackend, open_checkpoint
from molmo_ground_ros.backends.molmo2.exported import GraphState, graph_state
from molmo_ground_ros.backends.molmo2.files import (
    FORMS,
    PARTS,
    exported_format,
    graph_file,
    part_dtype,
)
from molmo_ground_ros.backends.molmo2.formats import CPU, CPU_FORMATS, cpu_format
from molmo_ground_ros.backends.molmo2.memory import Budget, fit_weights, frames_of_pass
from molmo_ground_ros.backends.molmo2.runtime import Choice, Features, VideoFeatures
from molmo_ground_ros.backends.molmo2.runtimes.denormals import flush_denormals
from molmo_ground_ros.backends.molmo2.weights import digest, read_index
from molmo_ground_ros.backends.pixels import pooling_indices
from molmo_ground_ros.errors import BackendError, BadModel, BadSetting

_ROWS = 64  # the cache grows by so many at a time; a pass looks at all of them
# The precision of the arithmetic, by the end of a format's name.
_DTYPES: dict[str, type[np.float32 | np.float16]] = {
    'float32': np.float32,
    'float16': np.float16,
    'cpu': np.float32,
}
# What a user may name.
_FORMATS = ('float32', 'float16', 'int8', 'int4')
# Activations of an engine's matrices stay as they are: by default they are rounded to int8. Those
# of MatMulNBits, which graphs for this CPU name themselves, follow the graph.
_LEVEL = ('session.qdq_matmulnbits_accuracy_level', '1')
# For the threads of its pool: each sets this anew when it starts.
_FLUSH = ('session.set_denormal_as_zero', '1')
# A session's threads spin when it has no more work, on the cores that the other one needs then.
_STOP = ('session.force_spinning_stop', '1')
_EXPORT = 'molmo-ground build --backend onnx'
_ERRORS = 3  # severity: ONNX Runtime warns of folded constants


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
        self._text = checkpoint.config.text
        _, _, computed = dtype.rpartition('.')
        self._dtype = _DTYPES[computed]
        checkpoint_digest = digest(
            read_index(checkpoint.model, checkpoint.folder), checkpoint.config
        )
        self._decoder, self._vision = (
            _session(
                checkpoint.model,
                _find(checkpoint, part, part_dtype(part, dtype), form),
                checkpoint_digest,
                threads,
            )
            for part in PARTS
        )
        self._fixed = _fixed_rows(self._decoder)
        self.capacity = self._fixed or checkpoint.config.text.positions
        self.batch = frames_of_pass(checkpoint.config.vision, gpu=False)
        self._pooling = pooling_indices(checkpoint.pixels)
        self._rows = 0
        self._cache: dict[str, Any] = {}  # by the name of the input: an OrtValue
        self._visual = np.zeros((1, 0), dtype=np.bool_)
        self._no_features = np.zeros((1, self._text.hidden), dtype=self._dtype)

    def encode(self, frames: Sequence[NDArray[np.float32]]) -> list[Features]:
        """Features of each of 1 to `batch` frames, (tokens, hidden)."""
        inputs = {'patches': np.stack(frames, dtype=self._dtype), 'pooling': self._pooling}
        with _guard(f'encoding {len(frames)} frames'), flush_denormals():
            features: NDArray[Any] = self._vision.run(['features'], inputs)[0]
            return [frame.copy() for frame in np.split(features, len(frames))]

    def read(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> list[Choice]:
        """Write ids to the cache; the choices after the last `last_count` of them."""
        with _guard(f'reading {len(ids)} tokens'):
            tokens, logprobs = self.run(('tokens', 'logprobs'), ids, start, last_count, video)
            pairs = zip(tokens[0].tolist(), logprobs[0].tolist(), strict=True)
            return [Choice(token, logprob) for token, logprob in pairs]

    def logits(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> NDArray[np.float32]:
        """As `read`: the logits, (last_count, vocabulary)."""
        with _guard(f'reading {len(ids)} tokens'):
            logits: NDArray[np.float32] = self.run(('logits',), ids, start, last_count, video)[0][0]
            return logits

    def budget(self) -> Budget | None:
        """The memory that is free. On a CPU ONNX Runtime's Attention stores all its scores."""
        free = available_bytes()
        item = np.dtype(self._dtype).itemsize
        step = self._fixed or _ROWS
        if free is None:
            return None
        return Budget(free, 'memory', self._rows, step, item, fused=False, batch=self.batch)

    def run(
        self,
        outputs: Sequence[str],
        ids: Sequence[int],
        start: int,
        last_count: int,
        video: VideoFeatures | None = None,
    ) -> list[NDArray[Any]]:
        """As `read`: any of 'logits', 'tokens' and 'logprobs', each (1, last_count, ...)."""
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
        binding = self._decoder.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, array)
        for name, cache in self._cache.items():
            binding.bind_ortvalue_input(name, cache)
            binding.bind_ortvalue_output(name.replace('_', '_out_'), cache)
        for name in outputs:
            binding.bind_output(name)
        with flush_denormals():
            self._decoder.run_with_iobinding(binding)
        values = dict(zip(self._output_names(outputs), binding.get_outputs(), strict=True))
        return [values[name].numpy() for name in outputs]

    def close(self) -> None:
        """Free weights and cache."""
        del self._decoder, self._vision, self._cache

    def _output_names(self, outputs: Sequence[str]) -> list[str]:
        """The names of all outputs, in the order in which `run` binds them."""
        return [*(name.replace('_', '_out_') for name in self._cache), *outputs]

    def _grow(self, rows: int, used_rows: int) -> None:
        """Make room for `rows` rows; the first `used_rows` keep their content."""
        if rows <= self._rows:
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
        self._visual, self._rows = visual, new_rows


def _cache_names(text: TextConfig) -> list[str]:
    return [f'{name}_{i}' for name in ('key', 'value') for i in range(text.layers)]


def _fixed_rows(decoder: Any) -> int:
    """The capacity that the graph was fixed to; 0 if it takes any."""
    (rows,) = (tensor.shape[1] for tensor in decoder.get_inputs() if tensor.name == 'seen_visual')
    return rows if isinstance(rows, int) else 0


def _find(checkpoint: Checkpoint, part: str, dtype: str, form: str) -> Path:
    """The graph's file in the checkpoint's folder. Raises BadModel, saying how to write it."""
    names = [graph_file(part, dtype, form_name) for form_name in ([form] if form else FORMS)]
    paths = [checkpoint.folder / name for name in names if (checkpoint.folder / name).is_file()]
    if not paths:
        raise BadModel(
            checkpoint.model,
            f'{names[0]} is not in {checkpoint.folder}: write it with '
            f'{_EXPORT} --dtype {dtype.removesuffix(CPU)} {checkpoint.folder}',
        )
    return paths[0]


def _session(model: str, path: Path, checkpoint_digest: str, threads: int) -> Any:
    state = graph_state(path, checkpoint_digest)
    if state is GraphState.DAMAGED:
        raise BadModel(model, f'cannot load {path.name}: it is damaged, or its weights are')
    if state is GraphState.FOREIGN:
        raise BadModel(
            model,
            f'{path.name} was exported from other weights: write it again with '
            f'{_EXPORT} {path.parent}',
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _ERRORS
    options.add_session_config_entry(*_LEVEL)
    options.add_session_config_entry(*_FLUSH)
    options.add_session_config_entry(*_STOP)
    try:
        # The switch above would leave this thread changed for good.
        with flush_denormals():
            session = onnxruntime.InferenceSession(
                str(path), options, providers=['CPUExecutionProvider']
            )
    except Exception as err:
        # ONNX Runtime's errors share no other base.
        reason = str(err).strip().split('\n')[0]
        raise BadModel(model, f'cannot load {path.name}: {reason}') from err
    return session


@contextlib.contextmanager
def _guard(doing: str) -> Iterator[None]:
    """Turn whatever ONNX Runtime raises into BackendError. doing: what the block does."""
    try:
        yield
    except Exception as err:
        # ONNX Runtime's errors share no other base.
        reason = str(err).strip().split('\n')[0]
        raise BackendError(f'{doing}: {type(err).__name__}: {reason}') from err
