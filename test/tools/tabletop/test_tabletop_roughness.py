# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Roughened codes are as far off as the tower's, whose figures roughness.py has."""

from dataclasses import replace

import numpy as np
import pytest
from support import truths

pytest.importorskip('torch', reason="needs the 'transformers' extra")
pytest.importorskip('transformers', reason="needs the 'transformers' extra")

from tools.tabletop import slots
from tools.tabletop.roughness import Roughness
from tools.tabletop.slots import PLACE

FRAMES = 24


@pytest.fixture(scope='module')
def rough():
    """(what was, its code, its rough code) of 40 episodes."""
    rng, made = np.random.default_rng(3), []
    for seed in range(40):
        found = slots.slots_of(truths.random_truth(seed, FRAMES), np.arange(FRAMES))
        # In random truths nothing is held.
        state = (rng.random(found.state.shape) < 0.3) & found.seen[..., None]
        found = replace(found, state=state.astype(np.float32))
        code = slots.code(found)
        made.append((found, code, Roughness().apply(code.copy(), found, rng)))
    return made


def values(rough, of):
    return np.concatenate([of(found, code, after) for found, code, after in rough])


def test_kinds_are_doubted_all_through_a_clip(rough):
    def right(found, _, after):
        return (after[..., PLACE['kind']].argmax(-1) == found.kind)[found.seen]

    assert 0.65 < values(rough, right).mean() < 0.85
    both, agree = [], []
    for found, code, after in rough:
        off = (after - code)[..., PLACE['kind']]
        same = found.seen[1:] & found.seen[:-1] & (found.thing[1:] == found.thing[:-1])
        both.append(off[1:][same].ravel())
        agree.append(off[:-1][same].ravel())
    assert np.corrcoef(np.concatenate(both), np.concatenate(agree))[0, 1] > 0.6


def test_states_are_said_weakly_and_seldom_wrongly(rough):
    true = values(rough, lambda found, _, after: after[..., PLACE['state']][found.state > 0])
    assert 0.8 < true.mean() < 1.1
    assert 0.3 < true.std() < 0.6

    def not_there(found, _, after):
        return after[..., PLACE['state']][(found.state == 0) & found.seen[..., None]]

    false = values(rough, not_there)
    assert abs(false.mean()) < 0.1
    assert 0.4 < np.quantile(false, 0.99) < 1.3


def test_places_are_off_as_far_as_the_towers(rough):
    def off(found, _, after):
        xy = [slots.coordinates(after[..., PLACE[name]]) for name in 'xy']
        return np.abs(np.stack(xy, -1) - found.point).max(-1)[found.seen]

    shares = np.quantile(values(rough, off), [0.5, 0.95])
    assert 0.004 < shares[0] < 0.012
    assert 0.02 < shares[1] < 0.06


def test_the_token_of_a_thing_that_is_lost_keeps_its_name(rough):
    for _, code, after in rough:
        off = np.abs(after - code)[..., PLACE['slot']]
        assert off.max() < 1.0
