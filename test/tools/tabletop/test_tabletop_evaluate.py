# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The truth of filmed clips, said by a backend that knows it, gets full marks."""

import numpy as np
import pytest

from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.types import Query
from tools.tabletop import evaluate
from tools.tabletop.footage import film
from tools.tabletop.questions.clip import Clip
from tools.tabletop.render import Stage
from tools.tabletop.scoring import Sums


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_truth_gets_full_marks(camera: Stage) -> None:
    sums = Sums()
    for number in range(5):
        footage = film(11, number, camera, (8.0, 20.0))
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
