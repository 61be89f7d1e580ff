# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Grounding tokens rewritten as points."""

from __future__ import annotations

import math

import pytest

from molmo_ground_ros.backends.base import Generation, Token
from molmo_ground_ros.backends.molmo_point.rewriting import PointPlaces, Rewriter, rewritten
from molmo_ground_ros.backends.pixels import PixelConfig

# 6 x 6 patches, 2 x 2 tokens a frame: patches 0 .. 7, "no more" 8, subpatches 9 .. 17, locations
# 18 .. 26. Token 5 is the upper right one of the second frame.
PLACES = PointPlaces(PixelConfig(size=84), [0.0, 2.5])
# The middle one of its 3 x 3 subpatches: column 4, row 1; and its place 0 right, 2 down.
POINT = ['<POINT_5>', '<POINT_13>', '<POINT_20>']
X, Y = (4 + 0.5 * 0.33) / 6, (1 + 2.5 * 0.33) / 6
WRITTEN = f'{X:.6f} {Y:.6f}'


def tokens_of(*texts):
    return tuple(Token(text, -0.01 * (i + 1)) for i, text in enumerate(texts))


def rewrite(*texts, truncated=False, stopped=False):
    generation = Generation(''.join(texts), tokens_of(*texts), truncated, stopped)
    return rewritten(generation, PLACES)


@pytest.mark.parametrize(
    ('texts', 'text'),
    [
        pytest.param(['no point'], 'no point', id='words stay'),
        pytest.param(
            ['<points coords="', *POINT, '1', '">'],
            f'<points coords="2.5 1 {WRITTEN}">',
            id='one point',
        ),
        pytest.param(
            ['"', '<POINT_0>', '<POINT_9>', '<POINT_18>', '1', *POINT, '2', '">'],
            f'"0.0 1 {0.165 / 6:.6f} {0.165 / 6:.6f};2.5 2 {WRITTEN}">',
            id='two points',
        ),
        pytest.param(['"', *POINT, '1', '2', '"'], f'"2.5 12 {WRITTEN}"', id='digits one by one'),
        pytest.param(['"', *POINT, ' ', '12', '"'], f'"2.5 12 {WRITTEN}"', id='a space before'),
        pytest.param(['"', *POINT, '12">'], f'"2.5 12 {WRITTEN}">', id='one token with the end'),
        pytest.param(
            ['"', *POINT, '1', '<POINT_8>', '">'], f'"2.5 1 {WRITTEN}">', id='no more is no text'
        ),
        pytest.param(['"', *POINT, '">'], f'"2.5 ? {WRITTEN}">', id='no id'),
        pytest.param(['"', *POINT, '1'], f'"2.5 1 {WRITTEN}', id='nothing after it'),
        pytest.param(['"', '\ufffd<POINT_5>', *POINT[1:], '1'], f'"\ufffd;2.5 1 {WRITTEN}',
                     id='half a character before it'),
        pytest.param(['"', '<POINT_13>', '<POINT_20>', '1"'], '"1"', id='no patch'),
        pytest.param(['"', '<POINT_5>', 'x'], '"2.5x', id='a patch alone'),
    ],
)  # fmt: skip
def test_points_are_written_with_their_time_id_and_place(texts, text):
    generation = rewrite(*texts)
    assert generation.text == text == ''.join(token.text for token in generation.tokens)
    stream = Rewriter(PLACES)
    pieces = [stream.feed(each) for each in texts]
    assert ''.join(pieces) + stream.finish(cut=False) == text


@pytest.mark.parametrize('reason', ['truncated', 'stopped'])
def test_the_id_of_an_answer_that_was_cut_off_may_be_incomplete(reason):
    texts = ['"', *POINT, '1', *POINT, '2']
    assert rewrite(*texts, **{reason: True}).text == f'"2.5 1 {WRITTEN};2.5'
    stream = Rewriter(PLACES)
    assert ''.join(map(stream.feed, texts)) == f'"2.5 1 {WRITTEN}'
    assert stream.finish(cut=True) == ';2.5'


def test_each_token_keeps_its_probability():
    texts = ['"', *POINT, '1', '2', *POINT, '3', '">']
    generation = rewrite(*texts)
    assert [(token.text, round(token.logprob, 2)) for token in generation.tokens] == [
        ('"', -0.01),
        ('2.5', -0.02),
        (' 1', -0.05),
        ('2', -0.06),
        (f' {X:.6f}', -0.03),
        (f' {Y:.6f}', -0.04),
        (';2.5', -0.07),
        (' 3', -0.1),
        (f' {X:.6f}', -0.08),
        (f' {Y:.6f}', -0.09),
        ('">', -0.11),
    ]


def test_a_missing_id_has_no_probability():
    assert any(math.isnan(token.logprob) for token in rewrite('"', *POINT, '"').tokens)
