# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import logging
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.chat_server import ChatServer, chunk, refuses, says
from support.clips import make_clip

from molmo_ground_ros.backends import choose, load
from molmo_ground_ros.backends.base import BackendSettings, GenerateOptions, Token
from molmo_ground_ros.backends.server.endpoint import KEY_VARIABLE, Endpoint
from molmo_ground_ros.backends.server.events import StreamEvents
from molmo_ground_ros.backends.server.request import timing
from molmo_ground_ros.errors import BackendError, BadModel, BadSetting
from molmo_ground_ros.recording import open_recording

ROOT = Path(__file__).parents[2]
CLIP = make_clip(3, 32, 24)
COMPLETE = says(chunk('Two'), chunk('.', 'stop'))


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def ask(backend, *prompts, on_text=lambda *_: True, limit=20):
    """The answers to prompts about CLIP."""
    return backend.generate(CLIP, prompts or ('How many?',), GenerateOptions(limit), on_text)


def backend_of(server, options=''):
    return load('server', BackendSettings(server.model(options)))


def test_an_answer_is_streamed_piece_by_piece():
    with ChatServer(says(chunk(), chunk('Two'), chunk(' red'), chunk('.', 'stop'))) as server:
        backend = backend_of(server)
        pieces = []
        (answer,) = ask(backend, on_text=lambda *piece: pieces.append(piece) or True)
        backend.close()
    assert [piece for piece in pieces if piece[1]] == [(0, 'Two'), (0, ' red'), (0, '.')]
    assert answer.text == 'Two red.'
    assert (answer.tokens, answer.truncated, answer.stopped) == ((), False, False)
    assert backend.model == 'lab/molmo2'


def test_every_prompt_is_a_request_of_its_own():
    with ChatServer(COMPLETE, says(chunk('No', 'length'))) as server:
        indices = set()
        first, second = ask(
            backend_of(server), 'a?', 'b?', on_text=lambda i, _: indices.add(i) or True
        )
    assert [request['messages'][0]['content'][1]['text'] for request in server.requests] == [
        'a?',
        'b?',
    ]
    assert (first.text, first.truncated) == ('Two.', False)
    assert (second.text, second.truncated) == ('No', True)
    assert indices == {0, 1}


def picture_of(text: str) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)


def test_vllm_is_sent_the_frames_with_their_labels_and_told_to_sample_none():
    with ChatServer(COMPLETE) as server:
        ask(backend_of(server), limit=7)
    (request,) = server.requests
    assert server.paths == ['/v1/chat/completions']
    video = request['messages'][0]['content'][0]['video_url']['url']
    head, *frames = video.split(',')
    assert head == 'data:video/jpeg;base64'
    assert [picture_of(frame).shape for frame in frames] == [(24, 32, 3)] * 3
    clock = request['media_io_kwargs']['video']
    assert clock == {
        'fps': 2.0,
        'frames_indices': [0, 1, 2],
        'total_num_frames': 3,
        'duration': 1.5,
        'num_frames': 3,
        'do_sample_frames': False,
    }
    assert request['model'] == 'lab/molmo2'
    assert (request['max_tokens'], request['temperature'], request['stream']) == (7, 0, True)


def test_transformers_is_sent_a_list_of_pictures_and_their_clock():
    with ChatServer(COMPLETE) as server:
        ask(backend_of(server, '?kind=transformers'))
    (request,) = server.requests
    frames = request['messages'][0]['content'][0]['video_url']['url']
    assert all(frame.startswith('data:image/jpeg;base64,') for frame in frames)
    assert request['chat_template_kwargs'] == {
        'num_frames': None,
        'do_sample_frames': False,
        'video_metadata': [
            {'fps': 2.0, 'frames_indices': [0, 1, 2], 'total_num_frames': 3, 'duration': 1.5}
        ],
    }
    assert 'media_io_kwargs' not in request  # transformers refuses what it does not know


@pytest.mark.parametrize(
    ('labels', 'fps', 'indices'),
    [
        pytest.param((0.0,), 1.0, [0], id='one frame'),
        pytest.param((0.0, 0.5, 1.0), 2.0, [0, 1, 2], id='on the grid'),
        pytest.param((0.0, 0.5, 0.7), 10.0, [0, 5, 7], id='the newest off the grid'),
        pytest.param((0.0, 0.3, 0.9), 10 / 3, [0, 1, 3], id='a gap'),
    ],
)
def test_labels_are_written_as_indices_at_a_rate(labels, fps, indices):
    assert timing(labels) == (pytest.approx(fps), indices)
    assert [f'{i / timing(labels)[0]:.1f}' for i in indices] == [f'{s:.1f}' for s in labels]


def test_a_picture_keeps_its_colours():
    from molmo_ground_ros.backends.server.request import encode

    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 250
    blue, green, decoded = picture_of(encode(red).text)[8, 8]
    assert decoded > 240
    assert max(blue, green) < 10


def test_frames_can_go_without_loss():
    with ChatServer(COMPLETE, COMPLETE) as server:
        ask(backend_of(server, '?frames=png'))
        ask(backend_of(server, '?frames=png&kind=transformers'))
    vllm, transformers = (
        request['messages'][0]['content'][0]['video_url']['url'] for request in server.requests
    )
    assert all(head.startswith('data:image/png;base64,') for head in transformers)
    # vLLM's only name for a video of single pictures; it looks at their first bytes.
    assert vllm.startswith('data:video/jpeg;base64,')
    for texts in (vllm.split(',')[1:], [text.split(',')[1] for text in transformers]):
        for text, frame in zip(texts, CLIP.frames, strict=True):
            np.testing.assert_array_equal(picture_of(text)[..., ::-1], frame.image)


def test_the_token_that_ends_an_answer_is_no_token_of_it():
    last = chunk('', 'stop', [('<|im_end|>', -0.1)])
    with ChatServer(says(chunk('Two', None, [('Two', -0.5)]), last)) as server:
        (answer,) = ask(backend_of(server))
    assert answer.tokens == (Token('Two', -0.5),)


@pytest.mark.parametrize('word', ['<|im_end|>', '<|video|>', '<im_patch>'])
def test_a_special_token_in_a_question_is_refused(word):
    with ChatServer() as server, pytest.raises(BackendError, match=re.escape(word)):
        ask(backend_of(server), f'Point to {word}.')
    assert server.requests == []


def test_an_empty_clip_is_an_error():
    backend = load('server', BackendSettings('http://127.0.0.1:9/v1#m'))
    with pytest.raises(BackendError, match="'front' holds no frames"):
        backend.generate(make_clip(0), ['?'], GenerateOptions(), lambda *_: True)


def test_null_for_a_piece_or_a_probability_costs_no_text():
    last = {'choices': [{'index': 0, 'delta': None, 'finish_reason': 'stop'}]}
    with ChatServer(
        says(chunk('Two', None, [('Two', None)]), chunk(' cups', None, [(' cups', -0.5)]), last)
    ) as server:
        (answer,) = ask(backend_of(server))
    # Tokens are given for all of the text or for none.
    assert (answer.text, answer.tokens) == ('Two cups', ())


def test_log_probabilities_become_tokens():
    two = [('T', -0.5), ('wo', -0.25)]
    with ChatServer(
        says(chunk('Two', None, two), chunk('', None, [('\ufffd', -1.0)]), chunk('é', None,
             [('\ufffd', -2.0)]), chunk('', 'stop'))
    ) as server:  # fmt: skip
        (answer,) = ask(backend_of(server))
    assert server.requests[0]['logprobs'] is True
    assert answer.tokens == (
        Token('T', -0.5),
        Token('wo', -0.25),
        Token('', -1.0),
        Token('é', -2.0),
    )


def test_tokens_that_do_not_add_up_become_one_with_the_probability_of_all():
    entries = [('\ufffd', -1.0), ('\ufffd', -2.0)]
    with ChatServer(says(chunk('é', 'stop', entries))) as server:
        (answer,) = ask(backend_of(server))
    assert answer.tokens == (Token('é', -3.0),)


def test_tokens_are_given_for_all_of_the_text_or_for_none():
    with ChatServer(says(chunk('a', None, [('a', -1.0)]), chunk('b', 'stop'))) as server:
        (answer,) = ask(backend_of(server))
    assert (answer.text, answer.tokens) == ('ab', ())


def test_chunk_without_text_is_no_token(monkeypatch):
    # While it waits, the backend reports empty texts too: here it never waits that long.
    monkeypatch.setattr('molmo_ground_ros.backends.server.backend.POLL_S', 30.0)
    reported = []
    chunks = chunk('', None), chunk('Two', None), chunk('', None), chunk('.', None)
    with ChatServer(says(*chunks, chunk('', 'stop'))) as server:
        (answer,) = ask(backend_of(server), on_text=lambda _, text: reported.append(text) or True)
    assert answer.text == 'Two.'
    assert reported == ['Two', '.']


def test_too_busy_is_asked_again_and_the_wait_it_names_is_kept_short(caplog):
    caplog.set_level(logging.INFO)
    again = {'Retry_After': '0'}
    with ChatServer(refuses(429, **again), refuses(503, 'loading', **again), COMPLETE) as server:
        (answer,) = ask(backend_of(server))
    assert answer.text == 'Two.'
    assert [record.message.split('/v1: ')[1] for record in caplog.records] == [
        'is busy (429): no; trying again in 0.0 s',
        'is busy (503): loading; trying again in 0.0 s',
    ]


def test_too_busy_for_too_long_is_an_error():
    busy = refuses(503, '{"message": "at capacity"}', Retry_After='0')
    with ChatServer(busy, busy) as server:
        with pytest.raises(BackendError, match=r'is busy \(503\): at capacity'):
            ask(backend_of(server, '?retries=1'))
        assert len(server.requests) == 2


def free_port() -> int:
    with socket.socket() as held:
        held.bind(('127.0.0.1', 0))
        return held.getsockname()[1]


def test_a_server_that_is_not_there_is_named_after_trying_again(caplog):
    caplog.set_level(logging.INFO)
    port = free_port()
    backend = load('server', BackendSettings(f'http://127.0.0.1:{port}/v1?retries=1#m'))
    with pytest.raises(BackendError, match=f'http://127.0.0.1:{port}/v1: refuses the connection'):
        ask(backend)
    assert len(caplog.records) == 1


@pytest.mark.parametrize('host', ['no..such', 'x' * 64], ids=['empty label', 'long label'])
def test_a_host_that_cannot_be_is_an_error(host):
    backend = load('server', BackendSettings(f'http://{host}/v1#m'))
    with pytest.raises(BackendError, match=f'http://{re.escape(host)}:80/v1: the connection fai'):
        ask(backend)


def test_waiting_to_try_again_can_be_given_up():
    busy = refuses(429, Retry_After='30')
    with ChatServer(busy) as server:
        (answer,) = ask(backend_of(server), on_text=lambda *_: False)
    assert answer.stopped
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ('script', 'message'),
    [
        pytest.param(refuses(500, 'Internal Server Error'), 'answers 500: Internal S', id='500'),
        pytest.param(refuses(404, '{"detail": "Not Found"}'), 'answers 404: Not Found; ', id='404'),
        pytest.param(refuses(307, '', Location='http://elsewhere/'), 'answers 307', id='moved'),
        pytest.param(refuses(400, 'x' * 5000), r'answers 400: x{300} \.\.\.$', id='long words'),
        pytest.param(says('{"error": "out of memory"}'), 'an error: out of memory', id='error'),
        pytest.param(says('%garbage%'), 'not JSON: %garbage%', id='not JSON'),
        pytest.param(says('[' * 90_000), r'not JSON: \[+ \.\.\.', id='bottomless'),
        pytest.param(refuses(500, '[' * 60_000), r'answers 500: \[+ \.\.\.', id='bottomless words'),
        pytest.param(
            says(chunk('a', None, [('a', 10**400)])), 'no chat chunk', id='a number too large'
        ),
        pytest.param(says({'choices': [7]}), 'no chat chunk: .*7', id='no chunk'),
        pytest.param(says([1]), r'no chat chunk: \[1\]', id='a list'),
        pytest.param(says(chunk('a', 'abort')), "ended the answer with 'abort'", id='aborted'),
        pytest.param(
            says(chunk('ab'), done=False), 'broke off after 2 characters', id='ends too early'
        ),
        pytest.param(
            lambda handler: (handler.start('text/html'), handler.end()),
            "sends 'text/html', not an event stream",
            id='a page',
        ),
        pytest.param(
            lambda handler: (handler.start(), handler.send(b'data: \xff\xfe\n\n'), handler.end()),
            'not UTF-8',
            id='not UTF-8',
        ),
        pytest.param(
            lambda handler: (handler.start(), handler.event(chunk('ab'))),
            'connection failed: IncompleteRead',
            id='cut in the middle',
        ),
        pytest.param(lambda handler: None, 'connection failed: RemoteDisc', id='no reply'),
    ],
)
def test_what_goes_wrong_is_an_error_in_the_servers_words_and_the_next_question_works(
    script, message
):
    with ChatServer(script, COMPLETE) as server:
        backend = backend_of(server)
        with pytest.raises(BackendError, match=rf'^http://127\.0\.0\.1:\d+/v1: .*{message}'):
            ask(backend)
        assert ask(backend)[0].text == 'Two.'
        assert len(server.requests) == 2  # what had begun is not sent twice


@pytest.mark.parametrize(
    ('status', 'words', 'way_out'),
    [
        pytest.param(
            400,
            'Per-request media_io_kwargs are disabled by default because they can change '
            'multimodal media loading resource usage.',
            'start vLLM with --trust-request-mm-kwargs',
            id='kwargs',
        ),
        pytest.param(
            400,
            'The decoder prompt (length 9000) is longer than the maximum model length of 4096.',
            'ask about a shorter window',
            id='too long',
        ),
        pytest.param(
            400,
            'max_tokens=4096 cannot be greater than max_model_len=2048. Please request fewer '
            'output tokens. (parameter=max_tokens, value=4096)',
            'set max_new_tokens lower',
            id='too many tokens',
        ),
        pytest.param(
            404, 'The model `m` does not exist.', "the server's own name of the model", id='model'
        ),
        pytest.param(404, 'Not Found', r'most often ends with /v1', id='path'),
        pytest.param(413, '<html>', 'client_max_body_size', id='proxy'),
        pytest.param(
            400, 'At most 0 video(s) may be provided in one prompt.', 'limit-mm', id='no video'
        ),
    ],
)
def test_an_error_says_what_to_do_about_it(status, words, way_out):
    match = f'answers {status}: .*; .*{way_out}'
    with (
        ChatServer(refuses(status, words)) as server,
        pytest.raises(BackendError, match=match) as caught,
    ):
        ask(backend_of(server))
    assert words in str(caught.value)


def test_an_error_nobody_knows_is_told_in_the_servers_words():
    with (
        ChatServer(refuses(418, 'I am a teapot')) as server,
        pytest.raises(BackendError, match=r'answers 418: I am a teapot$'),
    ):
        ask(backend_of(server))


def test_done_ends_an_answer_without_a_reason():
    with ChatServer(says(chunk('Two.'))) as server:
        assert ask(backend_of(server))[0].text == 'Two.'


class Stalls:
    """A script that says something and then nothing until the client is gone."""

    def __init__(self, *chunks):
        self.chunks = chunks
        self.disconnected = threading.Event()

    def __call__(self, handler):
        handler.start()
        for request in self.chunks:
            handler.event(request)
        assert handler.rfile.read(1) == b''
        self.disconnected.set()


@pytest.mark.parametrize(
    ('stall', 'options', 'message'),
    [
        (Stalls(), '?first=0.3', 'its first token did not come within 0.3 s'),
        (Stalls(chunk()), '?first=0.3', 'its first token did not come within 0.3 s'),
        (Stalls(chunk('Tw')), '?between=0.3', 'its next token did not come within 0.3 s'),
    ],
)
def test_a_stall_is_given_up_and_the_next_question_works(stall, options, message):
    with ChatServer(stall, COMPLETE) as server:
        backend = backend_of(server, options)
        with pytest.raises(BackendError, match=message):
            ask(backend)
        assert stall.disconnected.wait(10)
        assert ask(backend)[0].text == 'Two.'


def test_returning_false_closes_the_connection():
    stall = Stalls(chunk('Tw'), chunk('o'))
    with ChatServer(stall) as server:
        (answer,) = ask(backend_of(server), on_text=lambda _, text: text != 'o')
        assert stall.disconnected.wait(10)
    assert (answer.text, answer.stopped, answer.truncated) == ('Two', True, False)


def test_a_question_nobody_waits_for_is_given_up_before_its_first_token():
    stall = Stalls()
    with ChatServer(stall) as server:
        (answer,) = ask(backend_of(server), on_text=lambda _, text: bool(text))
        assert stall.disconnected.wait(10)
    assert (answer.text, answer.stopped) == ('', True)


def test_the_key_goes_into_the_header_only(monkeypatch, caplog):
    monkeypatch.setenv(KEY_VARIABLE, 'sk-secret')
    words = '{"error": {"message": "Incorrect key: sk-secret"}}'
    with ChatServer(COMPLETE, refuses(401, words)) as server:
        backend = backend_of(server)
        ask(backend)
        with pytest.raises(BackendError, match=r'refuses the key of .* \(401\): Inc') as caught:
            ask(backend)
    assert server.headers[0]['Authorization'] == 'Bearer sk-secret'
    assert 'sk-secret' not in f'{caught.value!r} {caught.value.__cause__!r} {caplog.text}'
    assert 'unencrypted' in caplog.text


def test_a_server_that_wants_a_key_says_so():
    with ChatServer(refuses(401)) as server:
        with pytest.raises(BackendError, match=f'wants a key of {KEY_VARIABLE}'):
            ask(backend_of(server))
        assert 'Authorization' not in server.headers[0]


def test_a_key_no_header_can_hold_is_refused_unseen(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, 'sk-secret\nX-Admin: yes')
    with pytest.raises(BadSetting, match=KEY_VARIABLE) as caught:
        load('server', BackendSettings('http://127.0.0.1/v1#m'))
    assert 'secret' not in str(caught.value)


@pytest.fixture(scope='module')
def certificate(tmp_path_factory):
    """A self-signed certificate of 127.0.0.1 with its key."""
    folder = tmp_path_factory.mktemp('tls')
    context = subprocess.run(
        ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
         '-nodes', '-days', '2', '-subj', '/CN=lab', '-addext', 'subjectAltName=IP:127.0.0.1',
         '-keyout', 'key.pem', '-out', 'ca.pem'],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert context.returncode == 0, context.stderr
    both = folder / 'both.pem'
    both.write_text((folder / 'ca.pem').read_text() + (folder / 'key.pem').read_text())
    return both


def test_a_certificate_nobody_vouches_for_is_refused(certificate):
    with ChatServer(COMPLETE, certificate=certificate) as server:
        with pytest.raises(BackendError, match=r'not trusted: self.signed certificate; \?ca=FILE'):
            ask(backend_of(server))
        assert server.requests == []


def test_a_certificate_is_accepted_with_its_ca(certificate):
    ca = certificate.with_name('ca.pem')
    stall = Stalls(chunk('Tw'))
    with ChatServer(COMPLETE, stall, certificate=certificate) as server:
        backend = backend_of(server, f'?ca={ca}')
        assert ask(backend)[0].text == 'Two.'
        assert ask(backend, on_text=lambda *_: False)[0].stopped
        assert stall.disconnected.wait(10)


def test_a_certificate_of_another_host_is_refused(certificate):
    ca = certificate.with_name('ca.pem')
    with ChatServer(COMPLETE, certificate=certificate) as server:
        address = server.model(f'?ca={ca}').replace('127.0.0.1', 'localhost')
        with pytest.raises(BackendError, match='not trusted: Hostname mismatch'):
            ask(load('server', BackendSettings(address)))


def test_an_address_is_read():
    assert Endpoint.parse('https://lab:8443/x/v1/?ca=/a.pem&first=9&retries=0#a/b') == Endpoint(
        secure=True,
        host='lab',
        port=8443,
        path='/x/v1',
        model='a/b',
        ca='/a.pem',
        first_s=9.0,
        retries=0,
    )
    assert Endpoint.parse('http://[::1]/v1#m').address == 'http://[::1]:80/v1'
    assert choose('auto', BackendSettings('HTTPS://lab/v1#m')) == 'server'


@pytest.mark.parametrize(
    ('address', 'message'),
    [
        ('allenai/Molmo2-4B', 'not of the form'),
        ('http://lab:8000/v1', 'not of the form'),
        ('http:///v1#m', 'not of the form'),
        ('http://lab:99999/v1#m', 'not of the form'),
        ('ftp://lab/v1#m', 'not of the form'),
        ('http://lab/v1?colour=red#m', "unknown option 'colour'"),
        ('http://lab/v1?first=1&first=2#m', "'first' is given twice"),
        ('http://lab/v1?first=nan#m', "first 'nan' is not a time"),
        ('http://lab/v1?between=0#m', "between '0' is not a time"),
        ('http://lab/v1?retries=-1#m', "retries '-1' is not a whole number"),
        ('http://lab/v1?kind=sglang#m', "kind 'sglang' is not one of"),
        ('http://lab/v1?frames=webp#m', "frames 'webp' is not one of"),
        ('http://lab/v1?ca=/a.pem#m', 'a CA file is for https'),
        ('https://lab/v1?ca=/no/such.pem#m', "CA file '/no/such.pem'"),
    ],
)
def test_a_bad_address_is_named(address, message):
    with pytest.raises(BadModel, match=message):
        load('server', BackendSettings(address))


def test_a_password_in_an_address_is_refused_and_not_shown():
    with pytest.raises(BadModel, match='no user or password') as caught:
        load('server', BackendSettings('http://me:pw123@lab/v1#m'))
    assert 'pw123' not in str(caught.value)


def test_events_are_cut_wherever_the_bytes_are():
    stream = ': ping\n\ndata: a\r\ndata:b\r\n\r\nid: 1\ndata: é\n\nevent: x\n\n'.encode()
    for size in (1, 2, 5, len(stream)):
        events = StreamEvents()
        pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
        assert [event for piece in pieces for event in events.feed(piece)] == ['a\nb', 'é']


def test_an_event_without_an_end_is_refused():
    with pytest.raises(ValueError, match='more than 1000000 bytes'):
        list(StreamEvents().feed(b'x' * 1_000_001))


@pytest.fixture(scope='module')
def transformers_serve(tmp_path_factory):
    """The address of `transformers serve` with the tabletop model, a process of its own."""
    pytest.importorskip('transformers', reason="needs pip install '.[transformers]'")
    port = free_port()
    program = Path(__file__).with_name('serve_transformers.py')
    command = [sys.executable, str(program), 'models/tabletop', '127.0.0.1', str(port)]
    log = tmp_path_factory.mktemp('serve') / 'log'
    with (
        log.open('w') as out,
        subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT) as process,
    ):
        try:
            wait_for(process, log, f'http://127.0.0.1:{port}/health')
            yield f'http://127.0.0.1:{port}/v1?kind=transformers#models/tabletop'
        finally:
            process.terminate()


def wait_for(process: subprocess.Popen[bytes], log: Path, address: str) -> None:
    """Until it answers; skips where it says what it needs."""
    for _ in range(900):
        if process.poll() is not None:
            message = log.read_text()
            if process.returncode == 3:
                pytest.skip(message.strip())
            pytest.fail(message)
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail('it did not start')


def numbers(text: str) -> list[list[float]]:
    """Rows of an answer: time or nothing, id, x, y."""
    coords = re.search(r'coords="([^"]*)"', text).group(1)
    return [[float(number) for number in row.split()] for row in coords.split(';')]


@pytest.mark.parametrize('span', [(0.0, 10.0), (3.0, 9.3)], ids=['on the grid', 'off the grid'])
def test_transformers_serve_answers_as_the_backend_transformers_does(transformers_serve, span):
    questions = ['How many "grasp of the red block" are there in the video?', 'Track the red block']
    with open_recording(ROOT / 'examples' / 'tabletop.mcap') as recording:
        clip = recording.clip_of_seconds(*span)
    answers = []
    for name, model in (('server', transformers_serve), ('transformers', 'models/tabletop')):
        model = model if name == 'server' else str(ROOT / model)
        backend = load(name, BackendSettings(model, device='auto' if name == 'server' else 'cpu'))
        answers.append(backend.generate(clip, questions, GenerateOptions(400), lambda *_: True))
        backend.close()
    for served, own in zip(*answers, strict=True):
        assert re.sub(r'\d{3}', '000', served.text) == re.sub(r'\d{3}', '000', own.text)
        # JPEG once more is all that differs: 2 % of the picture.
        np.testing.assert_allclose(
            np.concatenate(numbers(served.text)), np.concatenate(numbers(own.text)), atol=20
        )
