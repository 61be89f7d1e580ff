# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs the exported graph as TensorRT engines. Needs CUDA's bindings and TensorRT.

Every tensor has a fixed address on the GPU. The cache is bound as input and as output at the same
address, so an engine updates it in place. One engine encodes frames, with two profiles, for one and
for several. The other is the decoder, with two profiles, for steps and for prompts. This has not
been run on a GPU yet: the tests run it on stand-ins for TensorRT and for the GPU's memory, which
execute the same graphs.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.molmo2.engine import Checkpoint, EngineBackend, open_checkpoint
from molmo_ground_ros.backends.molmo2.formats import ENGINE_FORMATS, compute_dtype
from molmo_ground_ros.backends.molmo2.memory import frames_of_pass
from molmo_ground_ros.backends.molmo2.runtime import Choice, Features, VideoFeatures
from molmo_ground_ros.backends.molmo2.trt.choose import PlanPair, choose
from molmo_ground_ros.backends.molmo2.trt.cuda_memory import CudaMemory, find_gpu
from molmo_ground_ros.backends.molmo2.trt.engine import Engine
from molmo_ground_ros.backends.molmo2.trt.find import find_tensorrts
from molmo_ground_ros.backends.molmo2.trt.memory import Buffer, DeviceMemory, to_bfloat16
from molmo_ground_ros.backends.molmo2.trt.plans import NOT_CHECKED
from molmo_ground_ros.backends.molmo2.trt.profiles import (
    ONE_FRAME,
    READING,
    SEVERAL_FRAMES,
    STEP,
    STEPS,
)
from molmo_ground_ros.backends.pixels import pooling_indices
from molmo_ground_ros.errors import BackendError, BadModel, BadSetting, DoesNotFit

_BYTES = {'FLOAT': 4, 'HALF': 2, 'BF16': 2, 'INT64': 8, 'BOOL': 1}
_LOG = logging.getLogger(__name__)


def load(settings: BackendSettings) -> EngineBackend:
    """The backend named `tensorrt`, on plans that `molmo-ground build` made.

    dtype 'auto' takes the first of formats.ENGINE_FORMATS that has a usable plan; among plans of
    one format the largest capacity is taken. Raises BadSetting, BadModel if no plan can be used
    (the error says what differs), MissingPackage or BackendError.
    """
    if settings.device == 'cpu':
        raise BadSetting('device', settings.device, 'the tensorrt backend runs on a GPU')
    if settings.dtype not in ('auto', *ENGINE_FORMATS):
        formats = ', '.join(ENGINE_FORMATS)
        raise BadSetting('dtype', settings.dtype, f'the tensorrt backend has {formats}')
    tensorrts = find_tensorrts()
    _, _, number = settings.device.partition(':')
    index = int(number or 0)
    gpu = find_gpu(index)
    checkpoint = open_checkpoint(settings)
    chosen = choose(checkpoint, settings.dtype, tensorrts, gpu)
    for entry in (chosen.decoder, chosen.vision):
        _LOG.info('%s: %s', entry.recipe.part, entry.file.path)
        if entry.facts.self_check.startswith(NOT_CHECKED):
            _LOG.warning(
                '%s was not checked against the reference (%s): molmo-ground build on this machine '
                'makes one that is', entry.file.path.name, entry.facts.self_check,
            )  # fmt: skip
    return EngineBackend(
        checkpoint, TensorrtRuntime(checkpoint, chosen, CudaMemory(index)), settings.savings
    )


@dataclass(frozen=True, slots=True)
class DeviceFeatures:
    """One frame's features on the GPU, `rows` rows of the decoder's width."""

    rows: int
    buffer: Buffer

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self.buffer.nbytes


class TensorrtRuntime:
    """One checkpoint's engines on one GPU. Raises BadModel if a plan contradicts its manifest.

    It can be used after a failed pass, because every row of the cache is written before it is read
    again. Some errors destroy the state of CUDA in this process. Then every later call says so, and
    only a new process helps.
    """

    def __init__(self, checkpoint: Checkpoint, chosen: PlanPair, memory: DeviceMemory) -> None:
        recipe = chosen.decoder.recipe
        self.capacity = recipe.capacity
        self.frames = recipe.frames  # of the longest clip
        self._model = checkpoint.model
        self._text = checkpoint.config.text
        self._tower = checkpoint.config.vision
        self.batch = frames_of_pass(self._tower, gpu=True)
        self._memory = memory
        self._broken = ''
        self._pooling = pooling_indices(checkpoint.pixels)  # (tokens of a frame, window)
        self._type = {'float16': 'HALF', 'bfloat16': 'BF16', 'float32': 'FLOAT'}[
            compute_dtype(recipe.weights)
        ]
        self._visual = np.zeros((1, self.capacity), dtype=np.bool_)
        self._tensors: dict[str, Buffer] = {}  # by name: each lies here for good
        self._check_room(chosen)
        self._vision, self._decoder = (
            Engine(chosen.tensorrt, checkpoint.model, plan.file.path, memory.stream)
            for plan in (chosen.vision, chosen.decoder)
        )
        self._place(self._vision, self._vision_tensors())
        # The decoder reads a tensor of the same name.
        self._features = self._tensors.pop('features')
        self._place(self._decoder, self._decoder_tensors(len(self._pooling)))
        self._bind_caches()
        memory.write(self._tensors['pooling'], self._pooling)
        memory.synchronise()

    def encode(self, frames: Sequence[NDArray[np.float32]]) -> list[Features]:
        """Features of each of 1 to `batch` frames, (tokens, hidden). They stay on the GPU."""
        with self._guard(f'encoding {len(frames)} frames'):
            rows = len(self._pooling)
            nbytes = rows * self._text.hidden * _BYTES[self._type]
            # The copy must live until the wait below.
            patches = self._cast(np.stack(frames))
            self._memory.write(self._tensors['patches'], patches)
            profile = ONE_FRAME if len(frames) == 1 else SEVERAL_FRAMES
            self._vision.run(profile, {'patches': patches.shape, 'pooling': self._pooling.shape})
            encoded: list[Features] = []
            for i in range(len(frames)):
                buffer = self._memory.allocate(nbytes, 'features of a frame')
                self._memory.copy(self._features.part(i * nbytes, nbytes), buffer, 0)
                encoded.append(DeviceFeatures(rows, buffer))
            self._memory.synchronise()
            return encoded

    def read(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> list[Choice]:
        """Write ids to the cache; the choices after the last `last_count` of them."""
        with self._guard(f'reading {len(ids)} tokens'):
            tokens, logprobs = self._run(
                {'tokens': np.int64, 'logprobs': np.float32}, ids, start, last_count, video
            )
            return [Choice(int(a), float(b)) for a, b in zip(tokens, logprobs, strict=True)]

    def logits(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> NDArray[np.float32]:
        """As `read`: the logits, (last_count, vocabulary)."""
        with self._guard(f'reading {len(ids)} tokens'):
            [logits] = self._run({'logits': np.float32}, ids, start, last_count, video)
            return logits

    def close(self) -> None:
        """Free the engines and their memory. Features that others refer to free themselves."""
        with self._guard('closing'):
            self._memory.synchronise()
            self._decoder.close()
            self._vision.close()
            self._tensors.clear()
            del self._features
            self._memory.close()
        self._broken = 'it was closed'

    def _check_room(self, chosen: PlanPair) -> None:
        """Raise DoesNotFit, before anything is allocated, if the engines need more than is free.

        The engines' working memory is not counted, because only TensorRT knows it. If it does not
        fit, TensorRT reports that.
        """
        tensors = [
            *self._vision_tensors().values(),
            *self._decoder_tensors(len(self._pooling)).values(),
        ]
        cache = 2 * self._text.layers * _size(self._cache())
        parts = {
            'the decoder': chosen.decoder.file.nbytes,
            'the vision tower': chosen.vision.file.nbytes,
            f'a cache of {self.capacity} rows': cache,
            'inputs and outputs': sum(_size(tensor) for tensor in tensors),
        }
        free, needed = self._memory.free(), sum(parts.values())
        if needed > free:
            rows = (free - needed + cache) * self.capacity // cache
            would = [f'engines of {rows} rows'] if rows > len(self._pooling) else []
            raise DoesNotFit(self._model, parts.items(), free, 'GPU memory', would)

    def _cache(self) -> tuple[str, tuple[int, ...]]:
        """Type and size of the keys, or values, of a layer."""
        return self._type, (1, self._text.kv_heads, self.capacity, self._text.head_dim)

    def _run(
        self,
        outputs: dict[str, type[Any]],
        ids: Sequence[int],
        start: int,
        last_count: int,
        video: VideoFeatures | None,
    ) -> list[NDArray[Any]]:
        """These outputs, (last_count, ...) each.

        An engine gives those of STEP tokens a pass. If more are asked for, the same tokens are read
        again, which writes what is there already.
        """
        end = start + len(ids)
        if end > self.capacity:
            raise BackendError(
                f'{len(ids)} tokens from row {start} on: the engine has {self.capacity} rows'
            )
        profile, features = STEPS if len(ids) <= STEP else READING, 1
        # Rows above are void.
        self._visual[:, start:] = False
        slots: Sequence[int] = [0] * len(ids)
        if video is not None:
            self._visual[0, start:end] = np.asarray(video.visual) == 1
            slots = video.slots
            if video.features:
                profile, features = READING, self._join(video.features)
        inputs = {
            'ids': np.asarray([ids], dtype=np.int64),
            'slots': np.asarray([slots], dtype=np.int64),
            'visual': np.ascontiguousarray(self._visual[:, start:end]),
            'seen_visual': self._visual,
            'start': np.asarray([start], dtype=np.int64),
        }
        for name, values in inputs.items():
            self._memory.write(self._tensors[name], values)
        shapes = {name: inputs[name].shape for name in ('ids', 'slots', 'visual')}
        shapes['features'] = (features, self._text.hidden)
        parts: dict[str, list[NDArray[Any]]] = {name: [] for name in outputs}
        for first in range(len(ids) - last_count, len(ids), STEP):
            places = np.arange(first, min(first + STEP, len(ids)), dtype=np.int64)
            self._memory.write(self._tensors['wanted'], places)
            self._decoder.run(profile, {**shapes, 'wanted': places.shape})
            for name, dtype in outputs.items():
                wide = (self._text.vocabulary,) if name == 'logits' else ()
                values = np.empty((len(places), *wide), dtype=dtype)
                self._memory.read(self._tensors[name], values)
                parts[name].append(values)
        return [np.concatenate(parts[name]) for name in outputs]

    def _join(self, features: Sequence[Any]) -> int:
        """Copy the frames' features one after the other to the decoder's input; their rows."""
        if len(features) > self.frames:
            raise BackendError(
                f'the clip has {len(features)} frames, the engine takes {self.frames}: '
                'build one with more'
            )
        target, offset, rows = self._tensors['features'], 0, 0
        for frame in features:
            self._memory.copy(frame.buffer, target, offset)
            offset, rows = offset + frame.nbytes, rows + frame.rows
        return rows

    def _vision_tensors(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Number type and largest shape of each of the tower's tensors."""
        tower = self._tower
        return {
            'patches': (self._type, (self.batch, tower.positions, tower.patch_values)),
            'pooling': ('INT64', self._pooling.shape),
            'features': (self._type, (self.batch * len(self._pooling), self._text.hidden)),
        }

    def _decoder_tensors(self, rows: int) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Number type and largest shape of each of the decoder's tensors except the caches."""
        tokens = ('INT64', (1, self.capacity))
        return {
            'ids': tokens,
            'slots': tokens,
            'visual': ('BOOL', (1, self.capacity)),
            'seen_visual': ('BOOL', (1, self.capacity)),
            'start': ('INT64', (1,)),
            'wanted': ('INT64', (STEP,)),
            'features': (self._type, (self.frames * rows, self._text.hidden)),
            'logits': ('FLOAT', (1, STEP, self._text.vocabulary)),
            'tokens': ('INT64', (1, STEP)),
            'logprobs': ('FLOAT', (1, STEP)),
        }

    def _place(self, engine: Engine, tensors: dict[str, tuple[str, tuple[int, ...]]]) -> None:
        """Allocate memory for each tensor, and bind it."""
        for name, (kind, shape) in tensors.items():
            self._expect(engine, name, kind, shape)
            buffer = self._memory.allocate(_size((kind, shape)), name)
            self._tensors[name] = buffer
            engine.bind(name, buffer.address)

    def _bind_caches(self) -> None:
        """Allocate the caches, and bind each as input and as output at the same address."""
        kind, shape = self._cache()
        names = [f'{prefix}_{i}' for prefix in ('key', 'value') for i in range(self._text.layers)]
        for name in names:
            out = name.replace('_', '_out_')
            self._expect(self._decoder, name, kind, shape)
            self._expect(self._decoder, out, kind, shape)
            alias = self._decoder.alias(out)
            if alias not in (name, '?'):
                raise BadModel(
                    self._model,
                    f'the engine writes {out} not over {name} but over {alias or "nothing"}: its '
                    'cache would not be updated in place',
                )
            self._tensors[name] = self._memory.allocate(
                _size((kind, shape)), f'{name}, one of {len(names)} of the cache'
            )
            self._decoder.bind(name, self._tensors[name].address)
            self._decoder.bind(out, self._tensors[name].address)

    def _expect(self, engine: Engine, name: str, kind: str, shape: tuple[int, ...]) -> None:
        """Raise BadModel unless the engine has this tensor, of this number type and shape."""
        if name not in engine.names:
            raise BadModel(self._model, f'the engine has no tensor {name}')
        sizes = engine.shape(name)
        same = len(sizes) == len(shape) and all(
            a in (-1, b) for a, b in zip(sizes, shape, strict=True)
        )
        if not same or engine.dtype(name) != kind:
            raise BadModel(
                self._model,
                f'{name} of the engine is {engine.dtype(name)} {sizes}, '
                f'{kind} {shape} is wanted for {self.capacity} rows and {self.frames} frames',
            )

    def _cast(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """The values in the number type of the engines."""
        if self._type == 'BF16':
            return to_bfloat16(values)
        return np.ascontiguousarray(values, np.float16 if self._type == 'HALF' else np.float32)

    @contextlib.contextmanager
    def _guard(self, doing: str) -> Iterator[None]:
        """Raise BackendError for any failure, saying what failed and whether the GPU is lost."""
        if self._broken:
            raise BackendError(f'{doing}: {self._broken}')
        try:
            self._memory.use()
            yield
        except (BackendError, RuntimeError, ValueError, TypeError) as err:
            try:
                self._memory.synchronise()
            except BackendError as lost:
                self._broken = f'the GPU is lost to this process ({lost}): start it again'
            state = f'; {self._broken}' if self._broken else ''
            raise BackendError(f'{doing}: {err}{state}') from err


def _size(tensor: tuple[str, tuple[int, ...]]) -> int:
    """Bytes of a tensor. tensor: its number type and shape."""
    kind, shape = tensor
    return int(np.prod(shape)) * _BYTES[kind]
