# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A cache that is bounded in bytes. Knows nothing of what it holds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """Anything that knows how many bytes it holds: a tensor, an array."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...


Key = TypeVar('Key', bound=Hashable)
Held = TypeVar('Held', bound=Sized)


class LruCache(Generic[Key, Held]):
    """Drops the least recently used values first, to stay within a number of bytes.

    For one thread.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit  # bytes
        self._held: OrderedDict[Key, Held] = OrderedDict()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Key) -> Held | None:
        """The value of a key, which becomes the newest; None if there is none."""
        if key in self._held:
            self._held.move_to_end(key)
        return self._held.get(key)

    def put(self, key: Key, new: Held) -> None:
        """Hold a value and drop the oldest ones. A value above the limit is not held."""
        self._drop(key)
        self._held[key] = new
        self.nbytes += new.nbytes
        while self.nbytes > self._limit:
            self._drop(next(iter(self._held)))

    def drop_if(self, test: Callable[[Held], bool]) -> None:
        """Drop the values that pass a test."""
        for key in [key for key, held in self._held.items() if test(held)]:
            self._drop(key)

    def clear(self) -> None:
        """Drop all values."""
        self._held.clear()
        self.nbytes = 0

    def _drop(self, key: Key) -> None:
        if (old := self._held.pop(key, None)) is not None:
            self.nbytes -= old.nbytes
