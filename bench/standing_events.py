# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Standing counts of a real model beside the truth: `python -m bench.standing_events`.

Simulated recordings of the tabletop that no training saw are filmed at 2 frames a second. For each
thing whose colour and kind no other has there is a standing question: how often it was grasped.
Scenes without such a thing are passed over. The camera waits for the model, so that no turn is left
out. Needs MuJoCo, as `tools/tabletop/README.md` says. Prints a line for each recording, and one
JSON object: the counts, and how far their sum is off.
`test/grounding/standing/test_bars.py` measures the same with answers that are made from the truth.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from bench.inputs import ROOT
from bench.machine import machine
from molmo_ground_ros import backends
from molmo_ground_ros.backends import settings_of
from molmo_ground_ros.config import Settings, default
from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.frames.pinned_window import PinnedWindow
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.standing import (
    Delivery,
    StandingQuestions,
    StandingRequest,
    run_pass,
)
from molmo_ground_ros.types import Answer, CompressedImage, Task
from tools.tabletop.bag import stamp_ns
from tools.tabletop.footage import FIRST_SEED, camera_stage, film_scene
from tools.tabletop.plan import scene_from_seed
from tools.tabletop.render import Stage
from tools.tabletop.world import Scene

# Far from the seeds of `tools.tabletop.evaluate`.
SEEDS = FIRST_SEED + 50_000_000
QUESTION = 'How many times was the {} grasped?'
STEP_S = 0.5
# The camera goes on, so that the last grasps have been followed by something.
AFTER_S = 12.0


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted in one recording, by name, and what is true."""

    seed: int
    grasps: dict[str, int]
    events: dict[str, int]
    # Events that too few windows have.
    dropped: int
    passes: int
    model_s: float


class Outlet:
    """Counts what is published about the time before `until_ns`."""

    def __init__(self, until_ns: int) -> None:
        self.events: Counter[str] = Counter()
        self._until_ns = until_ns

    def hold(self, window: PinnedWindow) -> None:
        """Nothing else belongs to it."""

    def place(self, answer: Answer) -> Answer:
        """In pixels alone."""
        return answer

    def deliver(self, delivery: Delivery) -> None:
        """Count the events."""
        for event in delivery.events:
            if event.point.stamp_ns <= self._until_ns:
                self.events[delivery.request.id] += 1


def main() -> int:
    """Film, ask and count; 0 if the sum of all counts is within the bar."""
    parser = argparse.ArgumentParser(prog='python -m bench.standing_events')
    parser.add_argument('--recordings', type=int, default=20)
    parser.add_argument('--minutes', type=float, default=10.0, help='of each recording')
    for name in ('period', 'window'):
        value = default(f'standing_{name}_seconds')
        parser.add_argument(f'--{name}', type=float, default=value, help='seconds')
    value = default('standing_agreement')
    parser.add_argument('--agreement', type=float, default=value, help='share of windows')
    parser.add_argument('--model', default=str(ROOT / 'models' / 'tabletop'))
    parser.add_argument('--backend', default='onnx')
    parser.add_argument('--bar', type=float, default=0.05, help='share that the sum may be off')
    options = parser.parse_args()
    settings = Settings(
        model=options.model,
        backend=options.backend,
        threads=1,
        standing_period_seconds=options.period,
        standing_window_seconds=options.window,
        standing_agreement=options.agreement,
    )
    backend = backends.load(settings.backend, settings_of(settings))
    stage = camera_stage()
    results = []
    for scene in itertools.islice(scenes(60 * options.minutes + AFTER_S), options.recordings):
        results.append(count(scene, 60 * options.minutes, stage, Grounder(backend), settings))
        print(json.dumps(asdict(results[-1])), flush=True)
    grasps = sum(sum(result.grasps.values()) for result in results)
    events = sum(sum(result.events.values()) for result in results)
    off = abs(events - grasps) / max(grasps, 1)
    summary = {
        **{name: value for name, value in vars(options).items() if name not in ('model', 'bar')},
        'grasps': grasps,
        'events': events,
        'off': round(off, 4),
        'dropped': sum(result.dropped for result in results),
        'model_s_a_pass': round(
            sum(result.model_s for result in results) / sum(result.passes for result in results), 3
        ),
        'machine': machine(),
    }
    print(json.dumps(summary))
    return int(off > options.bar)


def scenes(seconds: float) -> Iterator[Scene]:
    """Those that have something to ask about, each so long."""
    for seed in itertools.count(SEEDS):
        scene = scene_from_seed(seed, seconds, calm=True)
        if names(scene):
            yield scene


def names(scene: Scene) -> dict[str, int]:
    """The index of each thing that its colour and kind tell from all others: 'red block' to 2."""
    every = [f'{item.colour} {item.kind}' for item in scene.items]
    return {name: thing for thing, name in enumerate(every) if every.count(name) == 1}


def count(
    scene: Scene, until_s: float, stage: Stage, grounder: Grounder, settings: Settings
) -> Counted:
    """Ask standing questions about one recording. Grasps up to `until_s` are the truth."""
    buffer = ClipBuffer(
        'front',
        horizon_ns=round(settings.buffer_seconds * 1e9),
        max_bytes=2**29,
        keep_period_ns=round(1e9 / settings.buffer_rate_hz),
    )
    # A grasp is pointed at in the first frame after it.
    outlet = Outlet(stamp_ns(until_s + STEP_S))
    standing = StandingQuestions(settings, {'front': buffer}, outlet)
    things = names(scene)
    for name in things:
        standing.set(StandingRequest(QUESTION.format(name), Task.COUNT, id=name))
    passes, model_s = 0, 0.0
    for time_s, image in film(scene, until_s + AFTER_S, stage):
        buffer.push(stamp_ns(time_s), image, 'camera')
        due = standing.next_pass()
        if due is not None:
            began_s = time.monotonic()
            standing.deliver(due, run_pass(grounder, due))
            model_s += time.monotonic() - began_s
            passes += 1
    grasps = [
        event.thing for event in scene.events if event.kind == 'grasp' and event.moment_s <= until_s
    ]
    return Counted(
        seed=scene.seed,
        grasps={name: grasps.count(thing) for name, thing in things.items()},
        events={name: outlet.events[name] for name in things},
        dropped=sum(status.dropped for status in standing.statuses()),
        passes=passes,
        model_s=model_s,
    )


def film(scene: Scene, until_s: float, stage: Stage) -> Iterator[tuple[float, CompressedImage]]:
    """The times and images of a scene, one at a time."""
    chance = np.random.default_rng(scene.seed)
    for number in range(round(until_s / STEP_S)):
        times = np.array([number * STEP_S])
        footage = film_scene(scene, stage, 0, times, np.ones(1, bool), chance)
        yield number * STEP_S, CompressedImage('jpeg', footage.jpegs[0])


if __name__ == '__main__':
    sys.exit(main())
