# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""MolmoPoint against Ai2's released code: logits, greedy tokens, text and points."""

from __future__ import annotations

import re

import numpy as np
import pytest
from support.molmo_point import write_checkpoint
from support.molmo_point_cases import (
    CASES,
    INSTALL,
    MOST_TOKENS,
    QUESTION,
    RELEASED,
    ask_released,
    frozen,
    random_case,
)

from molmo_ground_ros.backends import BackendSettings, load
from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.types import Query, Task
from tools.tabletop.vocabulary import CHAT

pytest.importorskip('torch', reason="needs pip install '.[torch]'")

# An export takes seconds, so there is one for each kind of checkpoint.
EXPORTED = ['tracks', 'olmo', 'tied']
EACH = pytest.mark.parametrize(
    ('backend', 'name'),
    [*(('torch', name) for name in CASES), *(('onnx', name) for name in EXPORTED)],
)
LIVE = pytest.mark.skipif(not (RELEASED / 'molmo2').is_dir(), reason=f'needs {INSTALL}')
END = 2
SMALL = -100000.0  # the released logit of what is not to be chosen
POINT = re.compile(r'([0-9.]+) ([0-9]+) ([0-9.]+) ([0-9.]+)')
# Special tokens are no text to us.
SHOWN = re.compile('|'.join(re.escape(name) for name in CHAT))


def ask(backend, clip, question=QUESTION, limit=MOST_TOKENS):
    """The generation, and the tokens that were chosen."""
    chosen, engine = [], backend.engine
    tokens = engine._generator.tokens

    def noted(*args):
        for choice in tokens(*args):
            chosen.append(choice)
            yield choice

    engine._generator.tokens = noted
    [generation] = engine.generate(clip, [question], GenerateOptions(limit), lambda *_: True)
    engine._generator.tokens = tokens
    return generation, chosen


def released_tokens(answer):
    return [int(token) for token in answer['tokens'] if token != END]


def rows(text):
    """(id, time, x, y) of all points in a text, as the released code lists them."""
    return [(int(i), float(t), float(x), float(y)) for t, i, x, y in POINT.findall(text)]


@EACH
def test_tokens_and_text_are_those_of_the_released_code(name, backend, load_point):
    answer = frozen()[name]
    generation, chosen = ask(load_point(name, backend), CASES[name].clip)
    assert [choice.token for choice in chosen] == released_tokens(answer)
    assert generation.text == SHOWN.sub('', str(answer['text']))


@EACH
def test_points_are_those_of_the_released_code(name, backend, load_point):
    case, answer = CASES[name], frozen()[name]
    size, streamed = np.array([case.width, case.height]), []
    backend = load_point(name, backend)
    [generation] = backend.generate(
        case.clip, [QUESTION], GenerateOptions(MOST_TOKENS), lambda _, text: streamed.append(text)
    )
    [whole] = backend.generate(
        case.clip,
        [QUESTION],
        GenerateOptions(MOST_TOKENS),
        lambda _, text: streamed.append(text) or True,
    )
    assert generation.stopped and ''.join(streamed[1:]) == whole.text
    ours = np.array(rows(whole.text)).reshape(-1, 4)
    # The answer may be cut off in an id. The released code takes what there is of it.
    theirs = answer['points'][answer['points'][:, 0] < 1e9]
    assert ours[:, :2].tolist() == theirs[:, :2].tolist()
    np.testing.assert_allclose(ours[:, 2:] * size, theirs[:, 2:], atol=1e-4)
    assert ''.join(token.text for token in whole.tokens) == whole.text


@pytest.mark.parametrize(
    ('backend', 'names'), [('torch', ['points', 'tracks', 'no more']), ('onnx', ['tracks'])]
)
def test_an_answer_holds_the_points_and_their_probabilities(backend, names, load_point):
    """Through everything above the backend. Points with one id in one frame are one point there."""
    for name in names:
        case, theirs = CASES[name], frozen()[name]['points']
        backend_of_case = load_point(name, backend)
        _, chosen = ask(backend_of_case, case.clip)
        task = Task.TRACK if '<tracks' in str(frozen()[name]['text']) else Task.POINT
        answer = Grounder(backend_of_case).ground(case.clip, Query(QUESTION, task))
        points = [p for track in answer.tracks for p in track.points] or list(answer.points)
        first = {(int(i), t): (x, y) for i, t, x, y in reversed(theirs.tolist())}
        assert len(points) == len(first) > 0
        for point in points:
            x, y = first[point.id, point.stamp_ns / 1e9]
            assert (point.x, point.y) == pytest.approx((x, y), abs=1e-4)
        # The first point: its patch, subpatch, location and id.
        at = next(i for i, choice in enumerate(chosen) if choice.token > 390)
        logprob = sum(choice.logprob for choice in chosen[at : at + 4])
        assert points[0].score == pytest.approx(np.exp(logprob))
        assert answer.label == 'blue blocks'


@EACH
def test_logits_and_probabilities_are_those_of_the_released_code(name, backend, load_point):
    answer, case = frozen()[name], CASES[name]
    loaded, ours = load_point(name, backend), []
    pointing = loaded.engine._runtime
    choose = pointing._choose

    def noted(reading, *, answering):
        ours.append(released_logits(pointing, reading, answering=answering))
        return choose(reading, answering=answering)

    pointing._choose = noted
    _, chosen = ask(loaded, case.clip)
    tokens, bounds = released_tokens(answer), pointing._bounds
    for step, theirs in enumerate(answer['logits'][: len(tokens)]):
        # The rules made the logits of what may not follow -inf.
        follows = np.isfinite(theirs)
        # Rounding: the released logits lie up to 4e-4 from ours in float64, and ours up to 3.4e-4.
        np.testing.assert_allclose(ours[step][follows], theirs[follows], atol=1e-3, rtol=1e-5)
        logprob = theirs[tokens[step]] - np.logaddexp.reduce(theirs)
        if bounds.is_patch(tokens[step]):
            # Which patch it is has a probability of its own, which is not in these logits.
            assert chosen[step].logprob < logprob + 1e-3
        else:
            assert chosen[step].logprob == pytest.approx(logprob, abs=1e-3)


def released_logits(pointing, reading, *, answering):
    """Ours laid out as the released code returns them."""
    config, bounds = pointing._config, pointing._bounds
    words = reading.logits.astype(np.float64)
    to_point = words[config.patch_token]
    words[[config.patch_token, config.subpatch_token, config.location_token]] = SMALL
    patches = np.full(bounds.patches + 1, SMALL)
    subpatches, locations = np.full(bounds.subpatches, SMALL), np.full(9, SMALL)
    last = pointing._grounding[-1] if pointing._grounding else (-1, -1)
    token = last[1] if last[0] == pointing._length - 1 else -1
    if answering:
        patches[_patch_scores(pointing, reading, token).argmax()] = to_point
    if bounds.is_patch(token) and token != bounds.no_more:
        keys = pointing._subpatches(token - bounds.first).keys
        subpatches = keys @ reading.subpatch_query / np.sqrt(config.width)
    if bounds.is_subpatch(token):
        locations = reading.locations
    return np.concatenate([words, patches, subpatches, locations])


def _patch_scores(pointing, reading, token):
    """After a patch the released code still turns the query by the patch before it."""
    if not pointing._bounds.is_patch(token):
        return pointing._patch_scores(reading.patch_query)
    newest = pointing._grounding.pop()
    scores = pointing._patch_scores(reading.patch_query)
    pointing._grounding.append(newest)
    return scores


@LIVE
def test_the_released_code_gives_what_is_kept(point_folders):
    answers, kept = ask_released(point_folders, CASES), frozen()
    for name, answer in answers.items():
        assert released_tokens(answer) == released_tokens(kept[name])
        np.testing.assert_allclose(answer['points'], kept[name]['points'])
        steps = len(kept[name]['logits'])
        np.testing.assert_allclose(answer['logits'][:steps], kept[name]['logits'], atol=1e-4)


@LIVE
@pytest.mark.parametrize('seed', range(3))
def test_random_models_and_clips_answer_as_the_released_code(seed, tmp_path):
    for package in ('onnxscript', 'onnxruntime'):
        pytest.importorskip(package, reason="needs pip install '.[onnx,export]'")
    from molmo_ground_ros.backends.molmo_point.point_export import export_point_graphs

    rng = np.random.default_rng(seed)
    cases = {str(i): random_case(rng) for i in range(5)}
    folders = {name: tmp_path / name for name in cases}
    for name, case in cases.items():
        folders[name].mkdir()
        write_checkpoint(folders[name], case.tiny)
    for name, theirs in ask_released(folders, cases).items():
        backends = ['torch']
        if name == '0':
            # One of them, because an export takes seconds.
            export_point_graphs(name, folders[name])
            backends.append('onnx')
        for backend in backends:
            ours = load(backend, BackendSettings(str(folders[name]), device='cpu', threads=1))
            if 'failed' in theirs:
                with pytest.raises(BackendError, match='no later subpatch'):
                    ask(ours, cases[name].clip)
                continue
            _, chosen = ask(ours, cases[name].clip)
            assert [choice.token for choice in chosen] == released_tokens(theirs)
