# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: measure the model that ships on clips it never saw, through the package's own path.

Each clip is 8 to 32 frames (640x480 JPEG, 2 fps, half with an off-grid newest frame) and gets four
kinds of question, by a seeded draw:
two grasp counts (a grasped block's colour if there is one, then any other of the six colours, so
present and never grasped, or absent), one pointing question (70 % a present block, 20 % 'the
blocks', 10 % an absent colour), one track of a present block.
The last line printed is one JSON object: clips, point_f1, count_accuracy, event_f1, track_f1.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tools.tabletop.footage import Footage, film
from tools.tabletop.questions import ANY, noun
from tools.tabletop.render import RendererMissingError, Stage
from tools.tabletop.scoring import Spot, Tally, score_grasps, score_points, score_track

MODEL = Path(__file__).resolve().parents[2] / 'models' / 'tabletop'
BASE_NS = 1_763_805_600_000_000_000


@dataclass(frozen=True)
class Question:
    """One question about a clip. kind: 'count', 'point' or 'track'."""

    kind: str
    colour: int
    text: str


@dataclass(frozen=True)
class Results:
    """Sums over clips. counts: (true count, right?) of every grasp count."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    counts: tuple[tuple[int, bool], ...] = ()
    asked: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: 'Results') -> 'Results':
        """Sum."""
        kinds = {*self.tallies, *other.tallies}
        nothing = Tally(0, 0, 0)
        merged = {k: self.tallies.get(k, nothing) + other.tallies.get(k, nothing) for k in kinds}
        return Results(merged, self.counts + other.counts, self.asked + other.asked)


def draw_questions(footage: Footage, rng: np.random.Generator) -> list[Question]:
    """The seeded mix that the module's docstring states."""
    there, absent = np.flatnonzero(footage.present), np.flatnonzero(~footage.present)
    grasped = sorted({colour for _, colour in footage.grasps})
    first = int(rng.choice(grasped or list(there)))
    other = int(rng.choice([c for c in range(len(footage.present)) if c != first]))
    questions = [
        Question('count', colour, f'How many times was the {noun(colour)} grasped?')
        for colour in (first, other)
    ]
    dice = rng.random()
    target = ANY if dice < 0.2 else int(rng.choice(there if dice < 0.9 else absent))
    name = 'blocks' if target == ANY else noun(target)
    questions.append(Question('point', target, f'Point to the {name}.'))
    followed = int(rng.choice(there))
    questions.append(Question('track', followed, f'Track the {noun(followed)}.'))
    return questions


def judge(footage: Footage, question: Question, answer: Any) -> Results:
    """One answer's score. answer: the package's Answer."""
    stamps = [BASE_NS + round(t * 1e9) for t in footage.times]
    points = [p for track in answer.tracks for p in track.points] or list(answer.points)
    spots: list[Spot] = [(stamps.index(p.stamp_ns), p.x, p.y) for p in points]
    asked = Counter({f'{question.kind} {_group(footage, question.colour)}': 1})
    if question.kind == 'point':
        return Results({'point': score_points(footage, question.colour, spots)}, (), asked)
    if question.kind == 'track':
        return Results({'track': score_track(footage, question.colour, spots)}, (), asked)
    true = sum(colour == question.colour for _, colour in footage.grasps)
    events = score_grasps(footage, question.colour, spots)
    return Results({'event': events}, ((true, answer.count == true),), asked)


def _group(footage: Footage, colour: int) -> str:
    if colour == ANY:
        return 'all'
    if not footage.present[colour]:
        return 'absent'
    return 'grasped' if any(c == colour for _, c in footage.grasps) else 'never grasped'


def clip_of(footage: Footage) -> Any:
    """The package's Clip of the footage: decoded and labelled by the package."""
    from molmo_ground_ros.frames.image import decode
    from molmo_ground_ros.frames.windows import sample
    from molmo_ground_ros.types import Clip, CompressedImage, Frame

    stamps = [BASE_NS + round(t * 1e9) for t in footage.times]
    samples, expected = sample(stamps, stamps[0], stamps[-1])
    frames = tuple(
        Frame(stamps[s.index], decode(CompressedImage('jpeg', footage.jpegs[s.index])), 'camera')
        for s in samples
    )
    labels = tuple(s.seconds for s in samples)
    return Clip('camera', frames, labels, stamps[0], stamps[-1], expected)


def measure(model: str, seed: int, verbose: bool, numbers: range) -> Results:
    """Film, ask and judge some clips; one process's share."""
    from molmo_ground_ros.backends import load
    from molmo_ground_ros.backends.base import BackendSettings
    from molmo_ground_ros.grounding.grounder import Grounder
    from molmo_ground_ros.types import Query

    grounder = Grounder(load('transformers', BackendSettings(model, device='cpu', threads=1)))
    stage, results = Stage(), Results()
    for number in numbers:
        footage = film(seed, number, stage)
        clip = clip_of(footage)
        for question in draw_questions(footage, np.random.default_rng((seed, number, 4))):
            answer = grounder.ground(clip, Query(question.text))
            result = judge(footage, question, answer)
            results += result
            if verbose:
                print(number, question.text, _truth(footage, question), answer.text, result)
    stage.close()
    return results


def _truth(footage: Footage, question: Question) -> str:
    times = [f'{t:.2f}' for t, colour in footage.grasps if colour == question.colour]
    return f'[true grasps: {" ".join(times)}]' if question.kind == 'count' else ''


def _lines(results: Results) -> Iterator[str]:
    yield 'questions: ' + ', '.join(f'{k} {v}' for k, v in sorted(results.asked.items()))
    for low, high in ((0, 0), (1, 1), (2, 2), (3, 99)):
        rights = [right for true, right in results.counts if low <= true <= high]
        name = f'{low}+' if high == 99 else str(low)
        if rights:
            yield f'true count {name}: {sum(rights)} of {len(rights)} exact'
    for kind, tally in sorted(results.tallies.items()):
        yield f'{kind}: {tally.hits} right of {tally.said} said and {tally.real} real'


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 2 with one line on stderr where the renderer is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--model', default=str(MODEL))
    parser.add_argument('--seed', type=int, default=0, help='of the clips (default 0)')
    parser.add_argument('--clips', type=int, default=300)
    parser.add_argument('--processes', type=int, default=os.cpu_count() or 1)
    parser.add_argument('--verbose', action='store_true', help='print every answer')
    options = parser.parse_args(arguments)
    began = time.monotonic()
    share = partial(measure, options.model, options.seed, options.verbose)
    count = max(1, min(options.processes, options.clips))
    parts = [range(first, options.clips, count) for first in range(count)]
    try:
        with ProcessPoolExecutor(count, multiprocessing.get_context('spawn')) as pool:
            results = sum(pool.map(share, parts), Results())
    except RendererMissingError as err:
        print(err, file=sys.stderr)
        return 2
    for line in _lines(results):
        print(line)
    print(f'{time.monotonic() - began:.0f} s in {count} processes')
    rights = [right for _, right in results.counts]
    figures = {
        'clips': options.clips,
        'point_f1': round(results.tallies['point'].f1, 4),
        'count_accuracy': round(sum(rights) / len(rights), 4),
        'event_f1': round(results.tallies['event'].f1, 4),
        'track_f1': round(results.tallies['track'].f1, 4),
    }
    print(json.dumps(figures))
    return 0


if __name__ == '__main__':
    sys.exit(main())
