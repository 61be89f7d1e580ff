# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a grounder is loaded from, in this process or in another."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from support.clips import make_clip

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.errors import BadSetting, UnknownBackend
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.guarded_backend import GuardedBackend
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


@pytest.mark.parametrize(
    ('video', 'rate_hz', 'rule'),
    [
        pytest.param({'sampling_fps': 2}, 0, TrackRule(10, 127), id='as it was trained'),
        pytest.param({'sampling_fps': 2}, 4, TrackRule(4, 127), id='lower'),
        pytest.param({'sampling_fps': 2}, 2, None, id='switched off'),
        pytest.param({}, 0, None, id='trained on the frames of every question'),
        pytest.param({}, 10, TrackRule(10, 127), id='switched on'),
        pytest.param({'num_frames': 50, 'max_fps': 2}, 10, TrackRule(10, 50), id='short clips'),
    ],
)
def test_frames_for_tracks_are_those_of_training_unless_told_else(tmp_path, video, rate_hz, rule):
    (tmp_path / 'processor_config.json').write_text(json.dumps({'video_processor': video}))
    loader = GrounderLoader('onnx', BackendSettings(str(tmp_path)), track_rate_hz=rate_hz)
    assert loader.tracks() == rule


def test_a_loaded_grounder_samples_as_the_loader_says(loader: GrounderLoader):
    fast = replace(loader, track_rate_hz=6).load()
    track, point = (fast.question(Query('cup', task)) for task in (Task.TRACK, Task.POINT))
    assert (fast.sampling(track), fast.sampling(point)) == (TrackRule(6), None)
    assert loader.load().sampling(track) is None
    assert fast.by_sampling([point, track, point]) == {None: [0, 2], TrackRule(6): [1]}


def test_a_short_context_lowers_the_frames_of_tracks():
    class Small(ReplayBackend):
        def most_frames(self) -> int:
            return 33

    grounder = Grounder(GuardedBackend(Small([])), tracks=TrackRule())
    assert grounder.sampling(grounder.question(Query('cup', Task.TRACK))) == TrackRule(10, 33)
    plain = Grounder(GuardedBackend(ReplayBackend([])), tracks=TrackRule())
    assert plain.sampling(plain.question(Query('cup', Task.TRACK))) == TrackRule(10, 127)
