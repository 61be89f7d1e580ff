# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Vision features of frames seen lately, so that a frame is encoded once. Knows no model."""

from __future__ import annotations

import hashlib
import weakref
import zlib
from collections import OrderedDict
from functools import partial
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
_ROW_STEP, _COLUMN_STEP = 23, 29  # pixels; no multiples of what pictures are made of


def fingerprint(image: NDArray[np.uint8]) -> bytes:
    """A name for the pixels themselves.

    Not (camera, stamp): a looped bag, or two clips that both start at zero, give one stamp to
    different pictures, and a wrong feature would go unseen.
    """
    digest = hashlib.sha256(repr(image.shape).encode())  # in hardware on most: 4 ms for 1080p
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()


class Fingerprints:
    """Fingerprints, without reading again the whole of an array that is asked about again.

    64 frames of 1080p take a quarter of a second to read: more than a further question on them.
    An array is known by its identity while it lives, and by a sample of its pixels, so that a
    buffer that was written over is not mistaken for what it held. For one thread.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[NDArray[np.uint8]], int, bytes]] = {}

    def of(self, image: NDArray[np.uint8]) -> bytes:
        """As `fingerprint`."""
        key, sample = id(image), _sample(image)
        held, held_sample, found = self._known.get(key, (None, 0, b''))
        if held is not None and held() is image and held_sample == sample:
            return found
        found = fingerprint(image)
        gone = partial(self._forget, key)
        self._known[key] = (weakref.ref(image, gone), sample, found)
        return found

    def _forget(self, key: int, dead: object) -> None:
        if key in self._known and self._known[key][0] is dead:
            del self._known[key]


def _sample(image: NDArray[np.uint8]) -> int:
    """A checksum of pixels on a grid: whole rows are more to read than a further question."""
    return zlib.crc32(image[::_ROW_STEP, ::_COLUMN_STEP].tobytes())


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
