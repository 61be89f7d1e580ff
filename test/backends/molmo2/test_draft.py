# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from support.scripted import PROMPT, ScriptedRuntime, track_answer

pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")

from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ground_ros.backends.molmo2.draft import GrammarDrafter
from molmo_ground_ros.backends.molmo2.generate import ClipFeatures, Generator

SECONDS = [round(0.5 * i, 1) for i in range(8)]


class Digits:
    """Every digit and every other character is a token: its code."""

    @staticmethod
    def encode(text):
        return [ord(character) for character in text]

    @staticmethod
    def decode(ids):
        return ''.join(map(chr, ids))


class Words:
    """Numbers with the space before them, and whole time labels, are tokens: as on the tabletop."""

    def __init__(self):
        from tools.tabletop.vocabulary import make_tokenizer

        self._raw, _ = make_tokenizer()

    def encode(self, text):
        return self._raw.encode(text, add_special_tokens=False).ids

    def decode(self, ids):
        return self._raw.decode(ids, skip_special_tokens=True)


@pytest.fixture(scope='module')
def vocabularies():
    return {'digits': Digits(), 'words': Words()}


VOCABULARY = pytest.mark.parametrize('name', ['digits', 'words'])


def guess(text, vocabulary=Digits, limit=24):
    drafter = GrammarDrafter(vocabulary.encode, vocabulary.decode, SECONDS, limit)
    for token in vocabulary.encode(text):
        drafter.push(token)
    return vocabulary.decode(drafter.propose(limit))


def tracks(coords):
    return f'<tracks coords="{coords}'


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        pytest.param('The cup', '', id='plain text'),
        pytest.param('<tracks coords=', '', id='not open yet'),
        pytest.param(tracks(''), '0.0 1 ', id='first frame'),
        pytest.param(tracks('0.0 1 635 522'), ';0.5 1 635 522;1.0 1 635 ', id='rests'),
        pytest.param(
            tracks('0.0 1 600 500;0.5 1 610 490;'), '1.0 1 620 480;1.5 1 630 ', id='moves on'
        ),
        pytest.param(
            tracks('0.0 1 600 500;1.0 1 600 500;'), '2.0 1 600 500;3.0 1 600 ', id='1 fps'
        ),
        pytest.param(
            tracks('0.0 1 600 500 2 100 200;0.5 1 6'), '00 500 2 100 200;1.0 1 6', id='two'
        ),
        pytest.param(
            tracks('0.0 1 600 500\t0.5 1 600 500'), '\t1.0 1 600 500\t1.5 1 600 ', id='TAB'
        ),
        pytest.param(
            tracks('0.0 1 600 500;0.5 1 7'), '00 500;1.0 1 80', id='another digit than guessed'
        ),
        pytest.param(
            tracks('0.0 1 598 500;0.5 1 6'), '00 500;1.0 1 60', id='a digit above what was guessed'
        ),
        pytest.param(
            tracks('0.0 1 600 500;0.5 1 59'), '9 500;1.0 1 59', id='a digit below what was guessed'
        ),
        pytest.param(
            tracks('0.0 1 100 500;0.5 1 101 500;1.0 1 104 500;1.5 1 109 500;'),
            '2.0 1 116 500;2.',
            id='gets faster',
        ),
        pytest.param(tracks('0.0 1 600 500;0.5 1 712'), ' 500;1.0 1 824 500;1.5 1 ', id='jumped'),
        pytest.param(
            tracks('0.0 1 6 5;0.5 1 6 5;1.5 1 6 5;'), '2.0 1 006 005;2.5 1 ', id='a frame left out'
        ),
        pytest.param(
            tracks(';'.join(f'{t} 1 600 500' for t in SECONDS)), '">', id='end of the clip'
        ),
        pytest.param(tracks('0.0 1 990 500;0.5 1 999 500;1.0 1 '), '1000', id='held to 1000'),
        pytest.param('<points coords="0.5 1 345 678', ';1.0 2 ', id='points number on'),
        pytest.param('<points coords="0.5 1 345 678 ', '2 ', id='more in one frame'),
        pytest.param(tracks('t^1 1 0.45 0.32 t^2 1'), '', id='the form of the article'),
        pytest.param(
            tracks('0.0 1 600 500;0.5 1 6 7 8;1.0 1 '), '600 500;1.5 1 600 500;', id='a bad frame'
        ),
        pytest.param(tracks('3.0 1 6 5;3.5 1 6 5;4.0 1 6 5;'), '4.5 1 006 005;', id='beyond'),
        pytest.param(
            'Counting the <points coords="0.5 1 345 678 2 1 2;4.0 3 9 9">cups</points>',
            ' shows a total of 3.',
            id='the total',
        ),
        pytest.param('<points coords="0.5 1 345 678">cups</points>', '', id='no total'),
        pytest.param('<tracks', ' coords="0.0 1 ', id='the opening of tracks'),
        pytest.param('Counting the <points', ' coords="', id='the opening of points'),
        pytest.param(tracks('0.0 1 600 500"'), '>', id='the end of the tag'),
        pytest.param(tracks('0.0 1 600 500">'), '', id='a label is not known'),
        pytest.param(tracks('0.0 1 600 500">cup'), '</tracks>', id='the end of the block'),
        pytest.param(tracks('0.0 1 600 500">cup</tr'), 'acks>', id='the end has begun'),
        pytest.param(tracks('0.0 1 600 500">cup</tracks>'), '', id='after the end'),
        pytest.param(tracks('0.0 1 600 500">cup < 3'), '', id='no end in a label'),
        pytest.param(
            'Counting the <points coords="0.5 1 345 678">cups</po', 'ints> shows a to', id='both'
        ),
    ],
)
def test_what_follows_is_guessed(text, expected):
    proposed = guess(text)
    assert proposed[: len(expected)] == expected[:24] and bool(proposed) == bool(expected)


def answered(script, vocabulary, drafter):
    runtime = ScriptedRuntime(script)
    generator = Generator(runtime, frozenset([0]), patch_token=6)
    clip = ClipFeatures('a', [])
    return list(generator.tokens(PROMPT, clip, 10_000, drafter)), generator.counts


@VOCABULARY
@settings(max_examples=60, deadline=None)
@given(
    objects=st.integers(0, 4),
    frames=st.integers(1, 20),
    seed=st.integers(0, 2**16),
    hidden=st.sampled_from([0.0, 0.3]),
    cut=st.integers(0, 400),
)
def test_drafting_changes_no_token(name, vocabularies, objects, frames, seed, hidden, cut):
    vocabulary = vocabularies[name]
    seconds = [round(0.5 * i, 1) for i in range(frames)]
    script = vocabulary.encode(track_answer(objects, seconds, seed, hidden=hidden))
    script = script[:cut] + script[cut + 1 :]  # what a model says may be off the grammar
    plain, without = answered(script, vocabulary, None)
    drafter = GrammarDrafter(vocabulary.encode, vocabulary.decode, seconds)
    drafted, counts = answered(script, vocabulary, drafter)
    assert drafted == plain
    assert [choice.token for choice in plain] == script
    assert counts.passes <= without.passes
    assert counts.passes + counts.accepted == without.passes


@settings(max_examples=300, deadline=None)
@given(st.text('0123456789999..;;\t     "<>-^tpoints', max_size=60), st.integers(1, 500))
def test_nothing_a_model_may_write_raises(text, repeats):
    drafter = GrammarDrafter(Digits.encode, Digits.decode, SECONDS)
    for token in Digits.encode(f'Counting the <points coords="{text * (1 + repeats // 50)}'):
        drafter.push(token)
        drafter.propose(9)
    guess(tracks(f'0.0 1 {"9" * repeats} 5;{"9" * repeats} 1 6 5;1.0 1 {text}'))


@VOCABULARY
def test_a_track_takes_far_fewer_passes_than_tokens(name, vocabularies):
    vocabulary = vocabularies[name]
    seconds = [round(0.5 * i, 1) for i in range(40)]
    tokens = passes = 0
    for seed in range(4):
        script = vocabulary.encode(track_answer(3, seconds, seed))
        drafter = GrammarDrafter(vocabulary.encode, vocabulary.decode, seconds)
        answer, counts = answered(script, vocabulary, drafter)
        tokens, passes = tokens + len(answer), passes + counts.passes
    assert tokens / passes > 2.5


def test_a_guess_takes_no_longer_as_the_answer_grows():
    """Work is bounded by the open frame, not by the text."""
    text = tracks(';'.join(f'{0.5 * i:.1f} 1 600 500' for i in range(4000)))
    drafter = GrammarDrafter(Digits.encode, Digits.decode, SECONDS)
    for token in Digits.encode(text):
        drafter.push(token)
    assert len(drafter._rows._past['1']) <= 4
    assert drafter._text[drafter._group :].count(';') == 0
