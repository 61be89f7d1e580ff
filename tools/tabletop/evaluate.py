# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: measure a model on freshly filmed clips of the tabletop, through the package.

Each clip is 8 to 63 s (640x480 JPEG, two frames a second, half with an off-grid newest frame). It
gets, by a seeded draw, a question of each of the eight categories (points or a count), a track of
one thing and of several, and four texts; half of them in forms that training never asked with. The
last line printed is one JSON object.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tools.tabletop.footage import LONGEST_S, SHORTEST_S, Footage, camera_stage, film
from tools.tabletop.questions import wordings
from tools.tabletop.questions.clip import Clip
from tools.tabletop.questions.draw import Asked, ask, ask_text, ask_track
from tools.tabletop.questions.referents import CATEGORIES
from tools.tabletop.questions.replies import NONE
from tools.tabletop.questions.texts import TEXTS
from tools.tabletop.render import RendererMissingError
from tools.tabletop.scoring import Said, Sums, is_right_text, score_points, score_tracks
from tools.tabletop.shares import shares

BASE_NS = 1_763_805_600_000_000_000
MODEL = Path(__file__).resolve().parents[2] / 'models' / 'tabletop'


def forms_of(unseen: bool) -> Any:
    """Forms that training never asked with, or those it did."""
    return wordings.unseen if unseen else wordings.trained


def questions_of(clip: Clip, rng: np.random.Generator) -> list[Asked]:
    """The seeded mix that the module states, as far as chance finds such questions."""
    made: list[Asked | None] = []
    for category in CATEGORIES:
        task = 'count' if rng.random() < 0.5 else 'point'
        made.append(ask(clip, category, task, rng, forms_of(rng.random() < 0.5)))
    tracks = [ask_track(clip, rng, forms_of(rng.random() < 0.5)) for _ in range(16)]
    for several in (False, True):
        fitting = [track for track in tracks if track and (len(track.things) > 1) == several]
        made += fitting[:1]
    for kind in rng.choice(list(TEXTS), 4, replace=False):
        made.append(ask_text(clip, str(kind), rng, forms_of(rng.random() < 0.5)))
    return [asked for asked in made if asked is not None]


def clip_of(footage: Footage) -> Any:
    """The package's Clip of the footage: decoded and labelled by the package."""
    from molmo_ground_ros.frames.image import decode
    from molmo_ground_ros.frames.windows import sample
    from molmo_ground_ros.types import Clip as Window
    from molmo_ground_ros.types import CompressedImage, Frame

    stamps = stamps_of(footage)
    samples, expected = sample(stamps, stamps[0], stamps[-1])
    frames = tuple(
        Frame(stamps[s.index], decode(CompressedImage('jpeg', footage.jpegs[s.index])), 'camera')
        for s in samples
    )
    labels = tuple(s.seconds for s in samples)
    return Window('camera', frames, labels, stamps[0], stamps[-1], expected)


def stamps_of(footage: Footage) -> list[int]:
    """The frames' stamps in nanoseconds."""
    times = footage.truth.time_s - footage.truth.time_s[0]
    return [BASE_NS + round(float(time_s) * 10) * 100_000_000 for time_s in times]


def judge(footage: Footage, clip: Clip, asked: Asked, answer: Any) -> Sums:
    """One answer's grades. answer: the package's Answer."""
    stamps = stamps_of(footage)
    points: list[Said] = [(stamps.index(p.stamp_ns), p.x, p.y) for p in answer.points]
    sums, form = Sums(), 'unseen' if asked.unseen else 'trained'
    if asked.task == 'text':
        sums.right(['text', f'text {asked.category}'], is_right_text(asked, answer.text))
        return sums
    if asked.reply == NONE:
        silent = not answer.points and not answer.tracks
        sums.right(['none'], silent and answer.count == 0)
    if asked.task == 'track':
        said = [
            (track.id, (stamps.index(p.stamp_ns), p.x, p.y))
            for track in answer.tracks
            for p in track.points
        ]
        score = score_tracks(footage, clip, asked, said)
        sums.tally(['track one' if len(asked.things) == 1 else 'track several'], score.tally)
        if asked.reply != NONE:
            sums.right(['hota'], score.hota)
        return sums
    tally = score_points(footage, clip, asked, points)
    groups = [asked.category, form]
    sums.tally(groups if asked.category == 'action_or_event' else [*groups, 'point'], tally)
    if asked.task == 'count':
        right = answer.count == len(asked.spots)
        sums.right(['count', 'count nonzero'] if asked.spots else ['count'], right)
    return sums


@dataclass(frozen=True)
class Answered:
    """One question about one clip, answered.

    number: of the clip. seconds: that a question of it took; they are asked together.
    """

    number: int
    footage: Footage
    clip: Clip
    asked: Asked
    answer: Any
    seconds: float


@dataclass(frozen=True)
class Course:
    """What is measured, and on what. max_new_tokens: 0 leaves it to the package."""

    model: str
    backend: str
    seed: int
    seconds: tuple[float, float]
    max_new_tokens: int = 0
    verbose: bool = False


def answers(course: Course, numbers: range) -> Iterator[Answered]:
    """Film some clips and ask about them; one process's share."""
    from molmo_ground_ros.backends import load
    from molmo_ground_ros.backends.base import BackendSettings
    from molmo_ground_ros.grounding.grounder import Grounder
    from molmo_ground_ros.types import Query

    settings = BackendSettings(course.model, device='cpu', threads=1)
    grounder = Grounder(load(course.backend, settings), course.max_new_tokens)
    stage = camera_stage()
    for number in numbers:
        footage = film(course.seed, number, stage, course.seconds)
        clip = Clip(footage.truth, np.arange(len(footage.jpegs)))
        window = clip_of(footage)
        questions = questions_of(clip, np.random.default_rng((course.seed, number, 4)))
        texts = [grounder.question(Query(asked.question)) for asked in questions]
        began = time.monotonic()
        given = grounder.ground_all(window, texts)
        seconds = (time.monotonic() - began) / max(len(questions), 1)
        for asked, answer in zip(questions, given, strict=True):
            yield Answered(number, footage, clip, asked, answer, seconds)
    stage.close()


def measure(course: Course, numbers: range) -> Sums:
    """Film, ask and judge some clips; one process's share."""
    sums = Sums()
    for answered in answers(course, numbers):
        sums.right(['seconds'], answered.seconds)
        sums += judge(answered.footage, answered.clip, answered.asked, answered.answer)
        if course.verbose:
            words = answered.asked.question, answered.asked.reply, answered.answer.text
            print(answered.number, *map(repr, words), sep=' | ', flush=True)
    return sums


def figures(clips: int, sums: Sums) -> dict[str, Any]:
    """What the last line says."""
    return {
        'clips': clips,
        'point_f1': sums.f1('point'),
        'count_accuracy': sums.mean('count'),
        'count_accuracy_nonzero': sums.mean('count nonzero'),
        'event_f1': sums.f1('action_or_event'),
        'track_f1': sums.f1('track one'),
        'track_f1_several': sums.f1('track several'),
        'tracks_hota': sums.mean('hota'),
        'text_accuracy': sums.mean('text'),
        'none_accuracy': sums.mean('none'),
        'unseen_wording_f1': sums.f1('unseen'),
        'trained_wording_f1': sums.f1('trained'),
        'categories': {category: sums.f1(category) for category in CATEGORIES},
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--model', default=str(MODEL), help='a folder, as `train export` makes it')
    parser.add_argument('--backend', default='onnx')
    parser.add_argument('--seed', type=int, default=0, help='of the clips (default 0)')
    parser.add_argument('--clips', type=int, default=300)
    parser.add_argument(
        '--seconds', type=float, nargs=2, default=(SHORTEST_S, LONGEST_S), metavar=('LOW', 'HIGH')
    )
    parser.add_argument(
        '--max-new-tokens', type=int, default=0, help='of an answer; 0: as the package has it'
    )
    parser.add_argument('--processes', type=int, default=os.cpu_count() or 1)
    parser.add_argument('--verbose', action='store_true', help='print every answer')
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 2 with one line on stderr where the renderer is missing."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    low, high = options.seconds
    course = Course(
        options.model,
        options.backend,
        options.seed,
        (low, high),
        options.max_new_tokens,
        options.verbose,
    )
    try:
        parts = shares(partial(measure, course), options.clips, options.processes)
    except RendererMissingError as err:
        print(err, file=sys.stderr)
        return 2
    sums = Sums()
    for part in parts:
        sums += part
    for group, values in sorted(sums.rights.items()):
        print(f'{group}: mean {np.mean(values):.3f} of {len(values)}')
    for group, tally in sorted(sums.tallies.items()):
        print(f'{group}: {tally.hits} right of {tally.said} said and {tally.real} real')
    print(f'{time.monotonic() - began:.0f} s in {len(parts)} processes')
    print(json.dumps(figures(options.clips, sums)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
