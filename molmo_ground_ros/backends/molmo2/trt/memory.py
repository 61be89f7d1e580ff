# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the TensorRT runtime needs of a GPU's memory, without CUDA; cuda_memory.py implements it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TargetGpu:
    """The properties of a GPU that a plan depends on. capability: 'SM86' for example."""

    name: str
    capability: str
    multiprocessors: int


class Buffer:
    """Memory on a GPU, freed when nothing refers to this object any more."""

    def __init__(self, address: int, nbytes: int) -> None:
        self.address = address
        self.nbytes = nbytes

    def part(self, start: int, nbytes: int) -> Buffer:
        """Some of its bytes. The part owns nothing, and must not be used after the whole."""
        return Buffer(self.address + start, nbytes)


class DeviceMemory(Protocol):
    """The memory of one GPU, and one stream on it. Every method may raise BackendError.

    stream: the handle of the stream.
    """

    stream: int

    def use(self) -> None:
        """Select this GPU for the calling thread."""
        ...

    def free(self) -> int:
        """Bytes that can still be allocated."""
        ...

    def allocate(self, nbytes: int, what: str) -> Buffer:
        """Allocate bytes and set them to zero. what: what they are for, for messages."""
        ...

    def write(self, target: Buffer, values: NDArray[Any]) -> None:
        """Copy contiguous values to a buffer's start. They must not change before the next wait."""
        ...

    def read(self, source: Buffer, target: NDArray[Any]) -> None:
        """Fill an array from a buffer's start, after everything that was started before."""
        ...

    def copy(self, source: Buffer, target: Buffer, offset: int) -> None:
        """Copy all bytes of `source` to `target`, from byte `offset` of the target on."""
        ...

    def synchronise(self) -> None:
        """Wait until everything that was started has finished."""
        ...

    def close(self) -> None:
        """Free the stream. Buffers free themselves."""
        ...


def system() -> str:
    """The operating system and processor, on which a plan depends too: 'linux x86_64'."""
    return f'{platform.system().lower()} {platform.machine()}'


def to_bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The values as the bits of bfloat16, rounded to nearest, ties to even. NaN is not handled."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(np.uint16)
