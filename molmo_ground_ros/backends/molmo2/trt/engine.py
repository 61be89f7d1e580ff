# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An engine: a plan loaded on a GPU.

Its tensors stay at fixed addresses. There is one execution context for each profile, and all of
them use one stream. This file has not been run on a GPU yet; the tests run it on a stand-in for
TensorRT that executes the same graph.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from molmo_ground_ros.backends.molmo2.trt.find import Tensorrt
from molmo_ground_ros.backends.molmo2.trt.log import BuildLog, make_logger
from molmo_ground_ros.errors import BackendError, BadModel


class Engine:
    """One loaded plan. Raises BadModel if TensorRT refuses it, which its manifest cannot rule out.

    plan: the plan's file. stream: the handle of the CUDA stream that passes run on.
    """

    def __init__(self, tensorrt: Tensorrt, model: str, plan: Path, stream: int) -> None:
        self._lines = BuildLog()
        self._logger = make_logger(tensorrt.module, self._lines)
        self._runtime = tensorrt.module.Runtime(self._logger)
        self._stream = stream
        self._name = plan.name
        with plan.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            self._engine = self._runtime.deserialize_cuda_engine(data)
        if self._engine is None:
            raise BadModel(model, f'{tensorrt} does not load {plan.name}: {self._lines.take()}')
        self._contexts = [self._context(i) for i in range(self._engine.num_optimization_profiles)]

    @property
    def names(self) -> list[str]:
        """The names of all inputs and outputs."""
        return [self._engine.get_tensor_name(i) for i in range(self._engine.num_io_tensors)]

    def dtype(self, name: str) -> str:
        """TensorRT's name of a tensor's number type, 'HALF' or 'BF16' for example."""
        return str(self._engine.get_tensor_dtype(name).name)

    def shape(self, name: str) -> tuple[int, ...]:
        """The sizes of a tensor; -1 for a size that may change."""
        return tuple(self._engine.get_tensor_shape(name))

    def alias(self, output: str) -> str | None:
        """The input that this output overwrites in memory, None if there is none.

        '?' if this version of TensorRT cannot tell.
        """
        if not hasattr(self._engine, 'get_aliased_input_tensor'):
            return '?'
        source: str | None = self._engine.get_aliased_input_tensor(output)
        return source

    def bind(self, name: str, address: int) -> None:
        """Set the address of a tensor for every profile. Raises BackendError."""
        for context in self._contexts:
            if not context.set_tensor_address(name, address):
                raise BackendError(f'{self._name}: no address for {name}: {self._lines.take()}')

    def run(self, profile: int, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Start a pass with inputs of these sizes, and do not wait for it.

        profile: its number. Raises BackendError with TensorRT's words.
        """
        context = self._contexts[profile]
        for name, shape in shapes.items():
            if not context.set_input_shape(name, shape):
                raise BackendError(f'{self._name}: {name} cannot be {shape}: {self._lines.take()}')
        if missing := context.infer_shapes():
            raise BackendError(f'{self._name}: no sizes for {", ".join(missing)}')
        if not context.execute_async_v3(self._stream):
            raise BackendError(f'{self._name}: {self._lines.take()}')

    def close(self) -> None:
        """Free the engine. TensorRT requires that its contexts are freed first."""
        self._contexts.clear()
        del self._engine, self._runtime

    def _context(self, profile: int) -> Any:
        context = self._engine.create_execution_context()
        if context is None:
            raise BackendError(f'{self._name}: no room to work in: {self._lines.take()}')
        if not context.set_optimization_profile_async(profile, self._stream):
            raise BackendError(f'{self._name}: no profile {profile}: {self._lines.take()}')
        return context
