# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Names for pictures, by which features of frames seen lately are found. Knows no model."""

from __future__ import annotations

import hashlib
import weakref
from functools import partial

import numpy as np
from numpy.typing import NDArray


def fingerprint(image: NDArray[np.uint8]) -> bytes:
    """A name for the pixels themselves.

    Not (camera, stamp): a looped bag, or two clips that both start at zero, give one stamp to
    different pictures, and a wrong feature would go unseen.
    """
    digest = hashlib.sha256(repr(image.shape).encode())  # in hardware on most: 4 ms for 1080p
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()


class Fingerprints:
    """Fingerprints, without reading an array again that is asked about again and cannot change.

    64 frames of 1080p take a quarter of a second to read: more than a further question on them. A
    read-only array, as a clip's pictures are, is known by its identity while it lives; any other
    may have been written over since, and is read every time. For one thread.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[NDArray[np.uint8]], bytes]] = {}

    def of(self, image: NDArray[np.uint8]) -> bytes:
        """As `fingerprint`."""
        if image.flags.writeable:
            return fingerprint(image)
        key = id(image)
        held, found = self._known.get(key, (None, b''))
        if held is not None and held() is image:
            return found
        found = fingerprint(image)
        self._known[key] = (weakref.ref(image, partial(self._forget, key)), found)
        return found

    def _forget(self, key: int, dead: object) -> None:
        if key in self._known and self._known[key][0] is dead:
            del self._known[key]
