# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How well merging does on a hundred simulated recordings of five minutes.

    pytest -rP test/test_stitch_bars.py

prints the figures.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from support.recordings import (
    APART,
    CAMERA,
    DIAGONAL,
    HEIGHT,
    LABEL,
    QUESTION,
    WIDTH,
    Noise,
    answer,
    replies,
    side_by_side,
    simulate,
    text,
)

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.stitch import Event, Finding, Stitcher
from molmo_ground_ros.language.prompts import question_of
from molmo_ground_ros.types import Clip, Frame, Query, Task

RECORDINGS = 100


@dataclass
class Figures:
    """What came of some recordings."""

    recordings: int = 0
    exact_counts: int = 0  # recordings with as many merged as true events
    events: int = 0  # true
    seen: int = 0  # that a window has
    exact: int = 0  # that are one merged event, and alone in it
    wrong: int = 0  # merged events of several true ones, or one of several of the same
    wrong_unmarked: int = 0
    objects: int = 0  # true
    whole: int = 0  # that are one path
    paths: int = 0
    switches: int = 0  # paths of several objects

    def __str__(self) -> str:
        return ', '.join(f'{name} {value}' for name, value in dataclasses.asdict(self).items())


@pytest.fixture(scope='module')
def recordings():
    return [simulate(seed) for seed in range(RECORDINGS)]


def measured(recordings, noise: Noise) -> Figures:
    figures = Figures()
    for seed, recording in enumerate(recordings):
        said = replies(recording, noise, seed=1_000_000 + seed)
        stitcher = Stitcher(CAMERA, question_of(Query(QUESTION)))
        for reply in said:
            stitcher.add(answer(recording, reply))
        merged = stitcher.result()
        figures.recordings += 1
        figures.exact_counts += merged.count == len(recording.events)
        measure_events(figures, recording, said, merged)
        measure_paths(figures, recording, said, merged)
    return figures


def measure_events(figures: Figures, recording, said, merged: Finding) -> None:
    def truth(event: Event) -> set[int]:
        sightings = (event.sighting, *event.duplicates)
        return {said[one.window].event_of[one.point.id] for one in sightings}

    times = Counter(index for event in merged.events for index in truth(event))
    wrong = [event for event in merged.events if {times[i] for i in truth(event)} != {1}
             or len(truth(event)) > 1]  # fmt: skip
    figures.events += len(recording.events)
    figures.seen += len(times)
    figures.exact += len(merged.events) - len(wrong)
    figures.wrong += len(wrong)
    figures.wrong_unmarked += sum(not event.marks for event in wrong)


def measure_paths(figures: Figures, recording, said, merged: Finding) -> None:
    truths = [
        {said[one.window].object_of[one.point.id] for one in (*path.points, *path.duplicates)}
        for path in merged.tracks
    ]
    pieces = Counter(owner for truth in truths for owner in truth)
    figures.objects += len(recording.places)
    figures.whole += sum(pieces[owner] == 1 for owner in range(len(recording.places)))
    figures.paths += len(truths)
    figures.switches += sum(len(truth) > 1 for truth in truths)


def test_perfect_answers_merge_exactly(recordings):
    figures = measured(recordings, Noise())
    print(f'perfect answers: {figures}')  # noqa: T201
    assert figures.events > 2000
    assert figures.exact_counts == RECORDINGS
    assert figures.exact == figures.events
    assert figures.switches == 0


def test_jittered_answers_that_miss_objects_merge_well(recordings):
    """Points 2 % off (root mean square, of the diagonal), one window in ten without an object."""
    figures = measured(recordings, Noise(jitter=0.02, missing=0.1))
    print(f'2 % jitter, an object missing in one window of ten: {figures}')  # noqa: T201
    assert figures.exact >= 0.95 * figures.events
    assert figures.exact == figures.seen  # what is lost, no window had
    assert figures.switches == 0
    assert figures.whole >= 0.9 * figures.objects


def test_answers_off_in_time_as_well_merge_well_and_most_errors_are_marked(recordings):
    """Beyond the bar: each event up to a frame early or late, so up to a second between windows."""
    figures = measured(recordings[:50], Noise(jitter=0.02, missing=0.1, steps=1))
    print(f'a frame early or late besides: {figures}')  # noqa: T201
    assert figures.exact >= 0.95 * figures.events
    assert figures.wrong > 0
    assert figures.wrong_unmarked < figures.wrong / 2
    assert figures.switches == 0


def test_objects_that_travel_side_by_side_keep_their_ids():
    """As near as the bar allows, all the time, and every point 2 % off."""
    figures = measured([side_by_side(seed) for seed in range(30)], Noise(jitter=0.02))
    print(f'three objects side by side: {figures}')  # noqa: T201
    assert (figures.objects, figures.whole, figures.switches) == (90, 90, 0)
    assert figures.exact >= 0.95 * figures.events


def test_objects_of_the_simulation_stay_apart_and_come_near(recordings):
    nearest = []
    for recording in recordings[:20]:
        for one in range(len(recording.places)):
            others = np.delete(recording.places, one, axis=0)
            away = np.hypot(*(others - recording.places[one]).transpose(2, 0, 1)) / DIAGONAL
            nearest.append(away.min())
    assert min(nearest) > APART
    assert np.mean(np.array(nearest) < 1.2 * APART) > 0.5


def test_simulated_answers_are_what_the_grounder_makes_of_the_text():
    recording = simulate(seed=3, seconds=130)
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for reply in replies(recording, Noise(jitter=0.02, missing=0.3, steps=1), seed=5):
        frames = tuple(Frame(recording.stamps[one.index], image) for one in reply.shown)
        clip = Clip(CAMERA, frames, tuple(one.seconds for one in reply.shown), *reply.span, 127)
        grounder = Grounder(ReplayBackend([text(reply)]), max_new_tokens=100_000)
        real = grounder.ground(clip, Query(QUESTION, Task.COUNT))
        assert real.rejected == ()
        simulated = answer(recording, reply)
        assert len(simulated.points) + len(simulated.tracks) > 5
        assert [spot(p) for p in real.points] == [spot(p) for p in simulated.points]
        ours, theirs = simulated.tracks, real.tracks
        assert [[spot(p) for p in t.points] for t in theirs] == [
            [spot(p) for p in t.points] for t in ours
        ]
        assert {track.label for track in theirs} == {LABEL}
        for name in ('count', 'label', 'camera', 'start_ns', 'end_ns', 'newest_ns', 'image_width'):
            assert getattr(real, name) == getattr(simulated, name), name


def spot(point):
    return point.stamp_ns, point.x, point.y
