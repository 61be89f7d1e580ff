# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: what the frames for tracks change for a model, on clips that it never saw.

Each clip is 4 to 12 s of 640x480 JPEG at 10 frames a second. The same question about one thing is
asked about the frames of every other question, and about those that `TrackRule` gives for each
rate. Clips without a thing that its colour and kind tell from all others are passed over. Only
points on the grid of 2 a second count, which is what the model is asked for, on either side. The
last line printed is one JSON object: clips that were asked about, and for each rate the F1, the
frames a clip and the share of clips for which the rate was lower.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
from molmo_ground_ros.types import Clip as Window
from molmo_ground_ros.types import CompressedImage, Frame, Query
from tools.tabletop.evaluate import MODEL, stamps_of
from tools.tabletop.footage import (
    FIRST_SEED,
    LATEST_START_S,
    Footage,
    camera_stage,
    film_scene,
)
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.questions import phrases, replies
from tools.tabletop.questions.clip import Clip, Spec
from tools.tabletop.questions.draw import Asked
from tools.tabletop.render import RendererMissingError, Stage
from tools.tabletop.scoring import Tally, score_tracks
from tools.tabletop.shares import shares

CAMERA_HZ, ASKED_HZ = 10, 2
# Steps of half a second.
_SHORTEST, _LONGEST = 8, 24
FORM = 'Track the {}.'
# What stands for the frames of every other question.
PLAIN = 0


@dataclass(frozen=True)
class Outcome:
    """Sums over clips, of one rate."""

    tally: Tally = field(default_factory=Tally)
    clips: int = 0
    frames: int = 0
    lowered: int = 0  # clips that were shown fewer a second

    def __add__(self, other: 'Outcome') -> 'Outcome':
        """Sum."""
        return Outcome(
            self.tally + other.tally,
            self.clips + other.clips,
            self.frames + other.frames,
            self.lowered + other.lowered,
        )


def film(seed: int, number: int, stage: Stage) -> Footage:
    """Clip `number` of an evaluation seed, at CAMERA_HZ."""
    rng = np.random.default_rng((seed, number, 8))
    length_s = int(rng.integers(_SHORTEST, _LONGEST + 1)) / 2
    start_s = float(rng.uniform(0.0, LATEST_START_S))
    steps = np.arange(round(length_s * CAMERA_HZ) + 1)
    scene = scene_from_seed(FIRST_SEED + seed * 100_000 + number, start_s + length_s + 0.1)
    on_grid = steps % (CAMERA_HZ // ASKED_HZ) == 0
    return film_scene(scene, stage, 0, start_s + steps / CAMERA_HZ, on_grid, rng)


def ask(footage: Footage, rng: np.random.Generator) -> Asked | None:
    """For a track of one thing that keeps its colour and kind, and that no other thing looks like.

    None if no such thing is clearly seen. The right answer is that of the grid's frames.
    """
    clip = Clip(footage.truth, np.flatnonzero(footage.truth.on_grid))
    specs = [Spec(thing.kind, thing.colour) for thing in footage.truth.things]
    fitting = [
        number
        for number, spec in enumerate(specs)
        if spec.clear(clip) == [number] and spec.matches(clip)[:, number].all()
    ]
    if not fitting:
        return None
    thing = int(rng.choice(fitting))
    name = phrases.name(specs[thing])
    reply = replies.tracks(clip, (thing,), ASKED_HZ, name)
    return Asked('track', 'object', FORM.format(name), reply, FORM, False, things=(thing,))


def window_of(footage: Footage, rule: TrackRule | None) -> tuple[Window, int]:
    """The clip that a model is shown, and the rate of its grid; PLAIN without a rule."""
    stamps = stamps_of(footage)
    rate = rule.rate(stamps) if rule else PLAIN
    samples, expected = sample(stamps, stamps[0], stamps[-1], stamps[0], rate)
    frames = tuple(
        Frame(stamps[s.index], decode(CompressedImage('jpeg', footage.jpegs[s.index])), 'camera')
        for s in samples
    )
    labels = tuple(s.seconds for s in samples)
    return Window('camera', frames, labels, stamps[0], stamps[-1], expected), rate


def judge(footage: Footage, asked: Asked, answer: Any) -> Tally:
    """The score of an answer's points on the grid. answer: the package's Answer."""
    rows, stamps = np.flatnonzero(footage.truth.on_grid), stamps_of(footage)
    frames = {stamps[row]: frame for frame, row in enumerate(rows)}
    said = [
        (track.id, (frames[point.stamp_ns], point.x, point.y))
        for track in answer.tracks
        for point in track.points
        if point.stamp_ns in frames
    ]
    # Scoring reads the masks by the frames of the clip.
    on_grid = replace(footage, labels=footage.labels[rows])
    return score_tracks(on_grid, Clip(footage.truth, rows), asked, said).tally


def measure(model: str, seed: int, rates: Sequence[int], numbers: range) -> dict[int, Outcome]:
    """Film and ask about some clips; one process's share. By rate, PLAIN first."""
    grounder = Grounder(load('onnx', BackendSettings(model, device='cpu', threads=1)))
    rules = {PLAIN: None} | {rate: track_rule_of(model, rate) for rate in rates}
    outcomes = dict.fromkeys(rules, Outcome())
    stage = camera_stage()
    for number in numbers:
        footage = film(seed, number, stage)
        asked = ask(footage, np.random.default_rng((seed, number, 9)))
        if asked is None:
            continue
        for rate, rule in rules.items():
            window, shown_hz = window_of(footage, rule)
            tally = judge(footage, asked, grounder.ground(window, Query(asked.question)))
            outcomes[rate] += Outcome(tally, 1, len(window.frames), int(shown_hz < rate))
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
    share = partial(measure, options.model, options.seed, options.rates)
    try:
        parts = shares(share, options.clips, options.processes)
    except RendererMissingError as err:
        print(err, file=sys.stderr)
        return 2
    sums = {rate: sum((part[rate] for part in parts), Outcome()) for rate in parts[0]}
    figures: dict[str, Any] = {'clips': sums[PLAIN].clips}
    for rate, outcome in sums.items():
        figures[f'{rate} Hz' if rate else 'as every question'] = {
            'track_f1': round(outcome.tally.f1, 4),
            'frames': round(outcome.frames / max(outcome.clips, 1), 1),
            'lowered': round(outcome.lowered / max(outcome.clips, 1), 3),
        }
    print(json.dumps(figures))
    return 0


if __name__ == '__main__':
    sys.exit(main())
