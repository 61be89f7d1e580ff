# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Frames as files in memory (memfd): written once here, mapped by the child, known by a number.

Such a file has no name and belongs to nobody but the processes that hold it. So nothing stays
behind, whichever of the two is killed, as it would with named shared memory.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import weakref
from collections import OrderedDict, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

# The child keeps at most so many. Each is an open file of it; a process may open 1024 by default.
MOST_FRAMES = 512


def memory_file(image: NDArray[np.uint8]) -> int:
    """A sealed file in memory with the pixels of an image; its descriptor. Raises OSError.

    Linux alone has such files; everything else in this package can be imported elsewhere.
    """
    file = os.memfd_create('molmo_ground_frame', os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        pixels = np.ascontiguousarray(image).reshape(-1).data
        while pixels:
            pixels = pixels[os.write(file, pixels) :]
        # A file that cannot change any more may be mapped without fear of a signal (SIGBUS).
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(file)
        raise
    return file


def map_image(file: int, shape: Iterable[int]) -> NDArray[np.uint8]:
    """The image in a file of `memory_file`, read-only; closes the file. shape: (H, W, 3)."""
    try:
        pages = mmap.mmap(file, 0, prot=mmap.PROT_READ)
    finally:
        os.close(file)
    return np.frombuffer(pages, np.uint8).reshape(tuple(shape))


@dataclass(frozen=True, slots=True)
class _Sent:
    number: int
    nbytes: int
    array: weakref.ref[NDArray[np.uint8]]


class SentFrames:
    """Which images the child has. For one thread.

    An image that cannot be written to is known by its identity, as long as it exists. Another may
    have changed since, and is sent again for every call.
    """

    def __init__(self, limit: int) -> None:
        """Let the child keep at most `limit` bytes of images besides those of the present call."""
        self._limit = limit
        self._numbers = 0
        self._nbytes = 0
        # By identity of the array, least recently used first.
        self._sent: OrderedDict[int, _Sent] = OrderedDict()
        # Numbers that no call will name again; the garbage collector adds to it from any thread.
        self._unused: deque[tuple[int, int]] = deque()

    def number_of(self, image: NDArray[np.uint8]) -> int | None:
        """The number under which the child has this image; None if it has to be sent."""
        sent = self._sent.get(id(image))
        if sent is None or sent.array() is not image:
            return None
        self._sent.move_to_end(id(image))
        return sent.number

    def add(self, image: NDArray[np.uint8]) -> int:
        """The number for an image that is sent now."""
        self._numbers += 1
        key, number = id(image), self._numbers
        if image.flags.writeable:
            self._unused.append((0, number))
            return number
        if key in self._sent:
            # Of an array that is no more, whose number is in _unused.
            self._forget(key)
        array = weakref.ref(image, partial(self._note_unused, key, number))
        self._sent[key] = _Sent(number, image.nbytes, array)
        self._nbytes += image.nbytes
        return number

    def dropped(self, needed: Collection[int]) -> list[int]:
        """The numbers that the child may forget now, but for those needed."""
        numbers: list[int] = []
        for _ in range(len(self._unused)):
            key, number = self._unused.popleft()
            if number in needed:
                self._unused.append((key, number))
                continue
            numbers.append(number)
            if key in self._sent and self._sent[key].number == number:
                self._forget(key)
        surplus = [key for key, sent in self._sent.items() if sent.number not in needed]
        for key in surplus:
            if self._nbytes <= self._limit and len(self._sent) <= MOST_FRAMES:
                break
            numbers.append(self._sent[key].number)
            self._forget(key)
        return numbers

    def _forget(self, key: int) -> None:
        self._nbytes -= self._sent.pop(key).nbytes

    def _note_unused(self, key: int, number: int, dead: object) -> None:  # noqa: ARG002
        self._unused.append((key, number))
