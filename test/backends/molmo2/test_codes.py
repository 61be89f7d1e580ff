# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Codes and scales against a slow restatement, weight by weight."""

from __future__ import annotations

import math

import numpy as np
import pytest

ml_dtypes = pytest.importorskip('ml_dtypes', reason="needs pip install '.[export]'")

from molmo_ground_ros.backends.molmo2 import codes
from molmo_ground_ros.backends.molmo2.codes import encode, scale_block
from molmo_ground_ros.backends.molmo2.formats import CODE_BITS


def reader(weights):
    return lambda start, end: weights[start:end].copy()


def random_weights(outputs, inputs, seed=0):
    chance = np.random.default_rng(seed)
    weights = chance.standard_t(4, size=(outputs, inputs)) * chance.random((outputs, 1))
    return weights.astype(np.float32)


def slow_scale(block, bits):
    """The smallest step that leaves no weight further than half of it from a code."""
    reach = 2 ** (bits - 1)
    step = max(float(w) / (reach - 0.5 if w > 0 else -reach - 0.5) for w in block)
    return float(np.float16(step))


@pytest.mark.parametrize(
    ('weights', 'outputs', 'inputs', 'block'),
    [
        pytest.param('int4', 5, 384, 128, id='blocks of 128'),
        pytest.param('int4', 3, 160, 32, id='the shipped model: 32 divide 160'),
        pytest.param('int4', 4, 448, 64, id='the shipped model: 64 divide 448'),
        pytest.param('int8', 6, 72, 72, id='one scale an output'),
    ],
)
def test_codes_are_the_nearest_and_scales_lie_as_stated(weights, outputs, inputs, block):
    matrix = random_weights(outputs, inputs)
    encoded = encode(reader(matrix), outputs, inputs, weights)
    assert encoded.values.shape == (inputs, outputs)
    assert encoded.block == (block if weights == 'int4' else 0)
    assert encoded.scales.shape == ((inputs // block, outputs) if encoded.block else (outputs,))
    assert encoded.scales.dtype == np.float16
    least, most = -(2 ** (CODE_BITS[weights] - 1)), 2 ** (CODE_BITS[weights] - 1) - 1
    for out in range(outputs):
        for first in range(0, inputs, block):
            part = matrix[out, first : first + block]
            step = slow_scale(part, CODE_BITS[weights])
            scale = encoded.scales.reshape(-1, outputs)[first // block, out]
            assert float(scale) == pytest.approx(step, rel=1e-6)
            for i, weight in enumerate(part, start=first):
                nearest = min(range(least, most + 1), key=lambda c: abs(c * step - float(weight)))
                assert encoded.values[i, out] == nearest
                rounded = abs(float(weight)) * 2**-11  # by which the scale may be too small
                assert abs(nearest * step - float(weight)) <= step / 2 + rounded


def test_fp8_has_one_scale_and_the_nearest_float8():
    matrix = random_weights(7, 48)
    encoded = encode(reader(matrix), 7, 48, 'fp8')
    every = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float64)
    every = every[np.isfinite(every)]
    assert encoded.scales.shape == () and every.max() == 448
    step = float(encoded.scales)
    assert step == pytest.approx(float(np.abs(matrix).max()) / 448, rel=2**-11)
    for weight, code in zip(matrix.T.ravel(), encoded.values.ravel(), strict=True):
        assert abs(float(code) * step - weight) <= np.abs(every * step - weight).min() + 1e-6 * step


@pytest.mark.parametrize('weights', CODE_BITS)
def test_matrices_are_read_in_parts_that_change_nothing(weights, monkeypatch):
    matrix, read = random_weights(11, 256), []

    def rows(start, end):
        read.append((start, end))
        return matrix[start:end].copy()

    at_once = encode(rows, 11, 256, weights)
    assert max(end - start for start, end in read) == 11
    read.clear()
    monkeypatch.setattr(codes, '_WEIGHTS_AT_ONCE', 600)
    parts = encode(rows, 11, 256, weights)
    assert max(end - start for start, end in read) == 2
    assert parts.values.tobytes() == at_once.values.tobytes()
    assert parts.scales.tobytes() == at_once.scales.tobytes()


def test_codes_are_packed_two_in_a_byte_low_one_first():
    matrix = np.array([[-8, 7, 0, 3, -1, 5, 2, -4, *[1] * 8]] * 3, dtype=np.float32)
    encoded = encode(reader(matrix), 3, 16, 'int4')
    flat = [int(code) for code in encoded.values.ravel()]
    expected = [flat[i] % 16 + 16 * (flat[i + 1] % 16) for i in range(0, len(flat), 2)]
    assert len(set(expected)) > 5
    assert encoded.packed(4).tolist() == expected


def test_an_odd_number_of_codes_leaves_half_a_byte_empty():
    encoded = codes.Codes(np.array([[-8], [7], [-3]], dtype=np.int8), np.ones((1, 1)), 1)
    assert encoded.packed(4).tolist() == [0x78, 0x0D]


@pytest.mark.parametrize('weights', CODE_BITS)
def test_weights_that_are_all_zero_stay_zero(weights):
    encoded = encode(reader(np.zeros((2, 128), dtype=np.float32)), 2, 128, weights)
    assert not encoded.values.astype(np.float32).any()
    assert (encoded.scales > 0).all()


@pytest.mark.parametrize('weights', CODE_BITS)
@pytest.mark.parametrize('not_finite', [math.nan, math.inf])
def test_what_is_no_number_is_refused(weights, not_finite):
    matrix = random_weights(2, 128)
    matrix[1, 3] = not_finite
    with pytest.raises(ValueError, match='values that are no numbers'):
        encode(reader(matrix), 2, 128, weights)


@pytest.mark.parametrize('weights', CODE_BITS)
def test_weights_too_large_for_float16_are_refused(weights):
    matrix = random_weights(2, 128)
    matrix[1, 3] = 1e8
    with pytest.raises(ValueError, match='too large for float16: a scale of '):
        encode(reader(matrix), 2, 128, weights)


@pytest.mark.parametrize(
    ('inputs', 'block'), [(2560, 128), (9728, 128), (11008, 128), (160, 32), (48, 16), (72, 0)]
)
def test_the_block_is_the_largest_power_of_two_that_divides(inputs, block):
    assert scale_block(inputs) == block
