# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is warned about when a server first answers. The prompts are those of vLLM 0.32.0."""

from __future__ import annotations

import json
import logging

import pytest
from support.chat_server import ChatServer, chunk, refuses, says
from support.clips import make_clip

from molmo_ground_ros.backends import load
from molmo_ground_ros.backends.base import BackendSettings, GenerateOptions
from molmo_ground_ros.backends.server.endpoint import KEY_VARIABLE

VLLM = {'/version': {'version': '0.32.0'}}
PLUGIN = {'/molmo_ground_ros': {'version': '0.1.0'}}
ANSWER = says(chunk('Two.', 'stop'))
TOKEN = refuses(
    200, json.dumps({'choices': [{'message': {'content': 'T'}}], 'prompt_token_ids': [7, 8]})
)


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def prompt(*labels, patches=4, last=4, end='im'):
    """What vLLM shows the model of frames at these times."""
    counts = [patches] * (len(labels) - 1) + [last]
    frames = [
        f'{label} <{end}_start>{"<im_patch>" * count}<{end}_end>'
        for label, count in zip(labels, counts, strict=True)
    ]
    return f'<|im_end|>{" ".join(frames)}<|im_start|>user\nPoint to the block.<|im_end|>\n'


def warnings(caplog, pages, *scripts, questions=1):
    """The warnings of a backend that asks so often; the server's POSTs follow the scripts."""
    caplog.set_level(logging.DEBUG)
    with ChatServer(ANSWER, *scripts, *[ANSWER] * (questions - 1)) as server:
        server.pages = pages
        backend = load('server', BackendSettings(server.model()))
        for _ in range(questions):
            backend.generate(make_clip(2, 32, 24), ['?'], GenerateOptions(9), lambda *_: True)
            backend._check_connection.wait(20)
        backend.close()
    assert server.scripts == []
    texts = [r.message.partition('/v1: ')[2] for r in caplog.records if r.levelname == 'WARNING']
    return texts, server


def shows(text):
    return refuses(200, json.dumps({'prompt': text}))


def test_vllm_without_the_plugin_is_named_once_with_the_way_out(caplog):
    reply = shows(prompt('0.0', '0.5', '1.3'))
    texts, server = warnings(caplog, VLLM, TOKEN, reply, questions=2)
    assert len(texts) == 1
    assert texts[0].startswith('vLLM 0.32.0 does not compute what Molmo2 was trained to compute')
    assert 'VLLM_PLUGINS=molmo_ground_ros' in texts[0]
    assert 'doctor --server' in texts[0]
    check, readback = server.requests[1:3]
    assert (check['max_tokens'], check['return_token_ids'], check['stream']) == (1, True, False)
    assert readback == {'model': 'lab/molmo2', 'tokens': [7, 8]}
    assert server.paths[2] == '/detokenize'


@pytest.mark.parametrize('end', ['im', 'frame'])
def test_vllm_with_the_plugin_is_not_warned_about(caplog, end):
    texts, _ = warnings(caplog, VLLM | PLUGIN, TOKEN, shows(prompt('0.0', '0.5', '1.3', end=end)))
    assert texts == []


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        pytest.param(
            prompt('0.0', '0.5', '1.0'),
            'frames at 0.0, 0.5, 1.3 s were sent, and the model is shown 0.0, 0.5, 1.0: ',
            id='counted at a rate',
        ),
        pytest.param(
            prompt('0.0', '1.3'), 'and the model is shown 0.0, 1.3: use vLLM 0.32', id='sampled'
        ),
        pytest.param('<im_patch>', 'and the model is shown none: ', id='no frames'),
        pytest.param(
            prompt('0.0', '0.5', '1.3', last=3), 'not have the same number of tokens', id='patches'
        ),
    ],
)
def test_a_prompt_that_is_not_what_was_sent_is_told(caplog, text, complaint):
    texts, _ = warnings(caplog, VLLM | PLUGIN, TOKEN, shows(text))
    assert len(texts) == 1
    assert complaint in texts[0]


def test_another_model_and_another_server_are_not_judged(caplog):
    texts, _ = warnings(caplog, VLLM, TOKEN, shows('<|vision_start|><|video_pad|>Point'))
    assert texts == []
    texts, server = warnings(caplog, {})
    assert (texts, len(server.requests)) == ([], 1)


def test_a_check_that_fails_costs_no_answer(caplog):
    texts, _ = warnings(caplog, VLLM, refuses(500, 'out of memory'))
    assert texts == []
    assert 'the connection was not checked' in caplog.text


def test_nothing_is_checked_before_a_server_answers(caplog):
    with ChatServer(refuses(400, 'no')) as server:
        server.pages = VLLM
        backend = load('server', BackendSettings(server.model()))
        with pytest.raises(Exception, match='answers 400'):
            backend.generate(make_clip(2, 32, 24), ['?'], GenerateOptions(9), lambda *_: True)
        backend.close()
        assert len(server.requests) == 1
