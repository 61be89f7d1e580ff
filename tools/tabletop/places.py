# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How well places in metres come out of simulated bags, for pixels that are right.

A stand-in for the model answers with the truth's pixels, so what is measured is all that follows:
depth, calibration, transforms. `python -m tools.tabletop.places --seeds 12 13`
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from molmo_ground_ros.analysis.findings import Analysis
from molmo_ground_ros.analysis.positions import with_positions
from molmo_ground_ros.analysis.run import analyze, make_plan
from molmo_ground_ros.analysis.window import LocalRunner
from molmo_ground_ros.backends.base import GenerateOptions, Generation, OnText
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.language.grammar import format_tracks
from molmo_ground_ros.recording import RecordedSpace, SpaceTopics, find_space, open_recording
from molmo_ground_ros.types import Clip, Point, PositionStatus, Query
from tools.tabletop.bag import IMAGE, WORLD, Span, write_bag
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.render import RendererMissingError
from tools.tabletop.world import HEIGHT, WIDTH, Scene, Wave

QUESTION = 'Track all things'
# A pixel of an answer is a share with three digits: as far as it may lie from the truth's.
NEAR_PX = 0.5
# Depth comes with every picture: what is between two depth images is not measured here.
SPAN = Span(0.0, 7.0, rate_hz=4.0, depth_every=2)


class TruthBackend:
    """Answers every question with a track of each thing, by the truth beside a bag."""

    model = 'truth'

    def __init__(self, truth: dict[str, Any]) -> None:
        self._things = {picture['stamp_ns']: picture['things'] for picture in truth['pictures']}

    def generate(
        self, clip: Clip, prompts: Sequence[str], options: GenerateOptions, on_text: OnText
    ) -> list[Generation]:
        """See Backend."""
        del options, on_text
        rows = [
            (seconds, thing['thing'] + 1, thing['x'] / WIDTH, thing['y'] / HEIGHT)
            for seconds, frame in zip(clip.seconds, clip.frames, strict=True)
            for thing in self._things.get(frame.stamp_ns, ())
        ]
        return [Generation(format_tracks(rows, 'thing'))] * len(prompts)

    def prepare(self, camera: str, frame: object) -> None:
        """See Backend: there is nothing to prepare."""

    def close(self) -> None:
        """See Backend."""


@dataclass(frozen=True)
class PlaceErrors:
    """Distances between the places of points and the true ones."""

    asked_points: int
    metres: tuple[float, ...]  # of those that have a position

    def row(self) -> dict[str, Any]:
        """Their quantiles in millimetres, as the command prints them."""
        low, high = np.quantile(self.metres, (0.5, 0.9)) if self.metres else (np.nan, np.nan)
        return {
            'points': self.asked_points,
            'placed': len(self.metres),
            'median_mm': round(1000 * float(low), 2),
            'p90_mm': round(1000 * float(high), 2),
        }


def place_errors(points: Iterable[Point], truth: dict[str, Any]) -> PlaceErrors:
    """The errors of points, in the world. Raises ValueError for one that is no true pixel."""
    things = {picture['stamp_ns']: picture['things'] for picture in truth['pictures']}
    metres, count = [], 0
    for point in points:
        count += 1
        thing = min(things[point.stamp_ns], key=lambda row: _apart(point, row))
        if _apart(point, thing) > NEAR_PX:
            raise ValueError(f'({point.x}, {point.y}) at {point.stamp_ns} is no true pixel')
        position = point.position
        if position is not None and position.status is PositionStatus.OK:
            place = np.array((position.x, position.y, position.z))
            metres.append(float(np.linalg.norm(place - thing['surface_m'])))
    return PlaceErrors(count, tuple(metres))


def _apart(point: Point, row: dict[str, Any]) -> float:
    return float(max(abs(point.x - row['x']), abs(point.y - row['y'])))


def analyzed(bag: Path, truth: dict[str, Any]) -> Analysis:
    """What `molmo-ground analyze --target-frame world` makes of a bag with the truth's pixels."""
    grounder = Grounder(TruthBackend(truth))
    question = grounder.question(Query(QUESTION))
    with open_recording(bag, IMAGE) as recording:
        recordings = {IMAGE: recording}
        plan = make_plan([str(bag)], recordings, [question], {})
        analysis = analyze(plan, recordings, LocalRunner(recordings, grounder, plan.questions))
        space = RecordedSpace(recording, find_space(recording, SpaceTopics()), WORLD)
        return with_positions(analysis, {IMAGE: space})


def hand_held(scene: Scene) -> Scene:
    """The scene with a first camera that a hand swings: 4 cm each way, twice in five seconds."""
    wave = Wave(np.array((0.04, 0.02, 0.02)), np.array((0.02, 0.0, 0.02)), 0.4, 0.3)
    return replace(scene, cameras=(replace(scene.cameras[0], waves=(wave,)), *scene.cameras[1:]))


def main(arguments: list[str] | None = None) -> int:
    """Print a line of JSON an episode; 2 with a line on stderr where the renderer is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument('--seeds', type=int, nargs='+', default=[12, 13, 14])
    parser.add_argument('--hand', action='store_true', help='a hand holds the camera')
    options = parser.parse_args(arguments)
    for seed in options.seeds:
        scene = scene_from_seed(seed, SPAN.length_s + 1.0, calm=True)
        with tempfile.TemporaryDirectory() as folder:
            bag = Path(folder) / 'bag.mcap'
            try:
                truth = write_bag(hand_held(scene) if options.hand else scene, SPAN, bag)
            except RendererMissingError as err:
                print(err, file=sys.stderr)
                return 2
            (finding,) = analyzed(bag, truth).findings
        points = [sighting.point for track in finding.tracks for sighting in track.points]
        print(json.dumps({'seed': seed, **place_errors(points, truth).row()}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
