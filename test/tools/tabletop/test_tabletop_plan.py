# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What happens in an episode agrees with where its things are."""

from collections import Counter
from functools import cache
from itertools import combinations, pairwise

import numpy as np
import pytest

from tools.tabletop.layout import ALIKE
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.truth import (
    ABSENT,
    ACTIONS,
    ARTEFACTS,
    COLOURS,
    EVENTS,
    FALLING,
    GRIPPER,
    KINDS,
    SIZES,
    TABLE,
    Event,
)
from tools.tabletop.world import Scene, State, half_sizes, state_at

SEEDS = range(40)
DURATION_S = 30.0
SUDDEN = ('vanish', 'appear', 'jump', 'change_shape')


@cache
def scene(seed: int) -> Scene:
    return scene_from_seed(seed, DURATION_S)


@cache
def states(seed: int) -> tuple[State, ...]:
    return tuple(state_at(scene(seed), float(t)) for t in np.arange(0.0, DURATION_S, 0.1))


def events(*kinds: str) -> list[tuple[Scene, Event]]:
    pairs = [(scene(seed), e) for seed in SEEDS for e in scene(seed).events if e.kind in kinds]
    assert pairs
    return pairs


def test_a_seed_always_gives_the_same_episode() -> None:
    first, again = scene_from_seed(5, 20.0), scene_from_seed(5, 20.0)
    assert first.events == again.events
    assert first.items == again.items
    assert first.look == again.look
    np.testing.assert_array_equal(first.path, again.path)
    assert scene_from_seed(6, 20.0).items != first.items


def test_every_kind_colour_size_and_event_occurs() -> None:
    items = [item for seed in SEEDS for item in scene(seed).items]
    assert {item.kind for item in items} == set(KINDS)
    assert {item.colour for item in items} == set(COLOURS)
    assert {item.size for item in items} == set(SIZES)
    counts = Counter(event.kind for seed in SEEDS for event in scene(seed).events)
    assert set(counts) == set(EVENTS) == set(ACTIONS) | set(ARTEFACTS)


def test_things_often_look_alike() -> None:
    """So that counting the blue cups has answers above one."""
    alike = [
        Counter((item.kind, item.colour) for item in scene(seed).items).most_common(1)[0][1]
        for seed in SEEDS
    ]
    assert sum(number >= 2 for number in alike) >= len(SEEDS) // 4


@pytest.mark.parametrize('seed', SEEDS)
def test_events_are_in_order_and_inside_the_episode(seed: int) -> None:
    moments = [event.moment_s for event in scene(seed).events]
    assert moments == sorted(moments)
    for event in scene(seed).events:
        assert 0.0 <= event.start_s <= event.moment_s <= event.end_s <= DURATION_S
        assert 0 <= event.thing < len(scene(seed).items)


def test_at_a_grasp_the_thing_is_first_one_centimetre_clear() -> None:
    for episode, event in events('grasp'):
        hold = next(h for h in episode.holds if h.lift_s == event.moment_s)
        assert hold.thing == event.thing
        low = state_at(episode, hold.close_s).places[event.thing, 2]
        now = state_at(episode, event.moment_s)
        assert now.places[event.thing, 2] - low == pytest.approx(0.01, abs=1e-4)
        assert now.lifted == event.thing
        assert state_at(episode, event.moment_s - 0.01).lifted == -1


def test_a_dropped_thing_leaves_the_fingers_in_the_air_and_lands() -> None:
    for episode, event in events('drop'):
        before = state_at(episode, event.moment_s - 0.01)
        now = state_at(episode, event.moment_s + 0.01)
        assert before.held == before.lifted == event.thing
        assert now.held == -1
        assert now.supports[event.thing] == FALLING
        if event.end_s < DURATION_S:
            landed = state_at(episode, event.end_s)
            assert landed.supports[event.thing] == event.other
            assert landed.places[event.thing, 2] < before.places[event.thing, 2] - 0.04


def test_what_was_placed_stands_where_it_was_said_to() -> None:
    for episode, event in events('place', 'stack'):
        now = state_at(episode, event.moment_s)
        assert now.supports[event.thing] == event.other
        if event.other >= 0:
            apart = now.places[event.thing, :2] - now.places[event.other, :2]
            assert np.linalg.norm(apart) < 0.01


def test_what_fell_over_stood_and_lies() -> None:
    for episode, event in events('fall_over'):
        assert state_at(episode, event.start_s).upright(event.thing)
        if event.end_s < DURATION_S:
            assert not state_at(episode, event.end_s).upright(event.thing)
        tilt = state_at(episode, event.moment_s).turns[event.thing, 2, 2]
        assert tilt == pytest.approx(np.sqrt(0.5), abs=0.03)


@pytest.mark.parametrize(
    ('kind', 'moves'), [('touch', False), ('miss', False), ('push', True), ('roll', True)]
)
def test_only_pushes_and_rolls_move_a_thing_that_is_not_held(kind: str, moves: bool) -> None:
    for episode, event in events(kind):
        if event.end_s < DURATION_S:
            before = state_at(episode, event.moment_s).places[event.thing]
            after = state_at(episode, event.end_s).places[event.thing]
            assert (np.linalg.norm(after - before) > 0.01) == moves, (episode.seed, event)


def test_artefacts_do_what_they_are_called() -> None:
    for episode, event in events(*SUDDEN, 'change_colour'):
        i = event.thing
        before, now = (state_at(episode, event.moment_s + shift) for shift in (-1e-6, 1e-6))
        assert (now.supports[i] == ABSENT) == (event.kind == 'vanish')
        assert (before.supports[i] == ABSENT) == (event.kind == 'appear')
        assert (before.colours[i] != now.colours[i]) == (event.kind == 'change_colour')
        assert (before.kinds[i] != now.kinds[i]) == (event.kind == 'change_shape')
        if event.kind == 'jump':
            assert np.linalg.norm(now.places[i] - before.places[i]) > 0.1


def test_melting_things_are_inside_each_other_at_the_moment() -> None:
    for episode, event in events('melt'):
        now = state_at(episode, event.moment_s)
        assert np.linalg.norm(now.places[event.thing, :2] - now.places[event.other, :2]) < 0.01


@pytest.mark.parametrize('seed', SEEDS)
def test_nothing_moves_in_leaps_unless_an_artefact_says_so(seed: int) -> None:
    for before, now in pairwise(states(seed)):
        leap = np.linalg.norm(now.places - before.places, axis=1)
        for thing in np.flatnonzero(leap > 0.17):
            sudden = [
                e
                for e in scene(seed).events
                if e.kind in SUDDEN and e.thing == thing and before.time_s <= e.moment_s
            ]
            assert sudden
            assert sudden[0].moment_s <= now.time_s + 1e-9


@pytest.mark.parametrize('seed', SEEDS)
def test_supports_are_there_and_carry(seed: int) -> None:
    for state in states(seed)[::5]:
        for thing, support in enumerate(state.supports):
            assert (support == GRIPPER) <= (state.held == thing)
            if support >= 0:
                assert state.supports[support] != ABSENT
                assert state.places[thing, 2] > state.places[support, 2] - 0.02
            if support == TABLE and state.held != thing and state.turns[thing, 2, 2] > 0.999:
                item = scene(seed).items[thing]
                height = half_sizes(item, KINDS[state.kinds[thing]])[2]
                assert state.places[thing, 2] == pytest.approx(height, abs=1e-3)


@pytest.mark.parametrize('seed', SEEDS)
def test_things_are_inside_each_other_only_while_they_melt(seed: int) -> None:
    melts = [event for event in scene(seed).events if event.kind == 'melt']
    for state in states(seed)[::5]:
        if any(melt.start_s - 0.1 < state.time_s < melt.end_s + 0.1 for melt in melts):
            continue
        resting = [i for i, s in enumerate(state.supports) if s == TABLE and state.held != i]
        for i, k in combinations(resting, 2):
            assert np.linalg.norm(state.places[i] - state.places[k]) > 0.03


def test_calm_episodes_have_still_cameras_and_no_artefacts() -> None:
    calm = [scene_from_seed(seed, 20.0, calm=True) for seed in range(12)]
    assert not any(event.kind in ARTEFACTS for episode in calm for event in episode.events)
    assert not any(camera.waves or camera.barrel for e in calm for camera in e.cameras)


@pytest.mark.parametrize('seed', SEEDS)
def test_at_most_two_things_ever_have_one_colour(seed: int) -> None:
    """The model's frames have two tokens for a colour."""
    for state in states(seed)[::5]:
        there = [c for c, s in zip(state.colours, state.supports, strict=True) if s != ABSENT]
        assert max(Counter(there).values(), default=0) <= ALIKE
