# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The exported graphs in ONNX Runtime against torch and transformers."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from molmo_ground_ros import backends
from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.errors import BackendError, BadModel, BadSetting

WHY = "needs pip install '.[onnx,export]'"
pytest.importorskip('onnxruntime', reason=WHY)
pytest.importorskip('onnxscript', reason=WHY)
torch = pytest.importorskip('torch', reason=WHY)
pytest.importorskip('transformers', reason="the reference: needs pip install '.[transformers]'")

from molmo_ground_ros.backends.molmo2.capacity import fix_capacity
from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.export import export_graphs
from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures, encode_all
from molmo_ground_ros.backends.molmo2.runtimes.onnx import OnnxRuntime, load
from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime
from molmo_ground_ros.backends.pixels import frame_patches

ROOT = Path(__file__).parents[4]
STYLE = pytest.mark.parametrize('style', ['qwen3', 'olmo'])
QUESTIONS = ['How many "красный кубик 🟥"?', 'Track it.', 'Point to every cup.']


@pytest.fixture(scope='module')
def half(folders, tmp_path_factory):
    """Weights stored in bfloat16, a plain graph that computes in float16."""
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(folders['qwen3'], tmp_path_factory.mktemp('half') / 'm')
    weights = load_file(folder / 'model.safetensors')
    stored = {name: tensor.to(torch.bfloat16) for name, tensor in weights.items()}
    (folder / 'model.safetensors').unlink()
    save_file(stored, folder / 'model.safetensors')
    export_graphs(str(folder), folder, 'float16', 'plain')
    return folder


def opened(folder):
    return open_checkpoint(BackendSettings(str(folder)))


def clip_logits(runtime, run, checkpoint, make_clip, frames):
    """Logits after every token of a clip's prompt, and after the same question read behind it."""
    seconds = [round(0.5 * i, 1) for i in range(frames)]
    images = [frame.image for frame in make_clip(seconds).frames] if seconds else []
    prompt = checkpoint.prompts.encode(seconds, QUESTIONS[0])
    features = encode_all(runtime, [frame_patches(image, checkpoint.pixels) for image in images])
    places = np.cumsum([token == checkpoint.prompts.patch for token in prompt.ids])
    slots = [
        int(n) if token == checkpoint.prompts.patch else 0
        for n, token in zip(places, prompt.ids, strict=True)
    ]
    length = len(prompt.ids)
    first = run(
        prompt.ids, 0, length, VideoFeatures(prompt.visual, slots, features) if frames else None
    )
    return np.concatenate([first, run(prompt.ids[-9:], length - 9, 9, None)], axis=1)


def logits_of(folder, make_clip, frames, *, onnx: bool, form='', dtype='float32'):
    checkpoint = opened(folder)
    if onnx:
        runtime = OnnxRuntime(checkpoint, dtype, 1, form)
        return clip_logits(
            runtime, lambda *a: runtime.run(['logits'], *a)[0], checkpoint, make_clip, frames
        )
    other = TorchRuntime(checkpoint, torch.device('cpu'), torch.float32)
    with torch.inference_mode():
        return clip_logits(
            other, lambda *a: other.run(*a)[0].numpy(), checkpoint, make_clip, frames
        )


@STYLE
@pytest.mark.parametrize('frames', [0, 1, 8, 40], ids=['no image', 'short', 'medium', 'long'])
def test_logits_equal_those_of_torch(style, frames, exported, make_clip):
    ours = logits_of(exported[style], make_clip, frames, onnx=True)
    theirs = logits_of(exported[style], make_clip, frames, onnx=False)
    np.testing.assert_allclose(ours, theirs, atol=2e-5, rtol=0)
    assert (ours.argmax(-1) == theirs.argmax(-1)).all()


def test_plain_float16_graph_of_bfloat16_weights_is_near_torch(half, make_clip):
    ours = logits_of(half, make_clip, 2, onnx=True, dtype='float16')
    theirs = logits_of(half, make_clip, 2, onnx=False)
    assert np.abs(ours - theirs).max() < 1e-2 * max(1.0, float(theirs.std()))


@STYLE
def test_answers_equal_those_of_transformers(style, exported, make_clip):
    """Over sliding windows, single and several questions, with savings on."""
    settings = BackendSettings(str(exported[style]), threads=1)
    ours, reference = backends.load('onnx', settings), backends.load('transformers', settings)
    chance = random.Random(style)
    for first in (0, 0, 1, 1, 4):
        clip = make_clip([round(0.5 * i, 1) for i in range(chance.choice([2, 5]))], seed=first)
        questions = chance.sample(QUESTIONS, chance.randrange(1, 4))
        arguments = (clip, questions, GenerateOptions(20), lambda *_: True)
        for a, b in zip(ours.generate(*arguments), reference.generate(*arguments), strict=True):
            assert a.text == b.text
            logprobs = [token.logprob for token in b.tokens]
            assert [token.logprob for token in a.tokens] == pytest.approx(logprobs, abs=1e-4)
    assert ours.counts.reused > 0


def test_the_cache_grows_in_an_answer_and_keeps_what_it_holds(exported, make_clip):
    settings = BackendSettings(str(exported['olmo']), threads=1)
    backend = load(settings)
    clip = make_clip([round(0.5 * i, 1) for i in range(40)])
    length = len(backend._checkpoint.prompts.encode(clip.seconds, 'Track it.').ids)
    arguments = (clip, ['Track it.'], GenerateOptions(600 - length), lambda *_: True)
    [ours] = backend.generate(*arguments)
    [theirs] = backends.load('transformers', settings).generate(*arguments)
    assert ours.text == theirs.text
    assert length < 512 < length + len(ours.tokens)


def test_a_fixed_capacity_changes_no_number(exported, tmp_path, make_clip):
    pytest.importorskip('onnx_ir', reason=WHY)
    folder = shutil.copytree(exported['olmo'], tmp_path / 'm')
    decoder = folder / 'decoder.float32.opset24.onnx'
    fix_capacity(decoder, 512).replace(decoder)
    ours = logits_of(folder, make_clip, 2, onnx=True)
    theirs = logits_of(exported['olmo'], make_clip, 2, onnx=True)
    np.testing.assert_allclose(ours, theirs, atol=1e-5, rtol=0)
    backend = load(BackendSettings(str(folder), threads=1))
    with pytest.raises(BackendError, match=r'the prompt has \d+ tokens, the context 512'):
        backend.generate(make_clip([i / 2 for i in range(60)]), ['a'], GenerateOptions(), bool)


ALONE = """
import sys


class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torch', 'transformers', 'safetensors', 'onnx', 'onnx_ir'):
            raise ModuleNotFoundError(name, name=name)


sys.meta_path.insert(0, Refuse())
import numpy as np
from molmo_ground_ros.backends import BackendSettings, load
from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.types import Clip, Frame

backend = load('onnx', BackendSettings(sys.argv[1], threads=1))
clip = Clip('cam', (Frame(0, np.zeros((9, 9, 3), np.uint8)),), (0.0,), 0, 0, 1)
[answer] = backend.generate(clip, ['a'], GenerateOptions(2), lambda index, piece: True)
print('tokens', len(answer.tokens))
"""


def test_it_runs_with_neither_torch_nor_transformers(exported):
    done = subprocess.run(
        [sys.executable, '-c', ALONE, str(exported['qwen3'])],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == 'tokens 2', done.stderr


@STYLE
def test_the_graph_holds_no_weights_and_no_paths(style, exported):
    onnx = pytest.importorskip('onnx', reason=WHY)
    for file in exported[style].glob('*.onnx'):
        graph = onnx.load(file, load_external_data=False).graph
        inside = [tensor for tensor in graph.initializer if not tensor.external_data]
        assert sum(len(tensor.raw_data) for tensor in inside) < 200
        assert len(graph.initializer) > len(inside) + 15
        assert str(ROOT).encode() not in file.read_bytes()


def test_graphs_that_are_missing_or_damaged_are_named(folders, exported, tmp_path):
    with pytest.raises(BadModel, match=r'decoder\.float32\.opset24\.onnx is not in .* write it'):
        load(BackendSettings(str(folders['qwen3'])))
    folder = shutil.copytree(exported['qwen3'], tmp_path / 'm')
    (folder / 'vision.float32.opset24.onnx').write_bytes(b'no graph')
    with pytest.raises(BadModel, match=r'cannot load vision\.float32\.opset24\.onnx'):
        load(BackendSettings(str(folder)))


def test_graphs_of_other_weights_are_refused(exported, tmp_path):
    folder = shutil.copytree(exported['qwen3'], tmp_path / 'm')
    config = json.loads((folder / 'config.json').read_text())
    config['text_config']['rope_parameters']['rope_theta'] = 20000.0
    (folder / 'config.json').write_text(json.dumps(config))
    with pytest.raises(BadModel, match='was exported from other weights'):
        load(BackendSettings(str(folder)))


@pytest.mark.parametrize(
    ('changes', 'why'),
    [
        ({'device': 'cuda'}, 'the onnx backend runs on the CPU'),
        ({'dtype': 'fp8'}, 'the onnx backend has float32, float16, int8, int4'),
        ({'dtype': 'bfloat16'}, 'the onnx backend has float32, float16'),
    ],
)
def test_what_it_does_not_run_is_refused(changes, why, exported):
    with pytest.raises(BadSetting, match=why):
        load(BackendSettings(str(exported['qwen3']), **changes))


def test_a_failure_in_an_answer_leaves_the_next_one_whole(exported, make_clip):
    backend = load(BackendSettings(str(exported['qwen3']), threads=1))
    arguments = (make_clip([0.0, 0.5]), QUESTIONS, GenerateOptions(9), lambda *_: True)
    before = backend.generate(*arguments)
    decoder = backend._runtime._decoder
    hidden, decoder._no_features = decoder._no_features, np.zeros((1, 3), 'f')
    with pytest.raises(BackendError, match=r'reading .* tokens: '):
        backend.generate(*arguments)
    decoder._no_features = hidden
    again = backend.generate(*arguments)
    assert [answer.text for answer in again] == [answer.text for answer in before]
