# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A GPU of this machine and its memory, through the CUDA runtime.

This file has not been run yet: no GPU was available.
"""

from __future__ import annotations

import weakref
from typing import Any

from cuda.bindings import runtime as cuda
from numpy.typing import NDArray

from molmo_ground_ros.backends.host.ram import available_bytes
from molmo_ground_ros.backends.molmo2.trt.memory import Buffer, TargetGpu
from molmo_ground_ros.errors import BackendError

_MIB = 2**20


def find_gpu(index: int) -> TargetGpu:
    """The GPU with this number, from 0. Raises BackendError with CUDA's reason if there is none."""
    properties = _ask('looking for a GPU', cuda.cudaGetDeviceProperties(index))
    return TargetGpu(
        properties.name.decode().rstrip('\0'),
        f'SM{properties.major}{properties.minor}',
        properties.multiProcessorCount,
    )


class CudaMemory:
    """Memory of one GPU, and one stream on it. Raises BackendError if the GPU does not exist."""

    def __init__(self, index: int) -> None:
        self._index = index
        self.use()
        self._stream = _ask(
            'making a stream', cuda.cudaStreamCreateWithFlags(cuda.cudaStreamNonBlocking)
        )
        self.stream = int(self._stream)

    def use(self) -> None:
        """Select this GPU for the calling thread, as CUDA needs before any other call."""
        _ask(f'using GPU {self._index}', cuda.cudaSetDevice(self._index))

    def free(self) -> int:
        """Bytes that can still be allocated.

        On a Jetson the GPU shares the machine's memory, so the file cache counts as free: Linux
        gives it up when asked.
        """
        free, _ = _ask('asking for free memory', cuda.cudaMemGetInfo())
        shared = cuda.cudaDeviceAttr.cudaDevAttrIntegrated
        if _ask('asking about the GPU', cuda.cudaDeviceGetAttribute(shared, self._index)):
            return max(int(free), available_bytes() or 0)
        return int(free)

    def allocate(self, nbytes: int, what: str) -> Buffer:
        """Allocate bytes and set them to zero.

        what: what they are for, for messages. Raises BackendError; if the GPU is out of memory, the
        message says how much was asked for, and how much is free.
        """
        error, address = cuda.cudaMalloc(max(nbytes, 1))
        if error == cuda.cudaError_t.cudaErrorMemoryAllocation:
            # Reading the error clears it; otherwise the next call would report it again.
            cuda.cudaGetLastError()
            free, total = _ask('asking for free memory', cuda.cudaMemGetInfo())
            raise BackendError(
                f'the GPU is out of memory: {nbytes / _MIB:.1f} MiB are wanted for {what}, '
                f'{free / _MIB:.1f} of {total / _MIB:.1f} MiB are free'
            )
        _ask(f'allocating {what}', (error,))
        buffer = Buffer(int(address), nbytes)
        # At exit there is nothing to free: the driver may have been unloaded already, and frees all
        # memory of the process itself.
        weakref.finalize(buffer, cuda.cudaFree, int(address)).atexit = False
        _ask(f'clearing {what}', cuda.cudaMemsetAsync(address, 0, max(nbytes, 1), self._stream))
        return buffer

    def write(self, target: Buffer, values: NDArray[Any]) -> None:
        """Start copying values to a buffer, and do not wait for it.

        The values must not change before the next wait: a GPU that can read the machine's ordinary
        memory copies from there directly.
        """
        self._copy(target.address, values.ctypes.data, values.nbytes, 'HostToDevice')

    def read(self, source: Buffer, target: NDArray[Any]) -> None:
        """Copy the start of a buffer into an array, and wait for it."""
        self._copy(target.ctypes.data, source.address, target.nbytes, 'DeviceToHost')
        self.synchronise()

    def copy(self, source: Buffer, target: Buffer, offset: int) -> None:
        """Start copying a buffer to another one on the GPU, from byte `offset` of the target on."""
        self._copy(target.address + offset, source.address, source.nbytes, 'DeviceToDevice')

    def synchronise(self) -> None:
        """Wait until everything that was started on the stream has finished."""
        _ask('waiting for the GPU', cuda.cudaStreamSynchronize(self._stream))

    def close(self) -> None:
        """Destroy the stream."""
        _ask('giving back a stream', cuda.cudaStreamDestroy(self._stream))

    def _copy(self, target: int, source: int, nbytes: int, kind: str) -> None:
        direction = getattr(cuda.cudaMemcpyKind, f'cudaMemcpy{kind}')
        _ask(
            f'copying {nbytes} bytes',
            cuda.cudaMemcpyAsync(target, source, nbytes, direction, self._stream),
        )


def _ask(doing: str, answer: tuple[Any, ...]) -> Any:
    """What a call of the CUDA runtime returned besides its error code.

    doing: what the call was for. Raises BackendError with CUDA's words if the call failed.
    """
    error, *values = answer
    if error != cuda.cudaError_t.cudaSuccess:
        _, text = cuda.cudaGetErrorString(error)
        raise BackendError(f'{doing}: {text.decode()} ({error.name})')
    return values[0] if len(values) == 1 else tuple(values)
