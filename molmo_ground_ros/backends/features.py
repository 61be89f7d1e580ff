# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Vision features of frames seen lately, so that a frame is encoded once. Knows no model."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray


class Sized(Protocol):
    """Anything that knows how many bytes it holds: a tensor, an array."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...


Held = TypeVar('Held', bound=Sized)


def fingerprint(image: NDArray[np.uint8]) -> bytes:
    """A name for the pixels themselves.

    Not (camera, stamp): a looped bag, or two clips that both start at zero, give one stamp to
    different pictures, and a wrong feature would go unseen.
    """
    digest = hashlib.sha256(repr(image.shape).encode())  # in hardware on most: 4 ms for 1080p
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()


class FeatureCache(Generic[Held]):
    """Least recently used first out, bounded in bytes. For one thread."""

    def __init__(self, limit: int) -> None:
        self._limit = limit  # bytes
        self._held: OrderedDict[bytes, Held] = OrderedDict()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: bytes) -> Held | None:
        """The features under this key, which becomes the newest; None where there are none."""
        if key in self._held:
            self._held.move_to_end(key)
        return self._held.get(key)

    def put(self, key: bytes, features: Held) -> None:
        """Keep features and let the oldest go; one larger than the limit is not kept."""
        self._drop(key)
        self._held[key] = features
        self.nbytes += features.nbytes
        while self.nbytes > self._limit:
            self._drop(next(iter(self._held)))

    def clear(self) -> None:
        """Forget all."""
        self._held.clear()
        self.nbytes = 0

    def _drop(self, key: bytes) -> None:
        if (old := self._held.pop(key, None)) is not None:
            self.nbytes -= old.nbytes
