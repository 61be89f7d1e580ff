# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The self-check takes what computes as the reference does, and refuses what does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.errors import BackendError, BadEngine

torch = pytest.importorskip('torch', reason="needs pip install '.[torch]'")
pytest.importorskip('transformers', reason="makes the checkpoints: pip install '.[transformers]'")

from molmo_ground_ros.backends.molmo2 import selfcheck
from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.formats import CPU_FORMATS
from molmo_ground_ros.backends.molmo2.memory import FORMATS
from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime
from molmo_ground_ros.backends.molmo2.selfcheck import TOLERANCES

STYLE = pytest.mark.parametrize('style', ['qwen3', 'olmo'])
SHIPPED = Path(__file__).parents[3] / 'models' / 'tabletop'
CPU = torch.device('cpu')


def opened(folder):
    return open_checkpoint(BackendSettings(str(folder)))


@pytest.fixture
def checkpoint_of_style(folders, style):
    return opened(folders[style])


def runtime_of(checkpoint, dtype='float32'):
    return TorchRuntime(checkpoint, CPU, getattr(torch, dtype))


def checked(checkpoint, runtime, dtype='float32', reference=None):
    reference = reference or runtime_of(checkpoint)
    return selfcheck.check(checkpoint, runtime, reference, TOLERANCES[dtype])


def test_every_format_has_a_tolerance():
    assert TOLERANCES.keys() == {*FORMATS, *CPU_FORMATS}


@STYLE
def test_the_same_weights_pass_with_no_difference(checkpoint_of_style):
    result = checked(checkpoint_of_style, runtime_of(checkpoint_of_style))
    assert result.largest == 0
    assert result.rows == result.same == 8 + 4 + 5 + 8


@STYLE
@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_half_precision_passes_its_own_tolerance_and_not_that_of_float32(
    dtype, checkpoint_of_style
):
    half = runtime_of(checkpoint_of_style, dtype)
    assert 0 < checked(checkpoint_of_style, half, dtype).largest <= TOLERANCES[dtype]
    with pytest.raises(BadEngine):
        checked(checkpoint_of_style, half)


def test_the_graphs_that_ship_pass():
    pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")
    from molmo_ground_ros.backends.molmo2.runtimes.onnx import OnnxRuntime

    checkpoint = opened(SHIPPED)
    result = checked(checkpoint, OnnxRuntime(checkpoint, 'float32', 1))
    assert result.same == result.rows


DAMAGES = {
    'a norm of the decoder': lambda r: r._decoder.graph.blocks[1].attn_norm.weight.mul_(1.1),
    'one weight': lambda r: r._decoder.graph.blocks[0].mlp.ff_out.weight[3, 5].add_(2.0),
    'the head': lambda r: r._decoder.graph.lm_head.weight[7].mul_(0.5),
    'the vision tower': lambda r: r._vision.image_vit.positional_embedding.zero_(),
}


@STYLE
@pytest.mark.parametrize('damage', DAMAGES)
def test_one_damaged_weight_is_refused(damage, checkpoint_of_style):
    runtime = runtime_of(checkpoint_of_style)
    with torch.inference_mode():
        DAMAGES[damage](runtime)  # a copy of what is mapped from the file: the file stays whole
    with pytest.raises(BadEngine, match=r'a logit differs .* by \S+ standard deviations, 0\.0001'):
        checked(checkpoint_of_style, runtime)


def causal(rows, visual, cache_visual):
    return (torch.arange(cache_visual.shape[1])[None] <= rows[:, None])[None, None]


def off_by_one(rows, visual, cache_visual):
    causal_mask = torch.arange(cache_visual.shape[1])[None] <= rows[:, None] + 1
    return (causal_mask | (visual[0, :, None] & cache_visual[0, None]))[None, None]


def everything(rows, visual, cache_visual):
    return torch.ones((1, 1, len(rows), cache_visual.shape[1]), dtype=torch.bool)


@STYLE
@pytest.mark.parametrize(
    ('mask', 'dtype'),
    [
        (off_by_one, 'float32'),
        *((mask, dtype) for mask in (causal, everything) for dtype in ('float16', 'int4')),
    ],
)
def test_a_wrong_mask_is_refused(mask, dtype, checkpoint_of_style):
    runtime = runtime_of(checkpoint_of_style)
    runtime._decoder.graph._mask = mask
    with pytest.raises(BadEngine, match='self-check'):
        checked(checkpoint_of_style, runtime, dtype)


class Wrapped:
    """A runtime whose logits are changed on the way."""

    def __init__(self, runtime, change):
        self._runtime, self._change, self._reads = runtime, change, 0
        self.batch = runtime.batch

    def encode(self, frames):
        return self._runtime.encode(frames)

    def logits(self, ids, start, last_count, video=None):
        self._reads += 1
        return self._change(self._reads, self._runtime.logits(ids, start, last_count, video))


def altered(at, value):
    def change(read, logits):
        logits = logits.copy()
        if read == at:
            logits[-1, 11] = value
        return logits

    return change


@pytest.mark.parametrize('style', ['qwen3'])
@pytest.mark.parametrize(
    ('at', 'place'),
    [(1, 'the prompt, row'), (3, 'step 2, row'), (6, 'a guess, row'), (7, 'the second question')],
)
@pytest.mark.parametrize('value', [1000.0, np.nan, np.inf])
def test_the_place_and_the_token_of_the_largest_difference_are_named(
    at, place, value, checkpoint_of_style
):
    runtime = Wrapped(runtime_of(checkpoint_of_style), altered(at, value))
    with pytest.raises(BadEngine, match=rf'{place}.*, token 11$'):
        checked(checkpoint_of_style, runtime)


@pytest.mark.parametrize('style', ['qwen3'])
def test_logits_of_another_shape_are_refused(checkpoint_of_style):
    short = Wrapped(runtime_of(checkpoint_of_style), lambda read, logits: logits[:, :-1])
    with pytest.raises(BadEngine, match=r'the prompt: logits of shape \(8, \d+\), not \(8, \d+\)'):
        checked(checkpoint_of_style, short)


@pytest.mark.parametrize('style', ['qwen3'])
def test_a_broken_reference_is_no_fault_of_the_engine(checkpoint_of_style):
    broken = Wrapped(runtime_of(checkpoint_of_style), altered(1, np.nan))
    with pytest.raises(BackendError, match='the reference gave a number that is not finite') as it:
        checked(checkpoint_of_style, runtime_of(checkpoint_of_style), reference=broken)
    assert not isinstance(it.value, BadEngine)


def test_the_clip_is_the_same_everywhere():
    frames = [selfcheck.clip_image(i) for i in range(len(selfcheck.SECONDS))]
    assert {frame.shape for frame in frames} == {(96, 128, 3)}
    assert [int(frame.sum()) for frame in frames] == [3643935, 3621489, 3598974, 3576459]
