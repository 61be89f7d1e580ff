# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who gets which window, and how much of the machines. Needs no Ray."""

from itertools import chain, pairwise

import pytest

from molmo_ground_ros.analysis.ray.share import Machine, Share, on_gpu, share
from molmo_ground_ros.analysis.ray.stretches import Stretches
from molmo_ground_ros.analysis.window import Work
from molmo_ground_ros.errors import BadSetting


def work(camera: str, number: int) -> Work:
    return Work(camera, (number, number + 1), number - 1, (0,))


def test_neighbours_stay_together_and_no_worker_is_left_with_more() -> None:
    stretches = Stretches([work('/image', number) for number in range(100)])
    taken: dict[int, list[int]] = {0: [], 1: [], 2: []}
    turn = [0, 1, 2, 2, 2]  # the last one is three times as fast
    while len(stretches):
        for worker in turn:
            if (got := stretches.next(worker)) is not None:
                taken[worker].append(got.span[0])
    assert sorted(chain(*taken.values())) == list(range(100))
    assert [len(found) for found in taken.values()] == [20, 20, 60]
    jumps = sum(b != a + 1 for found in taken.values() for a, b in pairwise(found))
    assert jumps < 12  # of 97


def test_cameras_are_begun_by_different_workers_and_a_leaver_s_windows_are_anybody_s() -> None:
    works = [work(camera, number) for camera in ('/left', '/right') for number in range(2)]
    stretches = Stretches(works)
    assert [stretches.next(worker) for worker in (0, 1)] == [works[0], works[2]]
    stretches.leave(1)
    stretches.put_back(works[2])
    assert [stretches.next(0) for _ in range(4)] == [works[1], works[3], works[2], None]


@pytest.mark.parametrize(
    ('machines', 'wanted', 'threads', 'gpu', 'expected'),
    [
        pytest.param([(8, 0)], 0, 0, False, Share(8, 1, 0, 1), id='one a CPU'),
        pytest.param([(8, 0)], 0, 3, False, Share(2, 3, 0, 3), id='as many as have room'),
        pytest.param([(3, 0), (3, 0)], 0, 2, False, Share(2, 2, 0, 2), id='whole on a machine'),
        pytest.param([(8, 0)], 2, 0, False, Share(2, 4, 0, 4), id='all CPUs are shared out'),
        pytest.param([(2, 0)], 3, 0, False, Share(3, 0.6666, 0, 1), id='more than CPUs'),
        pytest.param([(8, 2), (8, 0)], 0, 0, True, Share(2, 1, 1, 0), id='one a GPU'),
        pytest.param([(8, 1)], 2, 0, True, Share(2, 1, 0.5, 0), id='two on one GPU'),
    ],
)
def test_what_workers_take(machines, wanted, threads, gpu, expected) -> None:
    assert share([Machine(*one) for one in machines], wanted, threads, gpu=gpu) == expected


def test_no_room_for_a_worker_is_an_error() -> None:
    with pytest.raises(BadSetting, match='as many CPUs'):
        share([Machine(4, 0)], 0, 8, gpu=False)
    with pytest.raises(BadSetting, match='needs a GPU'):
        share([Machine(4, 0)], 0, 0, gpu=True)


def test_who_needs_a_gpu() -> None:
    with_gpu, without = [Machine(4, 1)], [Machine(4, 0)]
    assert on_gpu('torch', 'auto', with_gpu) and not on_gpu('torch', 'auto', without)
    assert on_gpu('tensorrt', 'auto', without) and on_gpu('torch', 'cuda', without)
    assert not on_gpu('onnx', 'auto', with_gpu) and not on_gpu('torch', 'cpu', with_gpu)
    with pytest.raises(BadSetting, match='always: cuda'):
        on_gpu('torch', 'cuda:1', with_gpu)
