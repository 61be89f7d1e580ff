# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The graph against transformers, on random models of both norm styles."""

from __future__ import annotations

import numpy as np
import pytest

from molmo_ground_ros.backends import BackendSettings

torch = pytest.importorskip('torch', reason="needs pip install '.[torch]'")
pytest.importorskip('transformers', reason="the reference: needs pip install '.[transformers]'")

from transformers import Molmo2ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling

from molmo_ground_ros.backends.molmo2.config import read_config
from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.graph import DecoderGraph
from molmo_ground_ros.backends.molmo2.ops import PLAIN
from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures, encode_all
from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime
from molmo_ground_ros.backends.pixels import frame_patches, pooling_indices

torch.set_num_threads(1)
STYLE = pytest.mark.parametrize('style', ['qwen3', 'olmo'])
SECONDS = [[], [0.0], [0.0, 0.5, 1.0], [round(0.5 * i, 1) for i in range(12)]]


@pytest.fixture(scope='module')
def networks(folders):
    return {
        style: Molmo2ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
        for style, folder in folders.items()
    }


@pytest.fixture(scope='module')
def checkpoints(folders):
    return {
        style: open_checkpoint(BackendSettings(str(folder))) for style, folder in folders.items()
    }


@pytest.fixture
def runtime(checkpoints, style):
    return TorchRuntime(checkpoints[style], torch.device('cpu'), torch.float32)


def prompt_of(checkpoint, seconds, question='How many "красный кубик"?'):
    """Ids, and for each 1 where it is the video's; without frames there is no video in it."""
    return checkpoint.prompts.encode(seconds, question)


def slots_of(prompt, patch):
    places = np.cumsum([token == patch for token in prompt.ids])
    return [int(n) if t == patch else 0 for n, t in zip(places, prompt.ids, strict=True)]


def reference_features(network, checkpoint, patches):
    pooling = torch.from_numpy(pooling_indices(checkpoint.pixels))
    grid = torch.tensor([[1, *checkpoint.pixels.grid]])
    inputs = torch.from_numpy(patches)[None]
    return network.get_video_features(inputs, pooling, grid).pooler_output[0]


@STYLE
def test_vision_features_equal_those_of_transformers(
    style, networks, checkpoints, runtime, picture
):
    for seed in range(3):
        patches = frame_patches(picture(64, 48, seed), checkpoints[style].pixels)
        with torch.inference_mode():
            theirs = reference_features(networks[style], checkpoints[style], patches)
        [ours] = runtime.encode([patches])
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('size', [70, 84, 98], ids=['padded', 'even', 'uneven'])
def test_windows_that_reach_over_the_edge_pool_what_is_there(size, make_checkpoint, picture):
    folder = make_checkpoint(size=size, text={})
    checkpoint = open_checkpoint(BackendSettings(str(folder)))
    network = Molmo2ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    runtime = TorchRuntime(checkpoint, torch.device('cpu'), torch.float32)
    patches = frame_patches(picture(64, 48, 5), checkpoint.pixels)
    with torch.inference_mode():
        theirs = reference_features(network, checkpoint, patches)
    [ours] = runtime.encode([patches])
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@STYLE
@pytest.mark.parametrize('seconds', SECONDS, ids=len)
def test_logits_of_every_token_equal_those_of_transformers(
    style, seconds, networks, checkpoints, runtime, picture
):
    checkpoint = checkpoints[style]
    prompt = prompt_of(checkpoint, seconds)
    frames = [frame_patches(picture(64, 48, i), checkpoint.pixels) for i in range(len(seconds))]
    video, inputs = None, {}
    if frames:
        features = encode_all(runtime, frames)
        video = VideoFeatures(prompt.visual, slots_of(prompt, checkpoint.prompts.patch), features)
        encoded = BaseModelOutputWithPooling(pooler_output=(torch.cat(features),))
        inputs = {'mm_encoder_outputs': {'video': encoded}}
    with torch.inference_mode():
        theirs = networks[style](
            input_ids=torch.tensor([prompt.ids]),
            mm_token_type_ids=torch.tensor([prompt.visual]),
            **inputs,
        ).logits
        ours, tokens, logprobs = runtime.run(prompt.ids, 0, len(prompt.ids), video)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    assert torch.equal(tokens, theirs.argmax(-1))
    expected = theirs.log_softmax(-1).amax(-1)
    torch.testing.assert_close(logprobs, expected, atol=1e-5, rtol=0)


@STYLE
def test_tokens_read_in_parts_give_what_they_give_at_once(style, checkpoints, runtime):
    """What lies above the rows written, here of a longer prompt, is not seen."""
    prompt = prompt_of(checkpoints[style], [], 'Track the red block, please.')
    with torch.inference_mode():
        at_once, *_ = runtime.run(prompt.ids, 0, len(prompt.ids))
        for cut in (1, 7, len(prompt.ids) - 1):
            runtime.run(prompt.ids[:cut], 0, 1)
            continued, *_ = runtime.run(prompt.ids[cut:], cut, len(prompt.ids) - cut)
            torch.testing.assert_close(continued, at_once[:, cut:], atol=1e-5, rtol=0)


@STYLE
def test_plain_form_equals_the_eager_one(style, folders, checkpoints, runtime):
    """The form for ONNX opset 20, run in torch."""
    config, ids = read_config('m', folders[style]), prompt_of(checkpoints[style], []).ids
    eager = runtime._decoder.graph
    plain = DecoderGraph(config, eager.wte.embedding.shape[0], PLAIN)
    plain.load_state_dict(eager.state_dict())
    text, length = config.text, len(ids)
    inputs = [torch.tensor([ids]), torch.zeros((1, length), dtype=torch.long), None]
    inputs += [torch.zeros((1, length), dtype=torch.bool), torch.zeros((1, 300), dtype=torch.bool)]
    inputs += [torch.tensor([5]), torch.arange(length)]

    def caches():
        shape = (1, text.kv_heads, 300, text.head_dim)
        generator = torch.Generator().manual_seed(0)
        return [torch.randn(shape, generator=generator) for _ in range(text.layers)]

    with torch.inference_mode():
        ours, theirs = plain(*inputs, caches(), caches()), eager(*inputs, caches(), caches())
    torch.testing.assert_close(ours[0], theirs[0], atol=1e-5, rtol=0)
    for a, b in zip(ours[3] + ours[4], theirs[3] + theirs[4], strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
