# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip('torch', reason="needs pip install '.[transformers]'")

from molmo_ground_ros.backends.features import FeatureCache, fingerprint  # noqa: E402


def features(value: float) -> torch.Tensor:
    return torch.full((4,), float(value))  # 16 bytes


def test_the_least_recently_used_goes_first():
    cache = FeatureCache(limit=32)
    cache.put(b'a', features(1))
    cache.put(b'b', features(2))
    assert cache.get(b'a') is not None
    cache.put(b'c', features(3))
    assert cache.get(b'b') is None
    assert cache.get(b'a') is not None
    assert (len(cache), cache.nbytes) == (2, 32)


def test_bytes_are_counted_once_when_a_key_is_put_again():
    cache = FeatureCache(limit=32)
    cache.put(b'a', features(1))
    cache.put(b'a', features(2))
    assert cache.nbytes == 16
    assert cache.get(b'a')[0] == 2


def test_what_is_larger_than_the_limit_is_not_kept():
    cache = FeatureCache(limit=15)
    cache.put(b'a', features(1))
    assert (len(cache), cache.nbytes) == (0, 0)


def test_clear_forgets_all():
    cache = FeatureCache(limit=32)
    cache.put(b'a', features(1))
    cache.clear()
    assert (cache.get(b'a'), cache.nbytes) == (None, 0)


def test_a_fingerprint_is_of_the_pixels_and_their_shape():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert fingerprint(image) == fingerprint(image.copy())
    assert fingerprint(image) == fingerprint(np.asfortranarray(image))
    assert fingerprint(image) != fingerprint(image.reshape(4, 2, 3))
    assert fingerprint(image) != fingerprint(image + np.uint8(1))
