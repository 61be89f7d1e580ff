# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The truth of filmed clips, said by a backend that knows it, gets full marks."""

from collections.abc import Iterator

import numpy as np
import pytest

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.types import Query
from tools.wide_tabletop import evaluate
from tools.wide_tabletop.footage import camera_stage, film
from tools.wide_tabletop.questions.clip import Clip
from tools.wide_tabletop.render import RendererMissingError, Stage
from tools.wide_tabletop.scoring import Sums


@pytest.fixture(scope='module')
def stage() -> Iterator[Stage]:
    try:
        stage = camera_stage()
    except RendererMissingError as err:
        pytest.skip(str(err))
    yield stage
    stage.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_truth_gets_full_marks(stage: Stage) -> None:
    sums = Sums()
    for number in range(5):
        footage = film(11, number, stage, (8.0, 20.0))
        clip = Clip(footage.truth, np.arange(len(footage.jpegs)))
        window = evaluate.clip_of(footage)
        assert tuple(f'{label:.1f}' for label in window.seconds) == clip.labels
        for asked in evaluate.questions_of(clip, np.random.default_rng(number)):
            answer = Grounder(ReplayBackend([asked.reply])).ground(window, Query(asked.question))
            grade = evaluate.judge(footage, clip, asked, answer)
            values = [*grade.rights.values(), *([t.f1] for t in grade.tallies.values())]
            assert min(min(value) for value in values) > 0.94, (asked, answer.text, grade)
            sums += grade
    report = evaluate.figures(5, sums)
    assert report['point_f1'] > 0.97
    assert report['track_f1'] > 0.97
    assert report['text_accuracy'] == report['count_accuracy'] == 1.0
