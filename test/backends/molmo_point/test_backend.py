# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""MolmoPoint's backends: savings change nothing, and one failure is one question's."""

from __future__ import annotations

import pytest
from support.molmo_point_cases import CASES, QUESTION

from molmo_ground_ros.backends.base import GenerateOptions, Savings
from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.types import Clip

pytest.importorskip('torch', reason="needs pip install '.[torch]'")

ON_EACH = pytest.mark.parametrize('backend', ['torch', 'onnx'])
QUESTIONS = [QUESTION, 'Point to the blue blocks.', QUESTION]


def ask(backend, clip, *questions, limit=24):
    return backend.generate(clip, list(questions), GenerateOptions(limit), lambda *_: True)


def part(clip, first, last):
    """Frames of a clip, with labels from zero on."""
    frames = clip.frames[first:last]
    return Clip('cam', frames, clip.seconds[: len(frames)], 0, 1, len(frames))


def same(ours, theirs):
    assert [answer.text for answer in ours] == [answer.text for answer in theirs]
    for a, b in zip(ours, theirs, strict=True):
        expected = [token.logprob for token in b.tokens]
        assert [token.logprob for token in a.tokens] == pytest.approx(
            expected, abs=1e-3, nan_ok=True
        )


@pytest.mark.parametrize(
    ('backend', 'name'), [('torch', 'points'), ('torch', 'tracks'), ('onnx', 'tracks')]
)
def test_savings_change_nothing(backend, name, load_point):
    """A further question reads its own words only, and no point begins right behind them."""
    clip = CASES[name].clip
    nothing = Savings(reuse_prefix=False, draft=False, feature_bytes=0)
    backends = load_point(name, backend), load_point(name, backend, savings=nothing)
    for frames in (clip, clip, part(clip, 1, 4), part(clip, 2, 4), clip):
        same(*(ask(each, frames, *QUESTIONS) for each in backends))
    saving, plain = (each.engine.counts for each in backends)
    assert saving.reused > plain.reused == 0
    assert saving.drafted == 0


@ON_EACH
def test_an_answer_can_be_stopped_at_a_token(backend, load_point):
    loaded, clip, texts = load_point('tracks', backend), CASES['tracks'].clip, []

    def two(_, text):
        texts.append(text)
        return len(texts) < 7

    [answer] = loaded.generate(clip, [QUESTION], GenerateOptions(24), two)
    assert answer.stopped and not answer.truncated
    assert answer.text.startswith(''.join(texts)) and ';' in answer.text
    same(ask(loaded, clip, *QUESTIONS), ask(load_point('tracks', backend), clip, *QUESTIONS))


@ON_EACH
def test_a_failure_in_an_answer_leaves_the_next_one_whole(backend, load_point):
    loaded, clip = load_point('tracks', backend), CASES['tracks'].clip
    heads, calls = loaded.engine._runtime._heads, []
    read = heads.read

    def fails(*inputs):
        calls.append(1)
        if len(calls) == 5:
            raise BackendError('the device is gone')
        return read(*inputs)

    heads.read = fails
    with pytest.raises(BackendError, match='the device is gone'):
        ask(loaded, clip, QUESTION)
    same(ask(loaded, clip, *QUESTIONS), ask(load_point('tracks', backend), clip, *QUESTIONS))


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_half_precision_is_near(dtype, load_point):
    clip = CASES['points'].clip
    [half] = ask(load_point('points', 'torch', dtype=dtype), clip, QUESTION, limit=2)
    [single] = ask(load_point('points', 'torch'), clip, QUESTION, limit=2)
    assert half.tokens[0].text == single.tokens[0].text
    assert half.tokens[0].logprob == pytest.approx(single.tokens[0].logprob, abs=0.2)


@ON_EACH
def test_a_frame_prepared_before_gives_the_same(backend, load_point):
    clip, loaded = CASES['tracks'].clip, load_point('tracks', backend)
    for frame in clip.frames:
        loaded.prepare('cam', frame)
    same(ask(loaded, clip, QUESTION), ask(load_point('tracks', backend), clip, QUESTION))
    loaded.close()
