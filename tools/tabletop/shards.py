# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Episodes to learn from: a file each, with its frames at the model's picture size and its truth.

A file is SEED.npz, as `truth.load` reads it. Frames are the 0.5 s grid (its phase is drawn) and a
few between its points, ascending in time. What is there already is kept, so that a run that was
stopped goes on. An episode's truth can be written without its frames: the language model learns
from codes of the truth.
"""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.benchmarks.scoring.worker_process import end_with_parent
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.record import STEP_S, record, truth_alone
from tools.tabletop.render import Stage
from tools.tabletop.truth import Truth, save
from tools.tabletop.world import Scene

SIDE = 168  # pixels of a training picture, which is square
TRUTH_SIDE = 84  # pixels that a truth without frames is worked out on
TRUTH_ALONE = -1  # in place of a number of frames
EXTRA = 0.12  # off-grid frames, as a share of those on the grid
# Moments at which the fingers are at a thing, and how near to one a frame shows it.
AT_FINGERS = ('grasp', 'touch', 'miss', 'push', 'drop', 'place')
NEAR_S = 0.7
SECOND_VIEW = 0.25  # share of episodes that the second camera shows
LENGTHS_S = ((20.0, 45.0), (45.0, 64.5), (64.5, 67.0))  # of episodes, and how often
_LENGTH_SHARES = (0.60, 0.15, 0.25)


def frame_times(
    rng: np.random.Generator, duration_s: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Ascending times of the frames, and which lie on the grid."""
    grid = np.arange(rng.uniform(0.0, STEP_S), duration_s, STEP_S)
    slots = rng.choice(len(grid) - 1, size=round(EXTRA * len(grid)), replace=False)
    extra = grid[slots] + rng.integers(1, 5, len(slots)) / 10.0
    times = np.concatenate([grid, extra])
    order = np.argsort(times)
    return times[order], (np.arange(len(times)) < len(grid))[order]


def episode(seed: int, stage: Stage) -> tuple[NDArray[np.uint8], Truth]:
    """Frames (F, SIDE, SIDE, 3) and the truth of one seed's episode."""
    return record(*_plan(seed, stage), np.random.default_rng((seed, 2)))


def stills(seed: int, stage: Stage, frames: int) -> tuple[NDArray[np.uint8], Truth]:
    """A few frames of one seed's episode and their truth.

    Vision learns from them: scenes teach it more than frames of the same scene do. Half of them are
    spread evenly at random over the episode. The others show the fingers at a thing, as long as
    there are any: whether it is held, touched or just missed is what vision mistakes most.
    """
    scene, stage, view, times, on_grid = _plan(seed, stage)
    rng = np.random.default_rng((seed, 2))
    frames = min(frames, len(times))
    apart = np.array([event.moment_s for event in scene.events if event.kind in AT_FINGERS])
    near = (np.abs(times[:, None] - apart) <= NEAR_S).any(1).nonzero()[0]
    some = rng.permutation(near)[: frames // 2]
    rest = np.setdiff1d(np.arange(len(times)), some)
    step = len(rest) / (frames - len(some))
    even = rest[np.floor((np.arange(frames - len(some)) + rng.random()) * step).astype(np.intp)]
    rows = np.sort(np.concatenate([some, even]))
    return record(scene, stage, view, times[rows], on_grid[rows], rng)


def truth_only(seed: int, stage: Stage) -> Truth:
    """The truth of one seed's episode without its frames. stage: TRUTH_SIDE pixels are enough."""
    return truth_alone(*_plan(seed, stage))


def _plan(
    seed: int, stage: Stage
) -> tuple[Scene, Stage, int, NDArray[np.float64], NDArray[np.bool_]]:
    """An episode's scene, view, times of frames, and which of them lie on the grid."""
    rng = np.random.default_rng((seed, 1))
    low, high = LENGTHS_S[int(rng.choice(len(LENGTHS_S), p=_LENGTH_SHARES))]
    scene = scene_from_seed(seed, float(rng.uniform(low, high)))
    times, on_grid = frame_times(rng, scene.duration_s)
    return scene, stage, int(rng.random() < SECOND_VIEW), times, on_grid


def write_shards(folder: Path, seeds: range, processes: int, frames: int = 0) -> Iterator[Path]:
    """Write the files that are missing, each as it is done.

    frames: of an episode; 0 is all, TRUTH_ALONE the truth of all without the pictures.
    """
    missing = [(folder, seed, frames) for seed in seeds if not path_of(folder, seed).exists()]
    if processes == 1:
        yield from map(_write, missing)
        return
    # A fork of a process with MuJoCo in it may hang.
    with multiprocessing.get_context('spawn').Pool(processes, end_with_parent) as pool:
        yield from pool.imap_unordered(_write, missing)


def path_of(folder: Path, seed: int) -> Path:
    """An episode's file."""
    return folder / f'{seed}.npz'


_STAGES: dict[int, Stage] = {}  # of this process, by their side in pixels, once they are made


def _write(task: tuple[Path, int, int]) -> Path:
    folder, seed, frames = task
    path, side = path_of(folder, seed), TRUTH_SIDE if frames == TRUTH_ALONE else SIDE
    if side not in _STAGES:
        _STAGES[side] = Stage(side, side)
    stage = _STAGES[side]
    if frames == TRUTH_ALONE:
        save(path, np.zeros((0, SIDE, SIDE, 3), np.uint8), truth_only(seed, stage))
    else:
        save(path, *(stills(seed, stage, frames) if frames else episode(seed, stage)))
    return path
