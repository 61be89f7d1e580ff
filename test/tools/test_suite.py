# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The simulated benchmark: its truth, its anomalies, and that our own readers take its files."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.benchmarks.datasets.examples import (
    CountTruth,
    Example,
    PointTruth,
    TrackTruth,
)
from molmo_ground_ros.frames.masks import read_rle
from tools.tabletop import ask, suite, truth
from tools.tabletop.anomalies import Anomaly, spoiled
from tools.tabletop.footage import Footage, film_scene
from tools.tabletop.questions import ANY
from tools.tabletop.render import EMPTY, GRIPPER
from tools.tabletop.world import COLOURS, HEIGHT, WIDTH, state_at

RED, GREEN, BLUE = 0, 1, 2


@pytest.fixture
def footage() -> Footage:
    """Eight frames: red at x 100 to 120 throughout, green at x 300 to 320 from the third on.

    Red is lifted 1.2 s and 2.9 s in; a gripper hides it in frame 3.
    """
    masks = np.full((8, HEIGHT, WIDTH), EMPTY, np.uint8)
    masks[:, 100:120, 100:120] = RED
    masks[3, 100:120, 100:120] = GRIPPER
    masks[2:, 100:120, 300:320] = GREEN
    clear = np.zeros((8, 6), bool)
    clear[:, RED], clear[2:, GREEN], clear[3, RED] = True, True, False
    grasps = ((1.2, RED), (2.9, RED))
    return Footage(1, 0.5 * np.arange(8), (), masks, clear, np.arange(6) < 2, grasps)


def frames_of(row: dict[str, Any]) -> list[list[int]]:
    """The frames of each object's masks."""
    return [[mask['frame_id'] for mask in masks] for masks in row['masks']]


def test_a_block_is_asked_for_at_its_first_clear_frame(footage: Footage) -> None:
    row = truth.object_row('clip', footage, GREEN)
    assert (row['label'], row['category']) == ('green block', 'object')
    assert row['two_fps_timestamps'] == [1.0]
    assert row['points'] == [{'x': 309.5, 'y': 109.5}]
    assert frames_of(row) == [[2, 3, 4, 5]]
    assert row['video_duration'] == 4.0


def test_all_blocks_are_an_object_each_and_an_absent_one_none(footage: Footage) -> None:
    every = truth.object_row('clip', footage, ANY)
    assert (every['label'], every['two_fps_timestamps']) == ('block', [0.0, 1.0])
    absent = truth.object_row('clip', footage, BLUE)
    assert (absent['label'], absent['points'], absent['masks']) == ('blue block', [], [])


def test_a_grasp_is_where_the_block_is_at_its_lift_and_near_it_where_it_is_hidden(
    footage: Footage,
) -> None:
    row = truth.grasp_row('clip', footage, RED)
    assert (row['label'], row['category']) == ('grasp of the red block', 'action_or_event')
    assert row['two_fps_timestamps'] == [1.0, 3.0]  # frame 3 is hidden, frames 2 and 4 are not
    assert frames_of(row) == [[0, 1, 2, 4, 5, 6], [4, 5, 6, 7]]
    assert truth.grasp_row('clip', footage, GREEN)['masks'] == []


def test_counts_are_of_grasps_and_of_blocks(footage: Footage) -> None:
    rows = list(truth.count_rows('clip', footage, (RED, BLUE)))
    assert [(row['question'], row['count']) for row in rows] == [
        ('How many times was the red block grasped?', 2),
        ('How many times was the blue block grasped?', 0),
        ('How many blocks are there?', 2),
    ]


def test_a_track_has_a_mask_and_a_point_where_the_block_is_seen(footage: Footage) -> None:
    row = truth.track_row('clip', footage, ANY)
    assert (row['exp'], row['mask_id']) == ('blocks', ['red', 'green'])
    red, green = row['points']
    assert [point is None for point in red['points']] == [False] * 3 + [True] + [False] * 4
    assert [mask is None for mask in row['masks'][1]['masks']] == [True] * 2 + [False] * 6
    assert green['points'][2] == [309.5, 109.5]
    assert truth.track_row('clip', footage, GREEN)['mask_id'] == ['green']


@pytest.mark.parametrize(
    ('kind', 'frames'), [('vanish', [1, 2, 4, 5, 6, 7]), ('jump', [1, 2, 5, 6, 7])]
)
def test_an_anomaly_is_where_the_block_was_and_is(
    footage: Footage, kind: str, frames: list[int]
) -> None:
    footage.masks[4] = EMPTY
    if kind == 'vanish':
        footage.masks[4:][footage.masks[4:] == RED] = EMPTY
    row = truth.anomaly_row('clip', footage, Anomaly(kind, RED, 4))
    assert (row['category'], row['label']) == ('anomaly', 'visual artifacts')
    assert frames_of(row) == [frames]
    assert all(read_rle(mask['rle']).contains(110, 110) for mask in row['masks'][0])


@pytest.mark.parametrize('number', range(6))
def test_a_spoiled_scene_differs_in_one_block_from_one_frame_on(number: int) -> None:
    scene, start, times = suite.clip_of(3, number)
    found = [spoiled(scene, start, times, np.random.default_rng(n)) for n in range(20)]
    pairs = [pair for pair in found if pair]
    for changed, anomaly in pairs:
        for frame, time_s in enumerate(start + times):
            was, now = (state_at(one, float(time_s)) for one in (scene, changed))
            moved = np.flatnonzero(np.abs(was.blocks - now.blocks).max(1))
            colours = [COLOURS.index(scene.blocks[index].colour) for index in moved]
            assert colours == ([anomaly.colour] if frame >= anomaly.frame else [])
            assert (was.held, was.lifted) == (now.held, now.lifted)
    assert pairs or len(times) < 9


def test_a_suite_is_read_by_our_own_readers_and_shows_what_it_says(
    tmp_path: Path, stage: object
) -> None:
    assert suite.main([str(tmp_path), '--seed', '31', '--clips', '2', '--processes', '1']) == 0
    examples: dict[str, list[Example]] = {
        name: [one for one in read(name, tmp_path / name) if isinstance(one, Example)]
        for name in suite.FORMATS
    }
    assert [len(found) for found in examples.values()] == [6, 9, 3]
    for found in examples.values():
        for one in found:
            video = cv2.VideoCapture(str(tmp_path / 'videos' / f'{one.media.name}.avi'))
            frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
            video.release()
            assert frames / suite.FPS == one.duration_s
            check(one, frames)
    categories = [one.category for one in examples['videopointeval']]
    assert categories.count('anomaly') == 1


def check(one: Example, frames: int) -> None:
    """Points lie in their masks, and masks in the clip."""
    match one.truth:
        case CountTruth(count):
            assert 0 <= count < 20
        case PointTruth(objects):
            for thing in objects:
                ((at, x, y),) = thing.points
                assert thing.masks[at].contains(int(x), int(y))
                assert all(0 <= t <= (frames - 1) / 2 and abs(t - at) <= 3 for t in thing.masks)
        case TrackTruth(objects):
            assert one.truth.frames == frames
            for thing in objects:
                assert thing.points.keys() == thing.masks.keys()
                for k, (x, y) in thing.points.items():
                    assert thing.masks[k].contains(int(x), int(y))


def test_the_simulated_frames_show_the_anomaly(stage: Any) -> None:
    scene, start, times = suite.clip_of(0, 5)
    rng = np.random.default_rng(1)
    tries = (spoiled(scene, start, times, rng) for _ in range(40))
    vanished = (pair for pair in tries if pair and pair[1].kind == 'vanish')
    filmed = ((film_scene(one, start, times, stage, rng), anomaly) for one, anomaly in vanished)
    footage, anomaly = next(pair for pair in filmed if pair[1].shows_in(pair[0]))
    seen = (footage.masks == anomaly.colour).any((1, 2))
    assert seen[anomaly.frame - 1]
    assert not seen[anomaly.frame :].any()
    assert footage.grasps == film_scene(scene, start, times, stage, rng).grasps


def test_tracks_are_asked_for_in_words_the_model_was_trained_with(
    tmp_path: Path, stage: object
) -> None:
    assert suite.main([str(tmp_path), '--seed', '31', '--clips', '1', '--processes', '1']) == 0
    answers, out = tmp_path / 'answers.jsonl', tmp_path / 'own.jsonl'
    answers.write_text('{"text": "There are none.", "match": "^Track the [a-z]+ block[.]$"}\n')
    options = ['--backend', 'replay', '--model', str(answers), '--out', str(out)]
    assert ask.main([str(tmp_path), *options]) == 0
    (example,) = read('videotrackeval', tmp_path / 'videotrackeval')
    (told,) = map(json.loads, out.read_text().splitlines())
    assert isinstance(example, Example)
    assert told == {'id': example.id, 'text': 'There are none.'}
