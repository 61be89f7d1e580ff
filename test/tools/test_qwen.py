# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Prompts, text, scores and drafting with the vocabulary of the released models, Qwen's."""

from __future__ import annotations

import math

import pytest
from support.scripted import track_answer

pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")

from bench.qwen import write_again
from molmo_ground_ros.backends.base import Token
from molmo_ground_ros.backends.checkpoint import FrameTokens
from molmo_ground_ros.backends.molmo2.tokens import FileTokenizer
from molmo_ground_ros.backends.prompt_ids import PromptEncoder
from molmo_ground_ros.backends.text_stream import TextStream
from molmo_ground_ros.grounding.scores import TokenSpans, score
from molmo_ground_ros.language.grammar import parse
from tools import qwen

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(qwen.ranks_file() is None, reason=f'needs {qwen.INSTALL}'),
]


@pytest.fixture(scope='module')
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp('qwen')
    qwen.write_tokenizer(qwen.ranks_file(), folder)
    return FileTokenizer('Qwen', folder)


def test_a_prompt_has_the_ids_of_the_released_checkpoints(tokenizer):
    """Special ids: molmo2 f3cb108, olmo/tokenizer.py:38-40; the others are Qwen's own."""
    prompts = PromptEncoder(tokenizer, FrameTokens('<im_start>', '<im_end>', False), (1, 2), 'm')
    frame = [151936, 151938, 151938, 151937]
    ids = list(prompts.encode([0.0, 10.5], 'Hi').ids)
    assert ids[:8] == [151645, 15, 13, 15, 220, *frame[:3]]
    assert ids[8:19] == [151937, 220, 16, 15, 13, 20, 220, *frame]
    assert ids[19:] == [151644, 872, 198, 13048, 151645, 198, 151644, 77091, 198]
    assert len(ids) == len(prompts.encode([0.0, 10.5], 'Hi').visual)


@pytest.mark.parametrize('text', ['красный кубик 🟥🟥', '赤い箱、三つ', 'é — x 👩‍🔧', 'a 🏴󠁧󠁢󠁥󠁮󠁧󠁿 b'])
def test_text_of_many_bytes_is_never_shown_in_halves(tokenizer, text):
    ids = tokenizer.encode_text(text)
    assert len(ids) > len(text.split())
    stream = TextStream(tokenizer.decode)
    pieces = [stream.push(token) for token in ids]
    assert ''.join([*pieces, stream.finish()]) == text
    assert not any('\N{REPLACEMENT CHARACTER}' in piece for piece in pieces)


def test_a_score_is_of_the_digits_that_the_model_resolves(tokenizer):
    text = '<tracks coords="0.5 1 606 490">cup</tracks>'
    ids = tokenizer.encode_text(text)
    pieces = [tokenizer.decode([token]) for token in ids]
    assert ''.join(pieces) == text and pieces.count('6') == 2
    last_digits = (pieces.index('6') + 2, pieces.index('4') + 2)
    # Deciding are 0 . 5, the id, and two digits of each coordinate: eight tokens.
    tokens = [
        Token(piece, -9.0 if place in last_digits else -0.1) for place, piece in enumerate(pieces)
    ]
    (point,) = parse(text).tracks
    assert score(text, point, TokenSpans(tokens)) == pytest.approx(math.exp(-0.8))


def test_a_row_takes_ten_tokens_and_drafting_saves_most_of_its_passes(tokenizer):
    assert len(tokenizer.encode_text(' 1 606 490')) == 10
    seconds = [round(0.5 * k, 1) for k in range(20)]
    answers = [track_answer(n, seconds, seed) for n in (1, 2, 4) for seed in range(4)]
    written = [write_again(text, seconds, tokenizer) for text in answers]
    tokens, passes, points = (
        sum(getattr(answer, name) for answer in written) for name in ('tokens', 'passes', 'points')
    )
    assert points == 560
    assert tokens / passes >= 3
    assert passes / points <= 1.5
