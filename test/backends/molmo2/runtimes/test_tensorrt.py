# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The runtime on engines against torch: on a stand-in that executes the same graphs on the host.

What that shows is the wiring: addresses, sizes, profiles, what is kept where, errors. What it
cannot show is what TensorRT and CUDA do; the last tests here do, where there is a GPU.
"""

from __future__ import annotations

import gc
import random
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
from support.scripted import Wild

from molmo_ground_ros import backends
from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.errors import BackendError, BadModel, BadSetting, DoesNotFit

WHY = "needs pip install '.[onnx,export]' and cuda-bindings"
pytest.importorskip('onnxruntime', reason=WHY)
pytest.importorskip('onnxscript', reason=WHY)
torch = pytest.importorskip('torch', reason=WHY)
pytest.importorskip('transformers', reason="makes the models: needs pip install '.[transformers]'")
cuda = pytest.importorskip('cuda.bindings.runtime', reason=WHY)

from support.host_tensorrt import HostMemory, HostTensorrt, host_plan

from molmo_ground_ros.backends.molmo2.capacity import fix_capacity
from molmo_ground_ros.backends.molmo2.engine import EngineBackend, open_checkpoint
from molmo_ground_ros.backends.molmo2.engines import Target, build_engines
from molmo_ground_ros.backends.molmo2.export import export_graphs
from molmo_ground_ros.backends.molmo2.generate import ClipFeatures, Generator
from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures, encode_all
from molmo_ground_ros.backends.molmo2.runtimes import tensorrt as runtimes
from molmo_ground_ros.backends.molmo2.runtimes.onnx import OnnxRuntime
from molmo_ground_ros.backends.molmo2.runtimes.tensorrt import TensorrtRuntime
from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime
from molmo_ground_ros.backends.molmo2.trt import cuda_memory
from molmo_ground_ros.backends.molmo2.trt.choose import PlanPair
from molmo_ground_ros.backends.molmo2.trt.find import find_tensorrts
from molmo_ground_ros.backends.molmo2.trt.memory import to_bfloat16
from molmo_ground_ros.backends.molmo2.trt.plans import BuildFacts, Plan, Recipe, write_plan
from molmo_ground_ros.backends.molmo2.trt.profiles import (
    DECODER,
    ONE_FRAME,
    READING,
    SEVERAL_FRAMES,
    STEPS,
    VISION,
    decoder_profiles,
    vision_profiles,
)
from molmo_ground_ros.backends.pixels import frame_patches, pooling_indices

STYLE = pytest.mark.parametrize('style', ['qwen3', 'olmo'])
QUESTIONS = ['How many "красный кубик 🟥"?', 'Track it.', 'Point to every cup.', 'Track it now.']
ROWS, FRAMES = 512, 30
ROOT = Path(__file__).parents[4]
SHIPPED = ROOT / 'models' / 'tabletop'


@pytest.fixture(scope='module')
def graphs(exported, tmp_path_factory):
    """Copies of the checkpoints with graphs of a fixed capacity: float32, of one float16 too."""
    copies = {}
    for style, folder in exported.items():
        copies[style] = shutil.copytree(folder, tmp_path_factory.mktemp('engines') / 'm')
        fix_capacity(copies[style] / 'decoder.float32.opset24.onnx', ROWS)
    decoder, _ = export_graphs(str(folder), copies['qwen3'], 'float16')
    fix_capacity(decoder, ROWS)
    return copies


def opened(folder):
    return open_checkpoint(BackendSettings(str(folder)))


def chosen(checkpoint, module, dtype='float32', **changes):
    """Plans of the stand-in, and what their manifests would say."""
    folder, pooling = checkpoint.folder, pooling_indices(checkpoint.pixels)
    profiles = {
        DECODER: decoder_profiles(checkpoint.config, len(pooling), ROWS, FRAMES),
        VISION: vision_profiles(checkpoint.config, *pooling.shape),
    }
    graphs = {
        DECODER: folder / f'decoder.{dtype}.opset24.rows{ROWS}.onnx',
        VISION: folder / f'vision.{dtype}.opset24.onnx',
    }
    entries = {}
    for part, graph in graphs.items():
        fields = {
            'part': part,
            'checkpoint': '',
            'graph': graph.name,
            'files': {},
            'weights': dtype,
        }
        fields |= {'capacity': ROWS, 'frames': FRAMES, 'profiles': '', 'tensorrt': 'tensorrt 10.16'}
        fields |= {'capability': 'SM87', 'gpu': 'Orin', 'multiprocessors': 16, 'system': 'here'}
        recipe = Recipe(**fields | changes)
        plan = write_plan(folder, recipe, memoryview(host_plan(graph, profiles[part])))
        entries[part] = Plan(plan, recipe, BuildFacts(2, 2, 4, 1.0, 'passed'))
    return PlanPair(module.installed(), entries[DECODER], entries[VISION])


def make_backend(folder, dtype='float32', **changes):
    """The backend on the stand-in, its module and its memory."""
    checkpoint, module, memory = opened(folder), HostTensorrt(), HostMemory()
    runtime = TensorrtRuntime(checkpoint, chosen(checkpoint, module, dtype, **changes), memory)
    return EngineBackend(checkpoint, runtime), module, memory


def window(make_clip, first, count):
    return make_clip([round(0.5 * i, 1) for i in range(count)], seed=first)


def ask(backend, clip, *questions, limit=24):
    return backend.generate(clip, questions, GenerateOptions(limit), lambda *_: True)


def same(ours, theirs, apart=1e-5):
    for a, b in zip(ours, theirs, strict=True):
        assert (a.text, a.truncated) == (b.text, b.truncated)
        assert [token.text for token in a.tokens] == [token.text for token in b.tokens]
        logprobs = [token.logprob for token in b.tokens]
        assert [token.logprob for token in a.tokens] == pytest.approx(logprobs, abs=apart)


def torch_backend(folder):
    return backends.load('torch', BackendSettings(str(folder), device='cpu', threads=1))


@STYLE
def test_answers_equal_those_of_torch_over_sliding_windows(style, graphs, make_clip):
    backend, module, _ = make_backend(graphs[style])
    reference = torch_backend(graphs[style])
    chance = random.Random(style)
    # Of 12 frames 11 are lacking: a full pass of the tower, and one of three.
    for first, count in ((0, 12), (0, 2), (1, 1), (3, 12)):
        clip = window(make_clip, first, count)
        backend.prepare('cam', clip.frames[-1])
        questions = chance.sample(QUESTIONS, chance.randrange(1, 4))
        same(ask(backend, clip, *questions), ask(reference, clip, *questions))
    assert backend.counts.reused == reference.counts.reused > 0
    decoder = {(DECODER, STEPS), (DECODER, READING)}
    assert {(VISION, ONE_FRAME), (VISION, SEVERAL_FRAMES), *decoder} == set(module.passes)


@STYLE
def test_guesses_right_and_wrong_change_nothing(style, graphs, make_clip):
    backend, _, _ = make_backend(graphs[style])
    runtime, checkpoint = backend._runtime, backend._checkpoint
    clip = window(make_clip, 0, 2)
    features = encode_all(
        runtime, [frame_patches(frame.image, checkpoint.pixels) for frame in clip.frames]
    )
    prompt = checkpoint.prompts.encode(clip.seconds, 'Track it.')
    accepted = 0
    for seed in range(3):
        generator = Generator(runtime, frozenset(), checkpoint.prompts.patch)
        plain = list(generator.tokens(prompt, ClipFeatures('a', features), 60))
        script = [choice.token for choice in plain]
        drafted = list(
            generator.tokens(
                prompt, ClipFeatures('a', features), 60, Wild(script, seed, most=16, right=0.9)
            )
        )
        assert [choice.token for choice in drafted] == script
        accepted += generator.counts.accepted
    assert accepted > 60


def test_float16_engines_say_what_the_same_graphs_say(graphs, make_clip):
    folder = graphs['qwen3']
    backend, _, _ = make_backend(folder, 'float16')
    reference = EngineBackend(opened(folder), OnnxRuntime(opened(folder), 'float16', 1))
    for first in (0, 1):
        clip = window(make_clip, first, 2)
        same(ask(backend, clip, *QUESTIONS), ask(reference, clip, *QUESTIONS), apart=0.02)


def test_an_answer_goes_on_to_the_last_row_and_no_further(graphs, make_clip):
    backend, _, _ = make_backend(graphs['olmo'])
    clip = window(make_clip, 0, 30)
    length = len(backend._checkpoint.prompts.encode(clip.seconds, 'Track it.').ids)
    ours = ask(backend, clip, 'Track it.', limit=10_000)
    assert len(ours[0].tokens) == ROWS - length
    same(ours, ask(torch_backend(graphs['olmo']), clip, 'Track it.', limit=ROWS - length))
    with pytest.raises(BackendError, match=r'the prompt has \d+ tokens, the context 512'):
        ask(backend, window(make_clip, 0, 60), 'a')
    with pytest.raises(BackendError, match=r'9 tokens from row 504 on: the engine has 512 rows'):
        backend._runtime.read([5] * 9, 504, 1)


def test_a_clip_of_too_many_frames_is_refused_with_the_numbers(graphs, make_clip):
    backend, _, _ = make_backend(graphs['qwen3'])
    with pytest.raises(BackendError, match='the clip has 31 frames, the engine takes 30'):
        ask(backend, window(make_clip, 0, 31), 'a')
    clip = window(make_clip, 0, 2)
    same(ask(backend, clip, 'a'), ask(torch_backend(graphs['qwen3']), clip, 'a'))


@pytest.mark.parametrize('last_count', [1, 17, 40])
def test_logits_equal_those_of_torch_however_many_are_wanted(last_count, graphs):
    backend, _, _ = make_backend(graphs['qwen3'])
    other = TorchRuntime(opened(graphs['qwen3']), torch.device('cpu'), torch.float32)
    ids = [7 + i % 90 for i in range(40)]
    with torch.inference_mode():
        theirs = np.asarray(other.run(ids, 0, last_count)[0])
    for video in (None, VideoFeatures([0] * 40, [0] * 40, [])):  # no frames at all
        ours = backend._runtime.logits(ids, 0, last_count, video)
        assert ours.shape == (last_count, backend._checkpoint.config.text.vocabulary)
        np.testing.assert_allclose(ours, theirs.reshape(ours.shape), atol=2e-5, rtol=0)


def test_a_failure_in_an_answer_names_the_cause_and_leaves_the_next_one_whole(graphs, make_clip):
    backend, module, _ = make_backend(graphs['qwen3'])
    reference = torch_backend(graphs['qwen3'])
    clip = window(make_clip, 0, 2)
    pieces = []

    def fail_at_the_third(index, piece):
        pieces.append(piece)
        if len(pieces) == 3:
            module.failing = ['Cask: no kernel image']
        return True

    with pytest.raises(BackendError, match=r'reading \d+ tokens: .*Cask: no kernel image$'):
        backend.generate(clip, ['Track it.'], GenerateOptions(24), fail_at_the_third)
    assert len(pieces) >= 3
    same(ask(backend, clip, *QUESTIONS), ask(reference, clip, *QUESTIONS))
    module.failing = ['out of memory']
    with pytest.raises(BackendError, match=r'encoding 1 frames: .*out of memory'):
        backend.prepare('cam', window(make_clip, 90, 1).frames[0])


def test_a_lost_gpu_is_said_to_be_lost_from_then_on(graphs, make_clip):
    backend, _, memory = make_backend(graphs['qwen3'])
    clip = window(make_clip, 0, 2)
    ask(backend, clip, 'a')
    memory.lost = True
    with pytest.raises(BackendError, match=r'illegal memory access.*: start it again'):
        ask(backend, clip, 'a')
    memory.lost = False
    with pytest.raises(BackendError, match=r'the GPU is lost to this process .*: start it again'):
        ask(backend, clip, 'a')


def test_after_close_every_call_says_so(graphs):
    backend, _, _ = make_backend(graphs['qwen3'])
    backend.close()
    with pytest.raises(BackendError, match='reading 1 tokens: it was closed'):
        backend._runtime.read([5], 0, 1)


def test_features_stay_on_the_device_and_go_with_their_last_holder(graphs, make_clip):
    backend, _, _ = make_backend(graphs['qwen3'])
    image = window(make_clip, 0, 1).frames[0].image
    [features] = backend._runtime.encode([frame_patches(image, backend._checkpoint.pixels)])
    assert features.nbytes == 4 * 32 * 4  # tokens of a frame, hidden, bytes of a float32
    reference = weakref.ref(features.buffer)
    del features
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'capacity': 1024}, r'BOOL \(1, 512\), BOOL \(1, 1024\) is wanted for 1024 rows'),
        ({'weights': 'float16'}, r'patches of the engine is FLOAT .*, HALF .* is wanted'),
    ],
)
def test_an_engine_that_is_not_what_its_manifest_says_is_refused(changes, reason, graphs):
    with pytest.raises(BadModel, match=reason):
        make_backend(graphs['qwen3'], **changes)


def test_an_engine_whose_cache_is_not_in_place_is_refused(graphs):
    checkpoint, module = opened(graphs['qwen3']), HostTensorrt()
    module.aliases = lambda name: None
    with pytest.raises(BadModel, match='writes key_out_0 not over key_0 but over nothing'):
        TensorrtRuntime(checkpoint, chosen(checkpoint, module), HostMemory())


def test_engines_that_do_not_fit_are_refused_before_anything_is_taken(graphs):
    checkpoint, module, memory = opened(graphs['qwen3']), HostTensorrt(), HostMemory()
    pair = chosen(checkpoint, module)
    memory.room = 2**17
    reason = r'\(.*a cache of 512 rows 131\.1 kB, .*131\.1 kB of GPU memory free'
    with pytest.raises(DoesNotFit, match=reason) as caught:
        TensorrtRuntime(checkpoint, pair, memory)
    assert memory.taken == 0
    # Every byte that is taken was counted, and the plans.
    memory.room = sum(nbytes for _, nbytes in caught.value.parts)
    TensorrtRuntime(checkpoint, pair, memory)
    assert memory.taken + pair.decoder.file.nbytes + pair.vision.file.nbytes == memory.room


def test_engines_of_fewer_rows_are_advised_where_they_would_fit(graphs):
    checkpoint, module, memory = opened(graphs['qwen3']), HostTensorrt(), HostMemory()
    pair = chosen(checkpoint, module)
    memory.room = 0
    with pytest.raises(DoesNotFit) as caught:
        TensorrtRuntime(checkpoint, pair, memory)
    # A row of the cache has 256 bytes.
    memory.room = sum(nbytes for _, nbytes in caught.value.parts) - 150 * 256
    with pytest.raises(DoesNotFit, match=r' of GPU memory free; engines of 36\d rows'):
        TensorrtRuntime(checkpoint, chosen(checkpoint, module), memory)


def test_a_plan_that_tensorrt_does_not_take_is_named(graphs):
    checkpoint, module = opened(graphs['qwen3']), HostTensorrt()
    pair = chosen(checkpoint, module)
    pair.vision.file.path.write_bytes(b'no plan')
    with pytest.raises(BadModel, match=r'tensorrt 10.* does not load .*\.plan: Expecting value'):
        TensorrtRuntime(checkpoint, pair, HostMemory())


def test_bfloat16_is_rounded_as_torch_rounds_it():
    values = np.random.default_rng(0).normal(size=9999).astype(np.float32)
    values[:4] = (1.00390625, 1.01171875, 0.0, -0.0)  # two ties
    theirs = torch.from_numpy(values).to(torch.bfloat16).view(torch.int16).numpy().view(np.uint16)
    assert (to_bfloat16(values) == theirs).all()


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'device': 'cpu'}, 'runs on a GPU'),
        ({'dtype': 'float32'}, 'has bfloat16, float16, int8, fp8, int4'),
    ],
)
def test_what_it_does_not_run_is_refused(changes, reason):
    with pytest.raises(BadSetting, match=reason):
        runtimes.load(BackendSettings('x', **changes))


ALONE = """
import sys


class Refuse:
    def find_spec(self, name, path=None, target=None):
        heavy = ('torch', 'transformers', 'safetensors', 'onnx', 'onnx_ir', 'onnxruntime')
        if name.split('.')[0] in heavy:
            raise ModuleNotFoundError(name, name=name)


sys.meta_path.insert(0, Refuse())
from molmo_ground_ros.backends.molmo2.runtimes.tensorrt import load
from molmo_ground_ros.backends.molmo2.trt.choose import choose
"""


def test_nothing_of_it_needs_torch_or_onnx():
    done = subprocess.run(
        [sys.executable, '-c', ALONE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


GPU = pytest.mark.skipif(
    cuda.cudaGetDeviceCount()[0] != cuda.cudaError_t.cudaSuccess,
    reason='needs an NVIDIA GPU and its driver',
)


@GPU
def test_engines_built_on_this_gpu_say_what_torch_says(tmp_path, make_clip):
    """With the model that ships; building compares its logits with torch, see selfcheck.py."""
    try:
        tensorrt, *_ = find_tensorrts()
    except BackendError as err:
        pytest.skip(f'needs TensorRT: {err}')
    capability = cuda_memory.find_gpu(0).capability
    if tensorrt.capabilities and capability not in tensorrt.capabilities:
        pytest.skip(f'{tensorrt} does not build for {capability}')
    folder = shutil.copytree(SHIPPED, tmp_path / 'm')
    build_engines(opened(folder), Target('float16', 1024, 8), lambda step: None)
    backend = backends.load('tensorrt', BackendSettings(str(folder), dtype='float16'))
    for first in (0, 1):
        clip = window(make_clip, first, 8)
        theirs = ask(torch_backend(folder), clip, *QUESTIONS[:2], limit=1)
        for a, b in zip(ask(backend, clip, *QUESTIONS[:2], limit=1), theirs, strict=True):
            assert a.tokens[0].logprob == pytest.approx(b.tokens[0].logprob, abs=0.05)
