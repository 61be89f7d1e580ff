# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The GPU that is here and its memory, through the CUDA runtime. Not run yet, for want of a GPU."""

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
    """The GPU of that number. Raises BackendError where there is none, with CUDA's reason."""
    found = _ask('looking for a GPU', cuda.cudaGetDeviceProperties(index))
    return TargetGpu(
        found.name.decode().rstrip('\0'),
        f'SM{found.major}{found.minor}',
        found.multiProcessorCount,
    )


class CudaMemory:
    """Memory of one GPU. Raises BackendError where there is none."""

    def __init__(self, index: int) -> None:
        self._index = index
        self.use()
        self._stream = _ask(
            'making a stream', cuda.cudaStreamCreateWithFlags(cuda.cudaStreamNonBlocking)
        )
        self.stream = int(self._stream)

    def use(self) -> None:
        """Make the device the calling thread's."""
        _ask(f'using GPU {self._index}', cuda.cudaSetDevice(self._index))

    def free(self) -> int:
        """With memory that is the machine's too, pages of files count: they would be dropped."""
        free, _ = _ask('asking for free memory', cuda.cudaMemGetInfo())
        shared = cuda.cudaDeviceAttr.cudaDevAttrIntegrated
        if _ask('asking about the GPU', cuda.cudaDeviceGetAttribute(shared, self._index)):
            return max(int(free), available_bytes() or 0)
        return int(free)

    def allocate(self, nbytes: int, what: str) -> Buffer:
        """Zeros. Where there are none left, says how many were wanted, and how many are free."""
        error, address = cuda.cudaMalloc(max(nbytes, 1))
        if error == cuda.cudaError_t.cudaErrorMemoryAllocation:
            cuda.cudaGetLastError()  # it is told once
            free, total = _ask('asking for free memory', cuda.cudaMemGetInfo())
            raise BackendError(
                f'the GPU is out of memory: {nbytes / _MIB:.1f} MiB are wanted for {what}, '
                f'{free / _MIB:.1f} of {total / _MIB:.1f} MiB are free'
            )
        _ask(f'allocating {what}', (error,))
        buffer = Buffer(int(address), nbytes)
        # Not at exit: the driver may be gone by then, and takes its memory with it.
        weakref.finalize(buffer, cuda.cudaFree, int(address)).atexit = False
        _ask(f'clearing {what}', cuda.cudaMemsetAsync(address, 0, max(nbytes, 1), self._stream))
        return buffer

    def write(self, target: Buffer, values: NDArray[Any]) -> None:
        """Does not wait. Where the GPU reads pageable memory itself, nothing is staged."""
        self._copy(target.address, values.ctypes.data, values.nbytes, 'HostToDevice')

    def read(self, source: Buffer, target: NDArray[Any]) -> None:
        """Copies, and waits for it."""
        self._copy(target.ctypes.data, source.address, target.nbytes, 'DeviceToHost')
        self.synchronise()

    def copy(self, source: Buffer, target: Buffer, offset: int) -> None:
        """On the device."""
        self._copy(target.address + offset, source.address, source.nbytes, 'DeviceToDevice')

    def synchronise(self) -> None:
        """Wait for the stream."""
        _ask('waiting for the GPU', cuda.cudaStreamSynchronize(self._stream))

    def close(self) -> None:
        """Destroy the stream."""
        _ask('giving back a stream', cuda.cudaStreamDestroy(self._stream))

    def _copy(self, target: int, source: int, nbytes: int, kind: str) -> None:
        way = getattr(cuda.cudaMemcpyKind, f'cudaMemcpy{kind}')
        _ask(
            f'copying {nbytes} bytes',
            cuda.cudaMemcpyAsync(target, source, nbytes, way, self._stream),
        )


def _ask(doing: str, answer: tuple[Any, ...]) -> Any:
    """The values of a call of the CUDA runtime. Raises BackendError with its words."""
    error, *values = answer
    if error != cuda.cudaError_t.cudaSuccess:
        _, text = cuda.cudaGetErrorString(error)
        raise BackendError(f'{doing}: {text.decode()} ({error.name})')
    return values[0] if len(values) == 1 else tuple(values)
