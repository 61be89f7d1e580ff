# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
from support.scripted import PROMPT, STOP, ScriptedRuntime

from molmo_ground_ros.backends.molmo2.generate import ClipFeatures, Generator
from molmo_ground_ros.backends.molmo2.runtime import Choice
from molmo_ground_ros.backends.prompt_ids import PromptIds
from molmo_ground_ros.errors import BackendError

SCRIPT = list(range(20, 40))
CLIP = ClipFeatures('frames', [])


class Sure:
    """Guesses the script, wrong at some of its places."""

    def __init__(self, script, wrong=(), size=6):
        self._script = [99 if i in wrong else token for i, token in enumerate(script)]
        self._pushed = 0
        self._size = size

    def push(self, token):
        self._pushed += 1

    def propose(self, room):
        return self._script[self._pushed :][: min(room, self._size)]


def make_generator(script=SCRIPT, **options):
    runtime = ScriptedRuntime(script)
    return runtime, Generator(runtime, frozenset([STOP]), patch_token=6, **options)


def tokens_of(generator, limit=100, drafter=None, prompt=PROMPT, clip=CLIP):
    return [choice.token for choice in generator.tokens(prompt, clip, limit, drafter)]


def test_it_ends_at_a_stop_token_and_at_the_limit():
    assert tokens_of(make_generator()[1]) == SCRIPT
    assert tokens_of(make_generator()[1], limit=7) == SCRIPT[:7]
    assert tokens_of(make_generator(script=[])[1]) == []


@pytest.mark.parametrize('limit', [1, 2, 6, 7, 8, 20, 100])
@pytest.mark.parametrize('wrong', [(), (0,), (3,), (3, 4, 5), range(20)], ids=str)
def test_guesses_right_and_wrong_give_the_same_tokens_and_logprobs(limit, wrong):
    plain = list(make_generator()[1].tokens(PROMPT, CLIP, limit))
    runtime, generator = make_generator()
    assert list(generator.tokens(PROMPT, CLIP, limit, Sure(SCRIPT, wrong))) == plain
    assert len(runtime.rows) <= len(PROMPT.ids) + limit, 'rows beyond the limit were written'


def test_right_guesses_save_passes():
    _, generator = make_generator()
    assert tokens_of(generator, drafter=Sure(SCRIPT)) == SCRIPT
    assert generator.counts.passes == 4  # the prompt, then 7 tokens and 7 and 6 with the stop
    assert generator.counts.accepted == 17


def test_a_wrong_guess_is_not_taken_for_held_tokens():
    _runtime, generator = make_generator()
    tokens_of(generator, limit=5, drafter=Sure(SCRIPT, wrong=[3]))
    longer = PromptIds((*PROMPT.ids, *SCRIPT[:3], 99, 99), (*PROMPT.visual, 0, 0, 0, 0, 0))
    before = generator.counts.reused
    tokens_of(generator, prompt=longer, limit=1)
    assert generator.counts.reused - before == len(PROMPT.ids) + 3


def test_a_second_question_reads_only_its_own_words():
    runtime, generator = make_generator()
    tokens_of(generator)
    rows = generator.counts.rows
    other = PromptIds((5, 6, 7, 9, 10), (0, 1, 1, 0, 0))
    tokens_of(generator, prompt=other, limit=1)
    assert generator.counts.rows - rows == 2
    assert runtime.rows[:5] == list(other.ids)


@pytest.mark.parametrize(
    ('prompt', 'clip', 'options'),
    [
        pytest.param(PROMPT, ClipFeatures('other', []), {}, id='other frames'),
        pytest.param(PromptIds((5, 6, 9, 8), (0, 1, 1, 0)), CLIP, {}, id='other labels'),
        pytest.param(PROMPT, CLIP, {'reuse': False}, id='switched off'),
    ],
)
def test_a_prompt_is_read_whole_where_the_video_is_not_the_same(prompt, clip, options):
    _, generator = make_generator(**options)
    tokens_of(generator, limit=1)
    before = generator.counts.rows
    tokens_of(generator, limit=1, prompt=prompt, clip=clip)
    assert generator.counts.rows - before == len(prompt.ids)


def test_nothing_is_held_after_a_failure():
    runtime, generator = make_generator()
    tokens_of(generator, limit=3)
    read = runtime.read
    runtime.read = lambda *_: (_ for _ in ()).throw(BackendError('out of memory'))
    with pytest.raises(BackendError, match='out of memory'):
        tokens_of(generator)
    runtime.read = read
    before = generator.counts.rows
    assert tokens_of(generator) == SCRIPT
    assert generator.counts.rows - before == len(PROMPT.ids) + len(SCRIPT)


def test_nan_is_an_error_and_nothing_is_held_after_it():
    runtime, generator = make_generator()
    runtime.read = lambda ids, *_: [Choice(3, math.nan)]
    with pytest.raises(BackendError, match='gave nan'):
        tokens_of(generator)
    assert generator._cached == []


def test_a_prompt_that_fills_the_context_is_refused():
    runtime, generator = make_generator()
    runtime.capacity = 4
    with pytest.raises(BackendError, match='the prompt has 4 tokens, the context 4: ask about'):
        generator.room(4)
    assert generator.room(3) == 1
