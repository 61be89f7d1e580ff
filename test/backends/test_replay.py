# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import math
import threading

import pytest

from molmo_ground_ros.backends.base import GenerateOptions, Generation
from molmo_ground_ros.backends.replay import RecordedAnswer, ReplayBackend, pieces
from molmo_ground_ros.errors import BackendError, BadModel
from molmo_ground_ros.types import Clip

CLIP = Clip('cam', (), (), 0, 0, 0)
POINTS = '<points coords="0.5 1 345 678">красный</points>'


def ask(backend: ReplayBackend, *prompts: str, limit: int = 2048) -> list[Generation]:
    return backend.generate(CLIP, prompts, GenerateOptions(limit), lambda index, piece: True)


def test_answers_come_in_order():
    backend = ReplayBackend(['one', 'two'])
    assert [g.text for g in ask(backend, 'a', 'b')] == ['one', 'two']
    assert backend.prompts == ['a', 'b']


def test_an_answer_that_matches_is_preferred_and_can_be_used_again():
    backend = ReplayBackend(['other', RecordedAnswer('3', match='red|blue')])
    assert [g.text for g in ask(backend, 'red?', 'green?', 'blue?')] == ['3', 'other', '3']


def test_running_out_says_how_many_there_were():
    backend = ReplayBackend(['one', RecordedAnswer('3', match='red')])
    ask(backend, 'a')
    with pytest.raises(BackendError, match=r"all 1 recorded.*none of the 1 with a match fits 'b'"):
        ask(backend, 'b')


def test_repeat_gives_the_last_answer_again():
    backend = ReplayBackend(['one', 'two'], repeat=True)
    assert [g.text for g in ask(backend, *'abc')] == ['one', 'two', 'two']


def test_repeat_of_nothing_is_an_error():
    with pytest.raises(BackendError, match='all 0'):
        ask(ReplayBackend([], repeat=True), 'a')


def test_pieces_stream_with_digits_alone_and_join_to_the_text():
    received: list[tuple[int, str]] = []
    ReplayBackend(['x', POINTS]).generate(
        CLIP, ['a', 'b'], GenerateOptions(), lambda i, piece: received.append((i, piece)) or True
    )
    assert ''.join(piece for index, piece in received if index == 1) == POINTS
    assert [piece for _, piece in received if piece.isdigit()] == list('051345678')


def test_false_stops_at_that_piece():
    [answer] = ReplayBackend(['a b c']).generate(
        CLIP, ['?'], GenerateOptions(), lambda index, piece: piece != 'b'
    )
    assert (answer.text, answer.stopped, answer.truncated) == ('a b', True, False)


@pytest.mark.parametrize(('limit', 'text', 'truncated'), [(2, 'a ', True), (3, 'a b', False)])
def test_the_token_limit_truncates(limit, text, truncated):
    [answer] = ask(ReplayBackend(['a b']), '?', limit=limit)
    assert (answer.text, answer.truncated) == (text, truncated)


def test_without_logprobs_there_are_no_tokens():
    assert ask(ReplayBackend(['a']), '?')[0].tokens == ()


def test_one_logprob_serves_all_pieces_and_a_list_one_each():
    backend = ReplayBackend(
        [RecordedAnswer('a b', logprobs=(-1,)), RecordedAnswer('a1', logprobs=(-1, -2))]
    )
    first, second = ask(backend, '?', '?')
    assert [token.logprob for token in first.tokens] == [-1, -1, -1]
    assert [(token.text, token.logprob) for token in second.tokens] == [('a', -1), ('1', -2)]


def test_delay_holds_the_answer_before_each_piece():
    release, received = threading.Event(), []
    backend = ReplayBackend(['a'], delay=lambda: release.wait(10))
    worker = threading.Thread(
        target=backend.generate,
        args=(
            CLIP,
            ['?'],
            GenerateOptions(),
            lambda i, piece: bool(received.append(piece)) or True,
        ),
    )
    worker.start()
    assert received == []
    release.set()
    worker.join(10)
    assert received == ['a']


def test_an_empty_answer_is_an_answer():
    assert ask(ReplayBackend(['']), '?')[0] == Generation('')


def test_prepare_and_close_leave_the_answers_alone():
    backend = ReplayBackend(['yes'])
    backend.prepare('cam', None)
    backend.close()
    assert ask(backend, '?')[0] == Generation('yes')


def test_a_text_file_holds_one_answer_a_line(tmp_path):
    path = tmp_path / 'answers.txt'
    path.write_bytes(b'one\r\n\n{"text": 2}\n')
    answers = ask(ReplayBackend.from_file(str(path)), '?', '?')
    assert [answer.text for answer in answers] == ['one', '{"text": 2}']


def test_a_jsonl_file_holds_text_match_and_logprobs(tmp_path):
    path = tmp_path / 'answers.jsonl'
    lines = [{'text': POINTS, 'match': 'красный', 'logprobs': -0.5}, {'text': 'a b\nc'}]
    path.write_text('\n'.join(json.dumps(line) for line in lines))
    first, second = ask(ReplayBackend.from_file(str(path)), 'где красный?', '?')
    assert first.text == POINTS
    assert {token.logprob for token in first.tokens} == {-0.5}
    assert second.text == 'a b\nc'


@pytest.mark.parametrize(
    ('line', 'why'),
    [
        pytest.param('{', 'Expecting', id='not JSON'),
        pytest.param('[]', 'not a JSON object', id='not an object'),
        pytest.param('{"text": 3}', "'text' string", id='text is a number'),
        pytest.param('{"text": "a", "mach": "b"}', "unknown keys .'mach'", id='misspelt key'),
        pytest.param('{"text": "a b", "logprobs": [1, 2]}', '2 logprobs for 3', id='count'),
        pytest.param('{"text": "a", "logprobs": ["x"]}', 'could not convert', id='not a number'),
        pytest.param('{"text": "a", "logprobs": [null]}', 'float', id='null'),
        pytest.param('{"text": "a", "match": "("}', 'unterminated', id='bad expression'),
    ],
)
def test_a_broken_line_is_named_with_its_file(tmp_path, line, why):
    path = tmp_path / 'answers.jsonl'
    path.write_text('{"text": "fine"}\n' + line)
    with pytest.raises(BadModel, match=f'answers.jsonl.: line 2: .*{why}'):
        ReplayBackend.from_file(str(path))


@pytest.mark.parametrize('content', [None, b'\xff\xfe'], ids=['missing', 'not UTF-8'])
def test_an_unreadable_file_is_named(tmp_path, content):
    path = tmp_path / 'answers.txt'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadModel, match=r'answers.txt.: cannot read'):
        ReplayBackend.from_file(str(path))


def test_pieces_join_to_any_text():
    text = 'a1_ж22 \t\n🟥e\u0301'
    assert ''.join(pieces(text)) == text


def test_unknown_logprobs_are_nan():
    assert math.isnan(RecordedAnswer('a').tokens()[0].logprob)
