# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A cache of decoded images, so that a message is decoded once however many windows show it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.frames.image import decode as decode_image
from molmo_ground_ros.storage.lru import LruCache
from molmo_ground_ros.types import EncodedImage


@dataclass(frozen=True, slots=True)
class _Decoded:
    # A raw message is as large as its pixels, and a video image holds its group: not kept alive.
    message: weakref.ref[EncodedImage]
    pixels: NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels."""
        return self.pixels.nbytes


class DecodedCache:
    """Decodes images and holds them, least recently used out first. For any thread.

    A message is known by its identity and not by its stamp: a bag that is played in a loop brings
    other images under the same stamps. It is not kept alive: what was decoded of messages that
    nobody holds any more goes with the next one that is decoded. An image that two threads need at
    once may be decoded twice.
    """

    def __init__(
        self, limit: int, decode: Callable[[EncodedImage], NDArray[np.uint8]] = decode_image
    ) -> None:
        """Hold at most `limit` bytes of pixels; 0 holds none."""
        self._decode = decode
        # Never held while decoding.
        self._lock = threading.Lock()
        # Guarded by _lock.
        self._held: LruCache[int, _Decoded] = LruCache(limit)

    def decode(self, encoded: EncodedImage) -> NDArray[np.uint8]:
        """(H, W, 3) RGB, not to be written to. Raises ImageError."""
        with self._lock:
            held = self._held.get(id(encoded))
        # Another message may have got the address of one that is gone.
        if held is not None and held.message() is encoded:
            return held.pixels
        pixels = self._decode(encoded)
        pixels.flags.writeable = False
        with self._lock:
            self._held.drop_if(lambda decoded: decoded.message() is None)
            self._held.put(id(encoded), _Decoded(weakref.ref(encoded), pixels))
        return pixels
