# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.storage.lru import LruCache


def block(value: float) -> NDArray[np.float32]:
    return np.full((4,), value, np.float32)  # 16 bytes


def test_the_least_recently_used_goes_first():
    cache = LruCache(limit=32)
    cache.put(b'a', block(1))
    cache.put(b'b', block(2))
    assert cache.get(b'a') is not None
    cache.put(b'c', block(3))
    assert cache.get(b'b') is None
    assert cache.get(b'a') is not None
    assert (len(cache), cache.nbytes) == (2, 32)


def test_bytes_are_counted_once_when_a_key_is_put_again():
    cache = LruCache(limit=32)
    cache.put(b'a', block(1))
    cache.put(b'a', block(2))
    assert cache.nbytes == 16
    assert cache.get(b'a')[0] == 2


def test_what_is_larger_than_the_limit_is_not_kept():
    cache = LruCache(limit=15)
    cache.put(b'a', block(1))
    assert (len(cache), cache.nbytes) == (0, 0)


def test_clear_forgets_all():
    cache = LruCache(limit=32)
    cache.put(b'a', block(1))
    cache.clear()
    assert (cache.get(b'a'), cache.nbytes) == (None, 0)
