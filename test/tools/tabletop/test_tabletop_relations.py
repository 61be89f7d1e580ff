# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How the things of a frame stand to each other, against counting one by one."""

import numpy as np
import pytest
from support import truths

from tools.tabletop import relations, slots
from tools.tabletop.questions.clip import Clip
from tools.tabletop.slots import SLOTS, Slots


@pytest.fixture(scope='module', params=[3, 4, 5])
def scene(request: pytest.FixtureRequest) -> tuple[Clip, Slots]:
    episode = truths.random_truth(request.param, 24)
    rows = np.arange(0, 24, 2)
    return Clip(episode, rows), slots.slots_of(episode, rows)


def test_ranks_count_what_is_further_out(scene: tuple[Clip, Slots]) -> None:
    clip, found = scene
    ranks, clear = relations.ranks(found), slots.clear(found)
    told = 0
    for frame, token in np.ndindex(clip.frames, SLOTS):
        if found.thing[frame, token] < 0 or not clear[frame, token]:
            assert (ranks[frame, token] == relations.UNTOLD).all()
            continue
        x, kind = found.point[frame, token, 0], found.kind[frame, token]
        others = [n for n in range(SLOTS) if found.thing[frame, n] >= 0 and clear[frame, n]]
        alike = [n for n in others if found.kind[frame, n] == kind]
        wanted = [sum(found.point[frame, n, 0] < x for n in some) for some in (others, alike)]
        wanted += [sum(found.point[frame, n, 0] > x for n in some) for some in (others, alike)]
        assert ranks[frame, token].tolist() == np.minimum(wanted, relations.LAST_RANK).tolist()
        told += 1
    assert told > clip.frames, 'scenes have several things'


def test_the_nearest_thing_is_the_nearest_in_space(scene: tuple[Clip, Slots]) -> None:
    clip, found = scene
    nearest, told = relations.nearest(clip, found), 0
    for frame, token in np.ndindex(clip.frames, SLOTS):
        place = {
            n: clip.truth.position_m[clip.rows[frame], found.thing[frame, n]]
            for n in range(SLOTS)
            if found.thing[frame, n] >= 0
        }
        if token not in place or len(place) < 2:
            assert nearest[frame, token] == relations.UNTOLD
            continue
        away = {n: np.linalg.norm(p - place[token]) for n, p in place.items() if n != token}
        assert away[int(nearest[frame, token])] == pytest.approx(min(away.values()))
        told += 1
    assert told > clip.frames, 'scenes have several things'
