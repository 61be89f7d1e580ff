# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What was converted, said back as an answer, scores 1 against the masks it was made of."""

from __future__ import annotations

import pytest
from support.annotated import HEIGHT, WIDTH, video, write_lines

from molmo_ground_ros.benchmarks.conversions.points import pointing_record
from molmo_ground_ros.benchmarks.conversions.tracks import tracking_record
from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.benchmarks.datasets.examples import Expression
from molmo_ground_ros.benchmarks.metrics.pointing import point_score
from molmo_ground_ros.benchmarks.metrics.tracking import track_score

BLOCKS = Expression('blocks', (1, 2, 3))


def blocks():
    return video({1: range(40), 2: range(13, 40), 3: [0, 1, 2, 8, 9, 30]})


@pytest.mark.parametrize('parity', [False, True])
@pytest.mark.parametrize('seed', range(4))
def test_pointing_records_score_one(seed, parity, tmp_path):
    made = blocks()
    write_lines(tmp_path / 'made.jsonl', [pointing_record(made, BLOCKS, seed)])
    (example,) = read('videopoint', tmp_path)
    predicted = [one.points[0] for one in example.truth.objects]
    tubelets = [
        {k / made.fps: mask for k, mask in track.masks.items() if k % (made.fps / 2) == 0}
        for track in made.tracks
    ]
    of_objects = [next(one for one in predicted if inside(one, tubelet)) for tubelet in tubelets]
    score = point_score(
        predicted, tubelets, of_objects, example.duration_s, WIDTH, HEIGHT, parity=parity
    )
    assert (score.precision, score.recall, score.f1) == pytest.approx((1.0, 1.0, 1.0))


def inside(point, tubelet):
    t, x, y = point
    return t in tubelet and tubelet[t].contains(round(x), round(y))


@pytest.mark.parametrize(
    ('made', 'parity'),
    [
        pytest.param(blocks(), False, id='objects come and hide'),
        # Where one hides, the reference takes the others' masks for each other's.
        pytest.param(video(dict.fromkeys(BLOCKS.ids, range(40))), True, id='parity'),
    ],
)
def test_tracking_records_score_one(made, parity, tmp_path):
    write_lines(tmp_path / 'made.jsonl', [tracking_record(made, BLOCKS, masks=True)])
    (example,) = read('videotrackeval', tmp_path)
    truth = example.truth
    predicted = [
        (k / truth.fps, one.id, x, y) for one in truth.objects for k, (x, y) in one.points.items()
    ]
    score = track_score(
        predicted,
        [one.masks for one in truth.objects],
        [one.points for one in truth.objects],
        truth.fps,
        parity=parity,
    )
    assert (score.precision, score.recall, score.f1) == pytest.approx((1.0, 1.0, 1.0))
    assert score.hota == pytest.approx(1.0)
