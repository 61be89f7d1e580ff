# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""HOTA equals TrackEval's, and worked cases come out as by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from molmo_ground_ros.benchmarks.metrics.hota import ALPHAS, hota
from molmo_ground_ros.errors import BadArgument

ARRAYS = {
    'HOTA': 'hota',
    'DetA': 'deta',
    'AssA': 'assa',
    'DetRe': 'detre',
    'DetPr': 'detpr',
    'AssRe': 'assre',
    'AssPr': 'asspr',
    'LocA': 'loca',
    'HOTA_TP': 'tp',
    'HOTA_FN': 'fn',
    'HOTA_FP': 'fp',
}


def random_sequence(rng, kind):
    """Objects are born and die, predictions follow some, swap identities, come from nowhere."""
    gt_ids = rng.choice(1000, 6, replace=False).tolist()
    pred_ids = rng.choice(1000, 8, replace=False).tolist()
    lives = [sorted(rng.integers(0, 25, 2).tolist()) for _ in gt_ids]
    follows = rng.permutation(len(pred_ids))
    frames = []
    for t in range(25):
        if rng.random() < 0.08:
            follows = rng.permutation(len(pred_ids))  # a swap
        gt = [k for k, (born, dies) in enumerate(lives) if born <= t <= dies]
        predictions = [k for k in range(len(pred_ids)) if rng.random() < 0.6]
        gt, predictions = rng.permutation(gt).astype(int), rng.permutation(predictions).astype(int)
        gt = gt[:0] if kind == 'no truth' or rng.random() < 0.1 else gt
        predictions = (
            predictions[:0] if kind == 'no predictions' or rng.random() < 0.1 else predictions
        )
        alike = rng.random((len(gt), len(predictions))) * 0.5
        alike[rng.random(alike.shape) < 0.3] = 0
        alike[gt[:, None] == follows[predictions][None]] += 0.5
        if kind == 'in or out':
            alike = np.round(alike)
        frames.append(
            [[gt_ids[k] for k in gt], [pred_ids[k] for k in predictions], alike.tolist()],
        )
    return frames


KINDS = ['usual'] * 36 + ['in or out'] * 10 + ['no truth'] * 2 + ['no predictions'] * 2


@pytest.fixture(scope='module')
def sequences():
    rng = np.random.default_rng(7)
    return [random_sequence(rng, kind) for kind in KINDS] + [[], [[[], [], []]]]


@pytest.fixture(scope='module')
def answers(sequences, tmp_path_factory):
    folder = tmp_path_factory.mktemp('trackeval')
    (folder / 'sequences.json').write_text(json.dumps(sequences))
    script = Path(__file__).with_name('trackeval_reference.py')
    command = [sys.executable, script, folder / 'sequences.json', folder / 'answers.json']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stderr
    return json.loads((folder / 'answers.json').read_text())


def score(frames):
    return hota(*([frame[k] for frame in frames] for k in range(3)))


def differs(ours, answer):
    return max(np.abs(getattr(ours, ARRAYS[k]) - np.array(answer[k])).max() for k in ARRAYS)


def test_every_part_at_every_alpha_is_trackevals(sequences, answers):
    ours = [score(frames) for frames in sequences]

    assert len(ours) == 52
    assert max(map(differs, ours, answers)) < 1e-9
    assert len({round(curve.mean().hota, 6) for curve in ours}) > 40


def test_means_over_alphas_are_trackevals(sequences, answers):
    for frames, answer in zip(sequences, answers, strict=False):
        mean = score(frames).mean()
        for field, name in list(ARRAYS.items())[:8]:
            assert getattr(mean, name) == pytest.approx(np.mean(answer[field]), abs=1e-9)


def test_alphas_are_nineteen_from_5_to_95_hundredths():
    assert np.allclose(ALPHAS, np.arange(1, 20) / 20, atol=1e-12)


def test_a_swap_costs_association_and_no_detection():
    # Two objects over four frames; the identities change places after the second frame.
    straight, crossed = np.eye(2), np.eye(2)[::-1]
    scores = hota([[1, 2]] * 4, [[1, 2]] * 4, [straight] * 2 + [crossed] * 2).mean()

    assert scores.deta == scores.detre == scores.detpr == scores.loca == 1
    # Each pair of identities is together in 2 frames, and either is in 4: 2 / (4 + 4 - 2).
    assert scores.assa == pytest.approx(1 / 3)
    assert scores.assre == scores.asspr == pytest.approx(1 / 2)
    assert scores.hota == pytest.approx((1 / 3) ** 0.5)


def test_a_pair_counts_up_to_its_similarity():
    scores = hota([[0]], [[0]], [[[0.5]]])

    assert scores.tp.tolist() == [1] * 10 + [0] * 9  # 0.05 to 0.5
    assert scores.at(9).hota == 1
    assert scores.at(10).hota == 0
    assert scores.mean().hota == pytest.approx(10 / 19)


def test_nobody_and_nothing_said_is_trackevals_zero():
    scores = hota([[], []], [[], []], [[], []]).mean()

    assert (scores.hota, scores.deta, scores.assa, scores.loca) == (0, 0, 0, 1)


def test_nobody_alike_in_any_frame_is_all_missed_and_all_false():
    scores = hota([[1], []], [[], [1]], [[[]], []])

    assert scores.fn[0] == scores.fp[0] == 1
    assert scores.mean().hota == 0


@pytest.mark.parametrize(
    ('gt_ids', 'pred_ids', 'similarity', 'message'),
    [
        pytest.param([[1]], [[1], [2]], [[[1.0]]], 'frames = ', id='frames that are missing'),
        pytest.param([[1, 1]], [[1]], [[[1], [1]]], r'gt_ids = \[1, 1\]', id='an object twice'),
        pytest.param([[1]], [[2, 2]], [[[1, 1]]], 'holds an id twice', id='a prediction twice'),
        pytest.param([[1]], [[1]], [[[1, 1]]], r'is not \(1, 1\)', id='another size'),
        pytest.param([[1]], [[1]], [[]], r'is not \(1, 1\)', id='no similarity'),
        pytest.param([[1]], [[1]], [[[1.5]]], 'is not in 0..1', id='over 1'),
        pytest.param([[1]], [[1]], [[[float('nan')]]], 'is not in 0..1', id='nan'),
    ],
)
def test_what_is_no_sequence_is_refused(gt_ids, pred_ids, similarity, message):
    with pytest.raises(BadArgument, match=message):
        hota(gt_ids, pred_ids, similarity)
