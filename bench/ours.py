# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Our backends, with a count of the engine's passes and the times of its two heavy steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench.timing import Sample
from molmo_ground_ros.backends.base import (
    SAVE_ALL,
    Backend,
    BackendSettings,
    GenerateOptions,
    Savings,
)
from molmo_ground_ros.backends.hf import TransformersBackend
from molmo_ground_ros.backends.host.device import choose_dtype
from molmo_ground_ros.backends.molmo2.engine import Checkpoint, EngineBackend, open_checkpoint
from molmo_ground_ros.backends.molmo2.runtime import Choice, Features, Runtime, VideoFeatures
from molmo_ground_ros.backends.molmo2.runtimes.onnx import OnnxRuntime
from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime
from molmo_ground_ros.types import Clip, Frame


class TimedRuntime:
    """A runtime that measures how long it encodes frames and reads videos. For one thread."""

    def __init__(self, runtime: Runtime, wait: Callable[[], None]) -> None:
        """wait: returns when the device has finished all its work."""
        self._runtime = runtime
        self._wait = wait
        self.capacity = runtime.capacity
        self.batch = runtime.batch
        self.vision_s = 0.0
        self.prefill_s = 0.0

    def encode(self, frames: Sequence[NDArray[np.float32]]) -> list[Features]:
        """Features of some frames."""
        began = time.perf_counter()
        features = self._runtime.encode(frames)
        self._wait()
        self.vision_s += time.perf_counter() - began
        return features

    def read(
        self, ids: Sequence[int], start: int, count: int, video: VideoFeatures | None = None
    ) -> list[Choice]:
        """The choices after the last `count` of ids."""
        began = time.perf_counter()
        choices = self._runtime.read(ids, start, count, video)
        if video is not None:
            self.prefill_s += time.perf_counter() - began
        return choices

    def close(self) -> None:
        """Free what is held."""
        self._runtime.close()


class Ours:
    """One backend under measurement."""

    def __init__(self, name: str, backend: Backend, timed: TimedRuntime | None = None) -> None:
        self.name = name
        self._backend = backend
        self._timed = timed

    def ask(self, clip: Clip, questions: Sequence[str], limit: int) -> Sample:
        """Answers to some questions, asked together; what the backend keeps it keeps."""
        first: list[float] = []

        def on_text(_index: int, _piece: str) -> bool:
            if not first:
                first.append(time.perf_counter())
            return True

        before = self._state()
        began = time.perf_counter()
        generations = self._backend.generate(clip, questions, GenerateOptions(limit), on_text)
        ended = time.perf_counter()
        passes, vision_s, prefill_s = (b - a for a, b in zip(before, self._state(), strict=True))
        tokens = sum(len(generation.tokens) for generation in generations)
        return Sample(
            ttft_s=first[0] - began,
            total_s=ended - began,
            texts=tuple(generation.text for generation in generations),
            tokens=tokens,
            passes=int(passes),
            vision_s=vision_s,
            prefill_s=prefill_s,
        )

    def prepare(self, frames: Sequence[Frame]) -> float:
        """Take frames as they arrive; the seconds that encoding them took.

        Preprocessing is not in it, but with `transformers`, which is not timed inside.
        """
        before = self._state()[1]
        began = time.perf_counter()
        for frame in frames:
            self._backend.prepare('camera', frame)
        if self._timed is None:
            return time.perf_counter() - began
        return self._state()[1] - before

    def _state(self) -> tuple[float, float, float]:
        """Passes, and seconds of vision and of prefill, since the start."""
        passes = self._backend.counts.passes if isinstance(self._backend, EngineBackend) else 0
        if self._timed is None:
            return passes, 0.0, 0.0
        return passes, self._timed.vision_s, self._timed.prefill_s


def load(
    name: str,
    folder: Path,
    device: str,
    threads: int,
    savings: Savings = SAVE_ALL,
    *,
    endless: bool = False,
) -> Ours:
    """A backend on a checkpoint; `onnx` runs on the CPU, whatever the device.

    endless: no token ends an answer, and the precision is the device's usual one, not float32.
    """
    dtype = 'auto' if endless else 'float32'
    settings = BackendSettings(str(folder), device=device, dtype=dtype, threads=threads)
    if name == 'transformers':
        return Ours(name, TransformersBackend(settings))
    checkpoint = open_checkpoint(settings)
    if endless:
        checkpoint = replace(checkpoint, stops=frozenset())
    runtime, wait = _RUNTIMES[name](checkpoint, settings)
    timed = TimedRuntime(runtime, wait)
    label = name if savings.draft else f'{name}, no drafting'
    return Ours(label, EngineBackend(checkpoint, timed, savings), timed)


def _torch(checkpoint: Checkpoint, settings: BackendSettings) -> tuple[Runtime, Callable[[], None]]:
    device = torch.device(settings.device)
    wait = (lambda: torch.cuda.synchronize(device)) if device.type == 'cuda' else _nothing
    return TorchRuntime(checkpoint, device, choose_dtype(settings.dtype, device)), wait


def _onnx(checkpoint: Checkpoint, settings: BackendSettings) -> tuple[Runtime, Callable[[], None]]:
    return OnnxRuntime(checkpoint, settings.dtype, settings.threads), _nothing


def _nothing() -> None:
    """What there is to wait for on a CPU."""


_RUNTIMES = {'torch': _torch, 'onnx': _onnx}
