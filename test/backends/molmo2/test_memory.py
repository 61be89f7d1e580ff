# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from molmo_ground_ros.backends.molmo2 import memory
from molmo_ground_ros.backends.molmo2.memory import Budget, ModelSizes, window_of
from molmo_ground_ros.backends.molmo2.published import FRAME_FEATURES, FRAME_TOKENS, PUBLISHED
from molmo_ground_ros.errors import BadSetting, DoesNotFit
from molmo_ground_ros.frames.windows import sample

SHIPPED = Path(__file__).parents[3] / 'models' / 'tabletop'
GB = 10**9
RELEASED = {
    name: ModelSizes(sizes, FRAME_TOKENS, FRAME_FEATURES) for name, sizes in PUBLISHED.items()
}
SMALL = RELEASED['Molmo2-4B']


@pytest.mark.parametrize('seconds', [0.5, 2, 8, 8.3, 16, 30, 62.9, 63])
def test_frames_are_the_most_that_a_gapless_window_shows(seconds):
    end_ns = round(seconds * 1e9)
    stamps = range(0, end_ns + 1, 20_000_000)
    anchors = [None, *range(-500_000_000, 1, 10_000_000)]
    frame_counts = [len(sample(stamps, 0, end_ns, anchor)[0]) for anchor in anchors]
    assert window_of(seconds, SMALL).frames == max(frame_counts)


def test_window_of_the_4b_by_hand():
    """16 s: 34 frames of 83 tokens; the labels '0.0 ', 19 x ' 0.5 ', 14 x ' 10.0 '."""
    window = window_of(16, SMALL)
    assert window.prompt == 34 * 83 + 4 + 19 * 5 + 14 * 6 + 128
    assert window.answer == 34 * 34
    assert window.rows == math.ceil((window.prompt + window.answer) / 256) * 256


@pytest.mark.parametrize('seconds', [0.4, 63.5, math.nan, -1])
def test_windows_that_cannot_be_are_refused(seconds):
    with pytest.raises(BadSetting, match=r'window = .*: not in 0\.5 to 63 s'):
        window_of(seconds, SMALL)


def opened(folder):
    pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")
    from molmo_ground_ros.backends.base import BackendSettings
    from molmo_ground_ros.backends.molmo2.engine import open_checkpoint

    return open_checkpoint(BackendSettings(str(folder)))


@pytest.mark.parametrize('seconds', [0.5, 8, 63])
@pytest.mark.parametrize('question', ['a', 'How many times was the red block grasped?'])
def test_no_prompt_is_longer_than_its_window_says(seconds, question):
    checkpoint = opened(SHIPPED)
    window = window_of(seconds, checkpoint.sizes)
    labels = [i / 2 for i in range(window.frames)]
    assert len(checkpoint.prompts.encode(labels, question).ids) <= window.prompt < window.rows


def test_a_window_longer_than_the_context_is_refused(checkpoint):
    sizes = opened(checkpoint).sizes  # 1024 positions
    with pytest.raises(BadSetting, match=r'its prompt of \d+ tokens fills the context of 1024'):
        window_of(63, sizes)
    assert window_of(8, sizes).rows <= 1024


@pytest.mark.parametrize('style', ['qwen3', 'olmo', 'shipped'])
@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_weights_are_as_many_as_in_the_file(style, dtype, folders):
    pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")
    from molmo_ground_ros.backends.molmo2.weights import read_index

    folder = SHIPPED if style == 'shipped' else folders[style]
    index = read_index(str(folder), folder)
    stored = sum(math.prod(tensor.shape) for tensor in index.values())
    need_of_weights = memory.weights(opened(folder).config, dtype)
    assert need_of_weights.total == stored * {'float32': 4, 'bfloat16': 2}[dtype]


@pytest.mark.parametrize(
    ('name', 'billions', 'cache_a_token'),
    [
        ('Molmo2-4B', 4.85, 147_456),
        ('Molmo2-8B', 8.66, 147_456),
        ('Molmo2-O-7B', 7.76, 524_288),
    ],
)
def test_released_models_take_what_was_published(name, billions, cache_a_token):
    """molmo2.md section 4, which read the released models on the meta device."""
    config = PUBLISHED[name]
    assert memory.weights(config, 'bfloat16').total / 2e9 == pytest.approx(billions, abs=0.005)
    assert memory.cache_bytes(config.text, 1, 2) == cache_a_token


def test_quantised_layers_take_their_bits_and_the_rest_stays_as_it_is():
    parts = {dtype: dict(memory.weights(SMALL.config, dtype).parts) for dtype in memory.FORMATS}
    for dtype in ('int8', 'int4', 'fp8'):
        for name in ('embeddings', 'vision'):
            assert parts[dtype][name] == parts['float16'][name]
        halves = 2 if dtype == 'int4' else 1  # its head is int8
        assert parts[dtype]['head'] * halves == parts['float16']['head']
    layers = {dtype: part['decoder layers'] / 1e9 for dtype, part in parts.items()}
    assert layers['float16'] == pytest.approx(2 * 3.633, rel=1e-3)
    assert layers['int4'] == pytest.approx(3.633 * (4 + 16 / 128) / 8, rel=1e-3)
    assert layers['int4'] < layers['fp8'] == layers['int8'] < layers['float16']


def test_quantised_weights_may_be_computed_with_in_float32():
    """As the graphs that ONNX Runtime runs are."""
    half, full = (
        dict(memory.weights(SMALL.config, dtype).parts) for dtype in ('int4', 'int4.float32')
    )
    assert half['head'] == full['head']
    assert half['vision'] * 2 == full['vision']
    assert half['decoder layers'] == pytest.approx(full['decoder layers'], rel=1e-3)


@pytest.mark.parametrize('dtype', ['int3', 'int4.int3', ''])
def test_no_other_format_is_known(dtype):
    with pytest.raises(BadSetting, match=f"dtype = '{dtype}': not one of float32"):
        memory.weights(SMALL.config, dtype)


def test_a_need_is_the_sum_of_its_parts_and_grows_with_the_window():
    needs = [memory.need(SMALL, 'int4', window_of(seconds, SMALL)) for seconds in (8, 16, 63)]
    totals = [need.total for need in needs]
    assert totals == sorted(totals)
    assert totals[0] == sum(nbytes for _, nbytes in needs[0].parts)
    need = memory.need(SMALL, 'int4', window_of(8, SMALL), features=GB)
    assert dict(need.parts)['features kept, at most'] == GB


def test_what_fits_is_given_back():
    window = window_of(16, SMALL)
    needed = memory.need(SMALL, 'int4', window)
    assert memory.fit(SMALL, 'int4', window, needed.total, 'memory') == needed


def test_what_does_not_fit_is_refused_with_the_numbers_and_what_would():
    window = window_of(63, SMALL)
    with pytest.raises(DoesNotFit) as caught:
        memory.fit(SMALL, 'bfloat16', window, 11 * GB, 'memory of cuda:0', formats=memory.FORMATS)
    error = caught.value
    assert dict(error.parts) == dict(memory.need(SMALL, 'bfloat16', window).parts)
    assert 'a window of 63 s: 13.58 GB needed (decoder layers 7.27 GB' in str(error)
    assert '11.00 GB of memory of cuda:0 free; a window of ' in str(error)
    seconds = float(re.fullmatch(r'a window of (\S+) s', error.would[0])[1])
    assert error.would[1:] == ('dtype int8', 'dtype fp8', 'dtype int4')
    for offered, fits in ((seconds, True), (seconds + 0.5, False)):
        needed = memory.need(SMALL, 'bfloat16', window_of(offered, SMALL))
        assert (needed.total <= 11 * GB) is fits


def test_what_fits_in_no_way_says_so():
    with pytest.raises(DoesNotFit, match='nothing smaller fits'):
        memory.fit(SMALL, 'int4', window_of(8, SMALL), GB, 'memory', formats=memory.FORMATS)


def test_weights_that_do_not_fit_are_refused():
    memory.fit_weights(SMALL.config, 'float32', 20 * GB, 'memory')
    with pytest.raises(DoesNotFit, match=r'the weights in float32: 19\.40 GB needed') as caught:
        memory.fit_weights(SMALL.config, 'float32', 12 * GB, 'memory')
    assert caught.value.would == ('dtype float16', 'dtype bfloat16')


def budget(free, rows=0):
    return Budget(free, 'memory', rows, 256, 2, fused=True, batch=1)


def test_a_prompt_takes_a_cache_that_is_copied_when_it_grows():
    """4096 rows at 147456 bytes, and the 3840 before the last step."""
    with pytest.raises(DoesNotFit) as caught:
        memory.fit_prompt(SMALL, budget(GB), 33, 3000, 1096)
    assert dict(caught.value.parts)['keys and values'] == (4096 + 3840) * 147_456
    with pytest.raises(DoesNotFit) as caught:
        memory.fit_prompt(SMALL, budget(GB // 2, rows=2048), 33, 3000, 1096)
    assert dict(caught.value.parts)['keys and values'] == (4096 + 3840 - 2048) * 147_456


def test_a_prompt_in_a_cache_that_is_there_takes_no_more_of_it():
    memory.fit_prompt(SMALL, budget(GB, rows=4096), 33, 3000, 1096)
    with pytest.raises(DoesNotFit) as caught:
        memory.fit_prompt(SMALL, budget(0, rows=4096), 33, 3000, 1096)
    assert dict(caught.value.parts)['keys and values'] == 0


def test_a_long_answer_that_does_not_fit_says_what_would():
    with pytest.raises(DoesNotFit, match='a lower max_new_tokens would fit') as caught:
        memory.fit_prompt(SMALL, budget(2 * GB), 33, 3000, 4096)
    seconds = float(re.fullmatch(r'a window of (\S+) s', caught.value.would[0])[1])
    window = window_of(seconds, SMALL)
    memory.fit_prompt(SMALL, budget(2 * GB), window.frames, window.prompt, window.answer)


@pytest.mark.parametrize('name', ['torch', 'onnx'])
def test_backends_refuse_before_anything_is_encoded(name, make_clip):
    package = {'torch': 'torch', 'onnx': 'onnxruntime'}[name]
    pytest.importorskip(package, reason=f"needs pip install '.[{name}]'")
    from molmo_ground_ros import backends
    from molmo_ground_ros.backends.base import BackendSettings, GenerateOptions

    backend = backends.load(name, BackendSettings(str(SHIPPED), device='cpu', threads=1))
    arguments = (make_clip([0.0, 0.5]), ['Track it.'], GenerateOptions(8), lambda *_: True)
    [before] = backend.generate(*arguments)
    real = backend._runtime.budget()
    assert real.rows == {'torch': 256, 'onnx': 64}[name]
    assert real.free > 10**7
    backend._runtime.budget = lambda: Budget(
        1000, 'memory', real.rows, 256, 4, fused=False, batch=9
    )
    backend._features.clear()
    encode, backend._runtime.encode = backend._runtime.encode, None  # it must not be called
    with pytest.raises(DoesNotFit, match=r'a prompt of \d+ tokens with an answer of at most 8'):
        backend.generate(*arguments)
    backend._runtime.budget, backend._runtime.encode = lambda: None, encode
    [after] = backend.generate(*arguments)
    assert after.text == before.text
