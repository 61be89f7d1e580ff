# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The backend named `torch` against the one named `transformers`, and with its savings off."""

from __future__ import annotations

import random
import shutil

import pytest
from support.scripted import Wild

from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.backends.base import GenerateOptions, Savings
from molmo_ground_ros.backends.pixels import frame_patches
from molmo_ground_ros.errors import BackendError, BadModel
from molmo_ground_ros.types import Clip

torch = pytest.importorskip('torch', reason="needs pip install '.[torch]'")
pytest.importorskip('transformers', reason="the reference: needs pip install '.[transformers]'")

from molmo_ground_ros import backends
from molmo_ground_ros.backends.molmo2 import engine
from molmo_ground_ros.backends.molmo2.generate import ClipFeatures, Generator
from molmo_ground_ros.backends.molmo2.runtime import encode_all
from molmo_ground_ros.backends.molmo2.runtimes.torch import load

STYLE = pytest.mark.parametrize('style', ['qwen3', 'olmo'])
QUESTIONS = ['How many "красный кубик 🟥"?', 'Track it.', 'Point to every cup.', 'Track it now.']
OFF = Savings(reuse_prefix=False, draft=False, feature_bytes=0)


def go_on(index, piece):
    return True


def ask(backend, clip, *questions, limit=24):
    return backend.generate(clip, questions, GenerateOptions(limit), go_on)


def same(ours, theirs):
    """Equal text and tokens; logprobs as near as the order of additions lets them be."""
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a.text, a.truncated, a.stopped) == (b.text, b.truncated, b.stopped)
        assert [token.text for token in a.tokens] == [token.text for token in b.tokens]
        logprobs = [token.logprob for token in b.tokens]
        assert [token.logprob for token in a.tokens] == pytest.approx(logprobs, abs=1e-5)


@pytest.fixture(scope='module')
def references(folders):
    return {
        style: backends.load('transformers', BackendSettings(str(folder), threads=1))
        for style, folder in folders.items()
    }


@pytest.fixture
def backend(folders, style):
    return backends.load('torch', BackendSettings(str(folders[style]), device='cpu', threads=1))


def window(make_clip, first: int, count: int) -> Clip:
    """Frames first, first + 1 ... of one camera, their labels from zero on."""
    return make_clip([round(0.5 * i, 1) for i in range(count)], seed=first)


@STYLE
@pytest.mark.parametrize('frames', [1, 2, 8, 30])
def test_answers_equal_those_of_transformers(style, frames, references, backend, make_clip):
    clip = window(make_clip, 0, frames)
    same(ask(backend, clip, *QUESTIONS), ask(references[style], clip, *QUESTIONS))


@STYLE
@pytest.mark.parametrize('seed', range(4))
def test_savings_change_nothing_over_random_questions_and_windows(
    style, seed, folders, backend, make_clip
):
    plain = load(BackendSettings(str(folders[style]), threads=1, savings=OFF))
    chance = random.Random(seed)
    first = 0
    for _ in range(6):
        first += chance.choice([0, 0, 1, 3])
        clip = window(make_clip, first, chance.choice([3, 3, 4]))
        for frame in clip.frames[: chance.randrange(3)]:
            backend.prepare('cam', frame)
        questions = chance.choices(QUESTIONS, k=chance.randrange(1, 4))
        limit = chance.choice([1, 5, 24])
        same(ask(backend, clip, *questions, limit=limit), ask(plain, clip, *questions, limit=limit))
    assert backend.counts.reused > 0
    assert plain.counts.reused == 0


@STYLE
def test_guesses_right_and_wrong_leave_the_cache_as_it_would_be(style, folders, make_clip):
    checkpoint = engine.open_checkpoint(BackendSettings(str(folders[style])))
    runtime = load(BackendSettings(str(folders[style]), threads=1))._runtime
    clip = window(make_clip, 0, 2)
    features = encode_all(
        runtime, [frame_patches(frame.image, checkpoint.pixels) for frame in clip.frames]
    )
    accepted = 0
    for seed, question in enumerate(QUESTIONS * 2):
        prompt = checkpoint.prompts.encode(clip.seconds, question)
        generator = Generator(runtime, frozenset(), checkpoint.prompts.patch)
        plain = list(generator.tokens(prompt, ClipFeatures('a', features), 60))
        script = [choice.token for choice in plain]
        drafted = list(
            generator.tokens(
                prompt, ClipFeatures('a', features), 60, Wild(script, seed, most=8, right=0.8)
            )
        )
        assert [choice.token for choice in drafted] == script
        logprobs = [choice.logprob for choice in plain]
        assert [token.logprob for token in drafted] == pytest.approx(logprobs, abs=1e-5)
        accepted += generator.counts.accepted
    assert accepted > 100


@pytest.mark.parametrize('style', ['qwen3'])
def test_a_frame_is_encoded_once(backend, make_clip):
    calls = []
    encode = backend._runtime.encode
    backend._runtime.encode = lambda frames: calls.extend(frames) or encode(frames)
    clip = window(make_clip, 0, 3)
    backend.prepare('cam', clip.frames[0])
    ask(backend, clip, 'a')
    ask(backend, window(make_clip, 1, 3), 'a')  # slid by one frame
    assert len(calls) == 4


@pytest.mark.parametrize('style', ['qwen3'])
def test_further_questions_read_only_their_own_words(backend, make_clip):
    clip = window(make_clip, 0, 30)
    ask(backend, clip, QUESTIONS[0], limit=1)
    first = backend.counts.rows
    ask(backend, clip, *QUESTIONS[1:], limit=1)
    assert (backend.counts.rows - first) / 3 < first / 10


@pytest.mark.parametrize('style', ['qwen3'])
def test_an_answer_can_be_stopped_at_a_token(backend, references, make_clip):
    clip = window(make_clip, 0, 2)
    pieces = []

    def three(index, piece):
        pieces.append(piece)
        return len(pieces) < 3

    [answer] = backend.generate(clip, ['Track it.'], GenerateOptions(24), three)
    assert answer.stopped and len(answer.tokens) == 3
    assert answer.text.startswith(''.join(pieces))
    same(ask(backend, clip, *QUESTIONS), ask(references['qwen3'], clip, *QUESTIONS))


@pytest.mark.parametrize('style', ['qwen3'])
def test_a_failure_in_an_answer_leaves_the_next_one_whole(backend, references, make_clip):
    clip = window(make_clip, 0, 2)
    decoder, calls = backend._runtime._decoder.graph, []

    def fails(*inputs):
        calls.append(1)
        if len(calls) == 5:
            raise RuntimeError('the device is gone\nlong trace')
        return decoder(*inputs)

    backend._runtime._decoder.graph = fails
    with pytest.raises(BackendError, match='reading 1 tokens: RuntimeError: the device is gone'):
        ask(backend, clip, 'Track it.')
    same(ask(backend, clip, *QUESTIONS), ask(references['qwen3'], clip, *QUESTIONS))


@pytest.mark.parametrize('style', ['qwen3'])
def test_prompts_that_do_not_fit_are_refused_before_anything_is_read(backend, make_clip):
    with pytest.raises(BackendError, match=r'the prompt has \d+ tokens, the context 1024'):
        ask(backend, window(make_clip, 0, 100), 'a')
    with pytest.raises(BackendError, match='holds no frames'):
        ask(backend, Clip('cam', (), (), 0, 0, 0), 'a')
    assert backend.counts.passes == 0


@pytest.mark.parametrize('style', ['qwen3'])
@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_half_precision_is_near(style, dtype, folders, references, make_clip):
    half = load(BackendSettings(str(folders[style]), device='cpu', dtype=dtype, threads=1))
    clip = window(make_clip, 0, 2)
    ours = ask(half, clip, *QUESTIONS, limit=1)
    theirs = ask(references[style], clip, *QUESTIONS, limit=1)
    for a, b in zip(ours, theirs, strict=True):
        assert a.tokens[0].logprob == pytest.approx(b.tokens[0].logprob, abs=0.2)


def test_a_tokenizer_of_two_files_is_refused(folders, tmp_path):
    folder = shutil.copytree(folders['qwen3'], tmp_path / 'm')
    (folder / 'tokenizer.json').unlink()
    for name in ('vocab.json', 'merges.txt'):
        (folder / name).write_text('{}')
    with pytest.raises(BadModel, match=r'missing in .*: tokenizer\.json'):
        load(BackendSettings(str(folder)))
    (folder / 'tokenizer.json').write_text('{}')
    with pytest.raises(BadModel, match='cannot load its tokenizer'):
        load(BackendSettings(str(folder)))


CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU that torch can use')


@CUDA
@STYLE
def test_captured_graphs_say_what_the_cpu_says(style, folders, references, make_clip):
    settings = BackendSettings(str(folders[style]), device='cuda', dtype='float32')
    clip = window(make_clip, 0, 4)
    answers = ask(load(settings), clip, *QUESTIONS)
    for ours, theirs in zip(answers, ask(references[style], clip, *QUESTIONS), strict=True):
        assert ours.text == theirs.text
