# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: what the frames for tracks change for a model, on clips that it never saw.

Each clip is 4 to 12 s of 640x480 JPEG at 10 frames a second. The same question about a present
block is asked about the frames of every other question, and about those that `TrackRule` gives for
each rate. Right is a point in the block's mask. Only points on the grid of 2 a second count, which
is what the model is asked for, on either side. The last line printed is one JSON object: clips, and
for each rate the F1, the frames a clip and the share of clips for which the rate was lower.
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from molmo_ground_ros.backends import load
from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.frames.image import decode
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.frames.windows import sample
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.loader import track_rule_of
from molmo_ground_ros.types import Clip, CompressedImage, Frame, Query
from tools.tabletop.evaluate import BASE_NS, MODEL
from tools.tabletop.footage import DURATION_S, FIRST_SEED, Footage, film_scene
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.questions import noun
from tools.tabletop.render import RendererMissingError, Stage
from tools.tabletop.scoring import Spot, Tally, score_track

CAMERA_HZ = 10
# Steps of half a second.
_SHORTEST, _LONGEST = 8, 24
# What stands for the frames of every other question.
PLAIN = 0


@dataclass(frozen=True)
class Outcome:
    """Sums over clips, of one rate."""

    tally: Tally = Tally(0, 0, 0)  # noqa: RUF009 - it is frozen
    frames: int = 0
    lowered: int = 0  # clips that were shown fewer a second

    def __add__(self, other: 'Outcome') -> 'Outcome':
        """Sum."""
        sums = self.frames + other.frames, self.lowered + other.lowered
        return Outcome(self.tally + other.tally, *sums)


def film(seed: int, number: int, stage: Stage) -> Footage:
    """Clip `number` of an evaluation seed, at CAMERA_HZ."""
    rng = np.random.default_rng((seed, number, 8))
    scene = scene_from_seed(FIRST_SEED + seed * 100_000 + number, DURATION_S)
    length_s = int(rng.integers(_SHORTEST, _LONGEST + 1)) / 2
    times = np.arange(round(length_s * CAMERA_HZ) + 1) / CAMERA_HZ
    return film_scene(scene, float(rng.uniform(0.0, DURATION_S - length_s)), times, stage, rng)


def clip_of(footage: Footage, rule: TrackRule | None) -> tuple[Clip, int]:
    """The clip that a model is shown, and the rate of its grid; PLAIN without a rule."""
    stamps = [BASE_NS + round(float(time_s) * 1e9) for time_s in footage.times]
    rate = rule.rate(stamps) if rule else PLAIN
    samples, expected = sample(stamps, stamps[0], stamps[-1], stamps[0], rate)
    frames = tuple(
        Frame(stamps[s.index], decode(CompressedImage('jpeg', footage.jpegs[s.index])), 'camera')
        for s in samples
    )
    labels = tuple(s.seconds for s in samples)
    return Clip('camera', frames, labels, stamps[0], stamps[-1], expected), rate


def judge(footage: Footage, colour: int, answer: Any) -> Tally:
    """The score of an answer's points on the grid of 2 a second. answer: the package's Answer."""
    step = CAMERA_HZ // 2
    on_grid = slice(0, None, step)
    asked = replace(
        footage,
        times=footage.times[on_grid],
        masks=footage.masks[on_grid],
        clear=footage.clear[on_grid],
    )
    spots: list[Spot] = []
    for point in (point for track in answer.tracks for point in track.points):
        frame = round((point.stamp_ns - BASE_NS) * CAMERA_HZ / 1e9)
        if frame % step == 0:
            spots.append((frame // step, point.x, point.y))
    return score_track(asked, colour, spots)


def measure(model: str, seed: int, rates: Sequence[int], numbers: range) -> dict[int, Outcome]:
    """Film and ask about some clips; one process's share. By rate, PLAIN first."""
    grounder = Grounder(load('onnx', BackendSettings(model, device='cpu', threads=1)))
    rules = {PLAIN: None} | {rate: track_rule_of(model, rate) for rate in rates}
    outcomes = dict.fromkeys(rules, Outcome())
    stage = Stage()
    for number in numbers:
        footage = film(seed, number, stage)
        there = np.flatnonzero(footage.present)
        colour = int(np.random.default_rng((seed, number, 9)).choice(there))
        for rate, rule in rules.items():
            clip, shown_hz = clip_of(footage, rule)
            answer = grounder.ground(clip, Query(f'Track the {noun(colour)}.'))
            tally = judge(footage, colour, answer)
            outcomes[rate] += Outcome(tally, len(clip.frames), int(shown_hz < rate))
    stage.close()
    grounder.close()
    return outcomes


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 2 with one line on stderr where the renderer is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--model', default=str(MODEL))
    parser.add_argument('--seed', type=int, default=0, help='of the clips (default 0)')
    parser.add_argument('--clips', type=int, default=100)
    parser.add_argument('--rates', type=int, nargs='+', default=[4, 10], metavar='HZ')
    parser.add_argument('--processes', type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    count = max(1, min(options.processes, options.clips))
    share = partial(measure, options.model, options.seed, options.rates)
    sums: dict[int, Outcome] = {}
    try:
        with ProcessPoolExecutor(count, multiprocessing.get_context('spawn')) as pool:
            for part in pool.map(share, [range(k, options.clips, count) for k in range(count)]):
                sums = {rate: sums.get(rate, Outcome()) + part[rate] for rate in part}
    except RendererMissingError as err:
        print(err, file=sys.stderr)
        return 2
    figures: dict[str, Any] = {'clips': options.clips}
    for rate, outcome in sums.items():
        figures[f'{rate} Hz' if rate else 'as every question'] = {
            'track_f1': round(outcome.tally.f1, 4),
            'frames': round(outcome.frames / options.clips, 1),
            'lowered': round(outcome.lowered / options.clips, 3),
        }
    print(json.dumps(figures))
    return 0


if __name__ == '__main__':
    sys.exit(main())
