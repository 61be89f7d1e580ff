# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground doctor --server` on a server that computes as vLLM does, or as it should.

The server's tokens are chosen by the model that ships, with the deviations of the test.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")

from support.chat_server import ChatServer, refuses

from molmo_ground_ros import cli
from molmo_ground_ros.backends.server.deviations import (
    EVERY,
    ITS_FRAME,
    NOTHING,
    RIGHT,
    Deviation,
    fixed_clip,
    open_reference,
)

SHIPPED = str(Path(__file__).parents[2] / 'models' / 'tabletop')
TOKENS = 8


@pytest.fixture(scope='module')
def model():
    return open_reference(SHIPPED, fixed_clip())


def answers(model, deviation=RIGHT, noise=0.0, **changed):
    """A script: the model's own greedy answer, as vLLM sends it."""

    def script(handler):
        content = handler.body['messages'][0]['content']
        question = content[1]['text']
        ids, logprobs = [], []
        for _ in range(TOKENS):
            row = model.logprobs(question, ids, deviation)[-1]
            ids.append(int(row.argmax()))
            logprobs.append(float(row.max()) - noise)
        entries = [
            {'token': str(i), 'logprob': value} for i, value in zip(ids, logprobs, strict=True)
        ]
        choice = {
            'message': {'content': 'said'},
            'logprobs': {'content': entries},
            'token_ids': ids,
        }
        reply = {
            'choices': [choice],
            'prompt_token_ids': list(model.prompt(question).ids),
        }
        handler.refuse(200, json.dumps({**reply, **changed}))

    return script


def page(capsys, script, *words, pages=None):
    """(exit code, lines by name) of the command on a server that answers every question so."""
    with ChatServer(*[script] * 3) as server:
        models = {'data': [{'id': 'lab/molmo2'}]}
        server.pages = {'/v1/models': models, '/version': {'version': '0.32.0'}, **(pages or {})}
        code = cli.main(['doctor', '--json', '--server', server.model(), *words])
    report = json.loads(capsys.readouterr().out)
    assert report['exit_code'] == code
    return code, report['lines'], server.requests


def texts(lines, name):
    return [line['text'] for line in lines if line['name'] == name]


def test_a_server_that_computes_as_the_model_does_is_called_right(capsys, model):
    code, lines, requests = page(capsys, answers(model), '--reference', SHIPPED)
    assert (code, [line['ok'] for line in lines]) == (0, [True] * 5)
    assert texts(lines, 'prompt') == ['token ids, time labels and number of frames are equal']
    (answer,) = texts(lines, 'answers')
    assert float(answer.split()[3]) < 0.01
    assert {(r['stream'], r['return_token_ids'], r['temperature']) for r in requests} == {
        (False, True, 0)
    }


@pytest.mark.parametrize(
    ('deviation', 'words'),
    [
        (Deviation(markers=True), ['embeds <frame_start>']),
        (Deviation(replaced=True), ['a visual feature replaces']),
        (Deviation(attends=ITS_FRAME), ['looks ahead to its own frame']),
        (Deviation(attends=NOTHING), ['looks ahead to nothing']),
        (
            Deviation(True, True, NOTHING),
            ['embeds <frame_start>', 'a visual feature replaces', 'looks ahead to nothing'],
        ),
    ],
)
def test_each_deviation_is_told_by_the_pattern_it_leaves(capsys, model, deviation, words):
    script = answers(model, deviation)
    code, lines, _ = page(capsys, script, '--reference', SHIPPED)
    assert code == 2
    found = texts(lines, 'deviation')
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))
    assert texts(lines, 'program') == ['vLLM 0.32.0']
    assert all(
        'the plugin molmo_ground_ros' in line['advice']
        for line in lines
        if line['name'] == 'deviation'
    )
    assert all('docs/server.md' in line['advice'] for line in lines if line['name'] == 'deviation')


def test_other_weights_are_none_of_the_deviations(capsys, model):
    code, lines, _ = page(capsys, answers(model, noise=0.5), '--reference', SHIPPED)
    assert code == 2
    assert texts(lines, 'deviation') == [
        'none of the known deviations: other weights, or another precision'
    ]


def test_another_prompt_is_told_by_its_first_token_that_differs(capsys, model):
    ids = list(model.prompt('Track the red block.').ids)
    script = answers(model, prompt_token_ids=[*ids[:5], 7, *ids[6:]])
    code, lines, _ = page(capsys, script, '--reference', SHIPPED)
    assert code == 2
    (text,) = texts(lines, 'prompt')
    assert text.startswith('differs at token 5 of ')


def test_what_cannot_be_compared_is_not_called_right(capsys, model):
    plain = {'choices': [{'message': {'content': 'Two.'}}], 'prompt_token_ids': None}
    code, lines, _ = page(capsys, answers(model, **plain), '--reference', SHIPPED)
    assert code == 2
    assert 'cannot be compared' in texts(lines, 'answers')[0]
    code, lines, _ = page(capsys, answers(model))
    assert code == 2
    assert 'not compared' in texts(lines, 'answers')[0]


def test_a_model_the_server_lacks_and_a_refusal_are_lines_with_the_way_out(capsys):
    refusal = refuses(400, 'Per-request media_io_kwargs are disabled by default.')
    code, lines, _ = page(capsys, refusal, pages={'/v1/models': {'data': [{'id': 'other'}]}})
    assert code == 2
    assert texts(lines, 'model') == ["'lab/molmo2' of other"]
    assert '--trust-request-mm-kwargs' in texts(lines, 'check')[0]
    assert cli.main(['doctor', '--server', 'http://127.0.0.1:9/v1#m']) == 2
    assert 'the connection failed' in capsys.readouterr().out


def test_the_plugin_is_named_where_it_is_loaded(capsys, model):
    pages = {'/molmo_ground_ros': {'version': '0.1.0'}}
    _, lines, _ = page(capsys, answers(model), '--reference', SHIPPED, pages=pages)
    assert texts(lines, 'program') == ['vLLM 0.32.0, with the plugin molmo_ground_ros 0.1.0']


def test_deviations_change_what_is_computed(model):
    """Every one of them, so that none is told by chance."""
    rows = [model.logprobs('Track the red block.', [], deviation) for deviation in EVERY]
    apart = [np.abs(a - b).max() for i, a in enumerate(rows) for b in rows[:i]]
    assert min(apart) > 0.01
