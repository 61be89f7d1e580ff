# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a grounder is loaded from, in this process or in another."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from support.clips import make_clip

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.errors import BadSetting, UnknownBackend
from molmo_ground_ros.grounding.loader import GrounderLoader
from molmo_ground_ros.types import Query, Task


@pytest.fixture
def loader(tmp_path: Path) -> GrounderLoader:
    answers = tmp_path / 'answers.txt'
    answers.write_text('There are none.')
    return GrounderLoader('replay', BackendSettings(str(answers)), 9, 'qwen3-vl')


def test_a_question_is_the_same_before_the_model_is_loaded_and_after(loader: GrounderLoader):
    question = loader.question(Query('cup', Task.POINT))
    grounder = loader.load()
    assert grounder.question(Query('cup', Task.POINT)) == question
    assert question.max_new_tokens == 9
    assert 'point_2d' in question.prompt
    grounder.close()


def test_a_copy_sent_to_another_process_loads_the_same_model(loader: GrounderLoader):
    grounder = pickle.loads(pickle.dumps(loader)).load()
    assert grounder.ground(make_clip(), Query('Where is it?')).text == 'There are none.'
    grounder.close()


@pytest.mark.parametrize(
    ('frames', 'rate', 'seconds'), [(50, 2, 24.0), (128, 2, 63.0), (384, 2, 63.0), (50, 4, 12.0)]
)
def test_window_is_as_long_as_the_clips_of_training(tmp_path, frames, rate, seconds):
    video = {'video_processor': {'num_frames': frames, 'max_fps': rate}}
    (tmp_path / 'processor_config.json').write_text(json.dumps(video))
    loader = GrounderLoader('onnx', BackendSettings(str(tmp_path)))
    assert loader.window_ns() == seconds * 1e9


def test_window_of_what_does_not_say_is_that_of_molmo2(loader: GrounderLoader):
    assert loader.window_ns() == 63 * 10**9


def test_auto_becomes_a_backend_and_threads_are_given(tmp_path: Path):
    loader = GrounderLoader('auto', BackendSettings('http://localhost:1/v1#m'))
    assert loader.chosen().backend == 'server'
    assert loader.with_threads(3).settings.threads == 3


def test_what_there_is_not_is_refused():
    with pytest.raises(BadSetting, match='gpt'):
        GrounderLoader('replay', BackendSettings(''), answer_format='gpt').question(Query('x?'))
    with pytest.raises(UnknownBackend):
        GrounderLoader('abacus', BackendSettings('')).load()
