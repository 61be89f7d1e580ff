# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gc

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends import features as module
from molmo_ground_ros.backends.features import FeatureCache, Fingerprints, fingerprint


def features(value: float) -> NDArray[np.float32]:
    return np.full((4,), value, np.float32)  # 16 bytes


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


def test_an_array_is_read_once_while_it_lives(monkeypatch, picture):
    read = []
    monkeypatch.setattr(module, 'fingerprint', lambda image: read.append(1) or fingerprint(image))
    known, image = Fingerprints(), picture(64, 48, 0)
    assert known.of(image) == known.of(image) == fingerprint(image)
    assert known.of(image.copy()) == fingerprint(image)
    assert len(read) == 2
    del image
    gc.collect()
    assert not known._known


def test_a_buffer_that_is_written_over_is_read_again(picture):
    known, buffer = Fingerprints(), picture(64, 48, 0)
    known.of(buffer)
    buffer[:] = picture(64, 48, 1)
    assert known.of(buffer) == fingerprint(picture(64, 48, 1))
