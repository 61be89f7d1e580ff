# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the runtime asks of a GPU and of its memory. Knows nothing of CUDA: see cuda_memory.py."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TargetGpu:
    """What of a GPU a plan is made for."""

    name: str
    capability: str  # 'SM86'
    multiprocessors: int


class Buffer:
    """Bytes on a device, freed with the last reference to it."""

    def __init__(self, address: int, nbytes: int) -> None:
        self.address = address
        self.nbytes = nbytes


class DeviceMemory(Protocol):
    """One device and one stream on it. Every method may raise BackendError."""

    stream: int  # its handle

    def use(self) -> None:
        """Make the device the calling thread's."""
        ...

    def free(self) -> int:
        """Bytes that may still be taken."""
        ...

    def allocate(self, nbytes: int, what: str) -> Buffer:
        """Bytes that are zero; `what` they are for is named where there are none left."""
        ...

    def write(self, target: Buffer, values: NDArray[Any]) -> None:
        """Copy contiguous values to a buffer's start. They must stay until the next wait."""
        ...

    def read(self, source: Buffer, target: NDArray[Any]) -> None:
        """Fill an array from the start of a buffer, once all that was begun before is done."""
        ...

    def copy(self, source: Buffer, target: Buffer, offset: int) -> None:
        """All bytes of `source` to `target` from that byte on."""
        ...

    def synchronise(self) -> None:
        """Wait until all that was begun is done."""
        ...

    def close(self) -> None:
        """Give back the stream; buffers free themselves."""
        ...


def system() -> str:
    """The operating system and processor, which a plan depends on as well: 'linux x86_64'."""
    return f'{platform.system().lower()} {platform.machine()}'


def to_bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The bits of bfloat16, rounded to the nearest, ties to even. Not for nan."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + (0x7FFF + ((bits >> 16) & 1))) >> 16).astype(np.uint16)
