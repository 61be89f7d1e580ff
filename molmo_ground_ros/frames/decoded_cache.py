# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures decoded lately, so that a message is decoded once however many windows show it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.frames import image as pictures
from molmo_ground_ros.storage.lru import LruCache
from molmo_ground_ros.types import EncodedImage


@dataclass(frozen=True, slots=True)
class _Decoded:
    encoded: EncodedImage  # held, so that no other message can come to have its identity
    pixels: NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels."""
        return self.pixels.nbytes


class DecodedCache:
    """Decodes, and keeps what it decoded, least recently used out first. For any thread.

    A message is known by its identity, not by its stamp: a looped bag brings other pictures under
    the same stamps. One picture that two threads ask for at once may be decoded twice.
    """

    def __init__(
        self, limit: int, decode: Callable[[EncodedImage], NDArray[np.uint8]] = pictures.decode
    ) -> None:
        """Keep at most `limit` bytes of pixels; 0 keeps none."""
        self._decode = decode
        self._lock = threading.Lock()  # never held while decoding
        self._held: LruCache[int, _Decoded] = LruCache(limit)  # guarded by _lock

    def decode(self, encoded: EncodedImage) -> NDArray[np.uint8]:
        """(H, W, 3) RGB, not to be written to. Raises ImageError."""
        with self._lock:
            held = self._held.get(id(encoded))
        if held is not None:
            return held.pixels
        pixels = self._decode(encoded)
        pixels.flags.writeable = False
        with self._lock:
            self._held.put(id(encoded), _Decoded(encoded, pixels))
        return pixels
