# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from dataclasses import replace

import pytest
from support.clips import make_clip
from support.evaluations import POINTS_RIGHT, Oracle, count_example, point_example, track_example

from molmo_ground_ros.benchmarks.datasets import queries
from molmo_ground_ros.benchmarks.datasets.examples import Media
from molmo_ground_ros.benchmarks.scoring.answer_store import (
    AnswerStore,
    question_digest,
    settings_digest,
)
from molmo_ground_ros.benchmarks.scoring.predict import TOGETHER, predict
from molmo_ground_ros.benchmarks.scoring.predictions import Prediction
from molmo_ground_ros.errors import BackendError, NoFrames
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.types import Task

ANSWERS = {'': POINTS_RIGHT}


def same_clip(count, **changed):
    media = Media('one')
    return [count_example(name=f'e{k}', media=media, **changed) for k in range(count)]


def cut(_):
    return make_clip(3, 64, 48)


def test_model_is_asked_the_very_words_of_the_data():
    oracle = Oracle(ANSWERS)
    words = {
        Task.POINT: 'Point to the red cup\nPlease say it if there are none.',
        Task.COUNT: 'How many times does "the goat", jump?',
        Task.TRACK: 'For each cup in the video, track its position throughout the clip.',
    }  # fmt: skip
    examples = [
        replace(count_example(name=str(task)), task=task, query=text)
        for task, text in words.items()
    ]
    predict('m', examples, Grounder(oracle), cut)
    assert [prompt for call in oracle.asked for prompt in call] == list(words.values())


@pytest.mark.parametrize('label', ['6" pipe', 'the "red", cup. It falls', ' goat ', 'x' * 5000])
def test_no_label_changes_the_words_of_the_data(label):
    oracle = Oracle(ANSWERS)
    words = [queries.track(label, 1, index) for index in range(30)] + [queries.count(label), label]
    asked = [
        replace(track_example(name=str(k)), query=text, task=Task.TRACK)
        for k, text in enumerate(words)
    ]
    predict('m', asked, Grounder(oracle), cut)
    assert [prompt for call in oracle.asked for prompt in call] == words


def test_other_formats_get_a_line_that_asks_for_them():
    oracle = Oracle(ANSWERS)
    predict('m', [point_example()], Grounder(oracle, answer_format='qwen3-vl'), cut)
    question, wording = oracle.asked[0][0].split('\n')
    assert question == 'How many "e" are there in the video?'
    assert 'point_2d' in wording


@pytest.mark.parametrize(('given', 'limit'), [(0, 4096), (64, 64)])
def test_answers_have_the_tasks_own_limit_unless_one_is_given(given, limit):
    class Notes(Oracle):
        def generate(self, clip, prompts, options, on_text):
            self.limit = options.max_new_tokens
            return super().generate(clip, prompts, options, on_text)

    oracle = Notes(ANSWERS)
    predict('m', [track_example()], Grounder(oracle, given), cut)
    assert oracle.limit == limit


def test_neighbours_on_one_clip_are_asked_together_and_cut_once():
    oracle, cuts = Oracle(ANSWERS), []

    def counted(example):
        cuts.append(example.id)
        return cut(example)

    other = [count_example(name='other')]
    answers = predict('m', [*same_clip(TOGETHER + 2), *other], Grounder(oracle), counted)
    assert [len(call) for call in oracle.asked] == [TOGETHER, 2, 1]
    assert cuts == ['e0', f'e{TOGETHER}', 'other']
    assert len(answers.answers) == TOGETHER + 3
    assert answers.complete


def test_points_and_tracks_of_one_video_are_different_clips():
    oracle, media = Oracle(ANSWERS), Media('one')
    examples = [point_example(media=media), track_example(name='t', media=media)]
    predict('m', examples, Grounder(oracle), cut)
    assert [len(call) for call in oracle.asked] == [1, 1]


def test_example_that_fails_is_told_and_the_others_of_its_clip_are_answered():
    def fail(_, prompts):
        if any('"e1"' in prompt for prompt in prompts):
            raise BackendError('the GPU is gone')

    answers = predict('m', same_clip(3), Grounder(Oracle(ANSWERS, fail)), cut)
    assert list(answers.answers) == ['e0', 'e2']
    assert answers.failed == {'e1': 'the GPU is gone'}
    assert answers.to('e1').why == 'the GPU is gone'


def test_foreign_error_is_a_failure_too(caplog):
    def fail(_, prompts):
        if '"e0"' in prompts[0]:
            raise ZeroDivisionError('x')

    examples = [count_example(name='e0'), count_example(name='e1')]
    answers = predict('m', examples, Grounder(Oracle(ANSWERS, fail)), cut)
    assert answers.failed == {'e0': 'ZeroDivisionError: x'}
    assert 'example e0 failed' in caplog.text


def test_error_of_a_model_that_answers_nothing_is_raised():
    def fail(*_):
        raise BackendError('the GPU is gone')

    with pytest.raises(BackendError, match='the GPU is gone'):
        predict('m', same_clip(3), Grounder(Oracle(ANSWERS, fail)), cut)


@pytest.mark.parametrize('error', [NoFrames('v', 'nothing'), OSError('gone')])
def test_clip_that_cannot_be_cut_is_missing_with_its_reason(error):
    def torn(example):
        if example.id == 'e0':
            raise error
        return cut(example)

    oracle = Oracle(ANSWERS)
    answers = predict(
        'm', [count_example(name='e0'), count_example(name='e1')], Grounder(oracle), torn
    )
    assert answers.missing == {'e0': str(error)}
    assert list(answers.answers) == ['e1']


def test_truncated_answer_is_told():
    class Cuts(Oracle):
        def _say(self, prompt, options):
            return replace(super()._say(prompt, options), truncated=True)

    answers = predict('m', same_clip(1), Grounder(Cuts(ANSWERS)), cut)
    assert answers.answers == {'e0': Prediction(POINTS_RIGHT, True)}


def test_interrupt_keeps_what_is_finished_and_the_next_run_asks_the_rest(tmp_path):
    examples = [count_example(name=f'e{k}') for k in range(5)]

    def interrupt(_, prompts):
        if '"e3"' in prompts[0]:
            raise KeyboardInterrupt

    with AnswerStore(tmp_path, 'd' * 64, resume=False) as kept:
        answers = predict('m', examples, Grounder(Oracle(ANSWERS, interrupt)), cut, kept)
    assert not answers.complete
    assert list(answers.answers) == ['e0', 'e1', 'e2']
    oracle, done = Oracle(ANSWERS), []
    with AnswerStore(tmp_path, 'd' * 64, resume=True) as kept:
        answers = predict('m', examples, Grounder(oracle), cut, kept, done.append)
    assert [call[0].split('"')[1] for call in oracle.asked] == ['e3', 'e4']
    assert answers == predict('m', examples, Grounder(Oracle(ANSWERS)), cut)
    assert done == [1, 2, 3, 4, 5]


def test_answer_that_was_cut_off_in_the_file_is_asked_again(tmp_path):
    with AnswerStore(tmp_path, 'd' * 64, resume=False) as kept:
        for name in ('a', 'b'):
            kept.add(count_example(name=name), Prediction('3'))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    with AnswerStore(tmp_path, 'd' * 64, resume=True) as kept:
        assert kept.get(count_example(name='a')) == Prediction('3')
        assert kept.get(count_example(name='b')) is None


def test_question_that_was_changed_is_asked_again(tmp_path):
    before = count_example(name='a')
    with AnswerStore(tmp_path, 'd' * 64, resume=False) as kept:
        kept.add(before, Prediction('3', True))
        for changed in (
            replace(before, query='How many?'),
            replace(before, task=Task.POINT),
            replace(before, media=replace(before.media, start_s=1.0)),
            replace(before, id='b'),
        ):
            assert kept.get(changed) is None
            assert question_digest(changed) != question_digest(before)
        assert kept.get(replace(before, category='other', row=7)) == Prediction('3', True)


def test_digest_is_of_the_settings_and_of_the_files_of_a_model(tmp_path):
    model = tmp_path / 'model'
    model.mkdir()
    (model / 'weights').write_bytes(b'1')
    chosen = {'model': str(model), 'backend': 'onnx'}
    found = [settings_digest(chosen), settings_digest(chosen | {'backend': 'torch'})]
    os.utime(model / 'weights', ns=(1, 1))
    found.append(settings_digest(chosen))
    assert len(set(found)) == 3
    assert settings_digest(chosen) == found[-1]
