# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How `make vllm` compares answers. Nothing here needs vLLM."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")

from molmo_ground_ros.backends.base import BackendSettings
from tools.tabletop.render import RendererMissingError
from tools.vllm_server import asking
from tools.vllm_server.__main__ import Trial, judged

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def clips():
    try:
        return asking.film_clips(0, 2)
    except RendererMissingError as err:
        pytest.skip(str(err))


@pytest.fixture(scope='module')
def given(clips):
    settings = BackendSettings(str(ROOT / 'models/tabletop'), device='cpu')
    return asking.answers('onnx', settings, clips)


def lowered(answer, by):
    """An answer whose points have a lower score."""

    def lower(points):
        return tuple(replace(point, score=point.score - by) for point in points)

    tracks = tuple(replace(track, points=lower(track.points)) for track in answer.tracks)
    return replace(answer, points=lower(answer.points), tracks=tracks)


def test_equal_answers_are_equal_in_all_figures(capsys, clips, given):
    own = Trial(given, True, 1.0)
    stock = Trial(
        [replace(a, text='', count=None, points=(), tracks=()) for a in given], False, 1.0
    )
    assert judged(clips, own, own, stock) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures == {
        'texts_equal': len(given),
        'point_f1_difference': 0.0,
        'count_difference': 0.0,
        'track_f1_difference': 0.0,
        'stock_point_f1': 0.0,
        'scores_max_difference': 0.0,
        'texts_equal_at_once': 0,
        'questions_at_once': 0,
        'doctor_right': [True, False],
    }


@pytest.mark.parametrize(
    ('change', 'figure', 'least'),
    [
        pytest.param(lambda a: lowered(a, 0.02), 'scores_max_difference', 0.019, id='scores'),
        pytest.param(lambda a: replace(a, count=99), 'count_difference', 0.5, id='counts'),
        # All that there was.
        pytest.param(lambda a: replace(a, tracks=()), 'track_f1_difference', None, id='tracks'),
    ],
)
def test_a_missed_bar_is_an_exit_code(capsys, clips, given, change, figure, least):
    if least is None:
        least = asking.scores(clips, given).track_f1
        assert least > 0.1
    own, stock = Trial(given, True, 1.0), Trial(given, False, 1.0)
    text_changed = figure == 'track_f1_difference'
    mended = [
        replace(
            change(answer), text=f'{answer.text}{" " if text_changed and answer.tracks else ""}'
        )
        for answer in given
    ]
    assert judged(clips, own, Trial(mended, True, 1.0), stock) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])[figure] >= least


def test_a_doctor_that_does_not_tell_the_servers_apart_is_an_exit_code(clips, given):
    right, wrong = Trial(given, True, 1.0), Trial(given, False, 1.0)
    assert judged(clips, right, right, wrong) == 0
    assert judged(clips, right, right, right) == 1
    assert judged(clips, right, wrong, wrong) == 1


def test_a_score_that_only_one_side_has_is_no_small_difference(given):
    assert asking.largest_score_difference(given, [lowered(a, math.nan) for a in given]) == math.inf
    assert asking.largest_score_difference([], []) == math.inf


def test_what_is_missing_is_named_with_the_way_to_get_it():
    command = [sys.executable, '-m', 'tools.vllm_server']
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2
    assert ran.stderr.startswith("vLLM 0.32 needs Ai2's Python files: hf download")
    assert ran.stderr.count('\n') == 1
