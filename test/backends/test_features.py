# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gc

import numpy as np

from molmo_ground_ros.backends import features as module
from molmo_ground_ros.backends.features import Fingerprints, fingerprint


def test_a_fingerprint_is_of_the_pixels_and_their_shape():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert fingerprint(image) == fingerprint(image.copy())
    assert fingerprint(image) == fingerprint(np.asfortranarray(image))
    assert fingerprint(image) != fingerprint(image.reshape(4, 2, 3))
    assert fingerprint(image) != fingerprint(image + np.uint8(1))


def test_an_array_is_read_once_while_it_lives(monkeypatch, picture):
    read = []
    monkeypatch.setattr(module, 'fingerprint', lambda image: read.append(1) or fingerprint(image))
    fingerprints, image = Fingerprints(), picture(64, 48, 0)
    image.flags.writeable = False
    assert fingerprints.of(image) == fingerprints.of(image) == fingerprint(image)
    assert fingerprints.of(image.copy()) == fingerprint(image)
    assert len(read) == 2
    del image
    gc.collect()
    assert not fingerprints._digests


def test_a_buffer_that_is_written_over_is_read_again(picture):
    fingerprints, buffer = Fingerprints(), picture(64, 48, 0)
    fingerprints.of(buffer)
    buffer[5, 5, 0] ^= 1
    changed = buffer.copy()
    assert fingerprints.of(buffer) == fingerprint(changed)
