# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Frames that are encoded together: their features, their number, their memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.backends.base import GenerateOptions, Savings
from molmo_ground_ros.recording import open_recording
from molmo_ground_ros.types import Clip

torch = pytest.importorskip('torch', reason="needs pip install '.[torch]'")
pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")
pytest.importorskip('rosbags', reason="needs pip install '.[bag]'")

from molmo_ground_ros.backends.molmo2.engine import EngineBackend, open_checkpoint
from molmo_ground_ros.backends.molmo2.memory import frames_of_pass
from molmo_ground_ros.backends.molmo2.published import PUBLISHED
from molmo_ground_ros.backends.molmo2.runtime import encode_all
from molmo_ground_ros.backends.molmo2.runtimes.onnx import OnnxRuntime
from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime
from molmo_ground_ros.backends.pixels import frame_patches

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / 'models' / 'tabletop'
RUNTIME = pytest.mark.parametrize('runtime', ['torch', 'onnx'], indirect=True)
QUESTIONS = ['How many times was the red block grasped?', 'Track the red block.']
# The largest difference of a feature from that of the frame alone, as a share of the features'
# standard deviation. Measured on the shipped bag's images: torch and ONNX Runtime 4e-6.
BOUND = 5e-5


@pytest.fixture(scope='module')
def checkpoint():
    return open_checkpoint(BackendSettings(str(SHIPPED)))


@pytest.fixture
def runtime(request, checkpoint):
    if request.param == 'onnx':
        return OnnxRuntime(checkpoint, 'float32', 1)
    return TorchRuntime(checkpoint, torch.device('cpu'), torch.float32)


@pytest.fixture(scope='module')
def clip() -> Clip:
    with open_recording(ROOT / 'examples' / 'tabletop.mcap') as recording:
        return recording.clip_of_seconds(0, 10)


class Counting:
    """A runtime that notes how many frames each pass encodes."""

    def __init__(self, runtime):
        self._runtime = runtime
        self.capacity, self.batch, self.read = runtime.capacity, runtime.batch, runtime.read
        self.passes = []

    def encode(self, frames):
        self.passes.append(len(frames))
        return self._runtime.encode(frames)


def ask(backend, clip):
    return backend.generate(clip, QUESTIONS, GenerateOptions(200), lambda *_: True)


@RUNTIME
def test_features_of_frames_together_are_those_of_each_alone(runtime, checkpoint, clip):
    patches = [frame_patches(frame.image, checkpoint.pixels) for frame in clip.frames]
    together = [np.asarray(features) for features in encode_all(runtime, patches)]
    alone = [np.asarray(runtime.encode([frame])[0]) for frame in patches]
    assert len(together) == len(patches) > 2 * runtime.batch
    apart = np.abs(np.stack(together) - np.stack(alone)).max()
    assert apart <= BOUND * np.stack(alone).std()
    # The frames differ from each other by far more, so no two can have been exchanged.
    assert np.abs(np.diff(np.stack(alone), axis=0)).max(axis=(1, 2)).min() > 100 * apart


@RUNTIME
def test_features_keep_no_other_frames_memory(runtime, checkpoint, clip):
    patches = [frame_patches(frame.image, checkpoint.pixels) for frame in clip.frames[:4]]
    for features in runtime.encode(patches):
        if isinstance(features, np.ndarray):
            assert features.base is None
        else:
            assert features.untyped_storage().nbytes() == features.nbytes


@RUNTIME
def test_a_question_encodes_what_is_lacking_in_the_fewest_passes(runtime, checkpoint, clip):
    counting = Counting(runtime)
    backend = EngineBackend(checkpoint, counting)
    for frame in clip.frames[5:8]:
        backend.prepare(clip.camera, frame)
    assert counting.passes == [1, 1, 1]
    ask(backend, clip)
    lacking = len(clip.frames) - 3
    full, rest = divmod(lacking, runtime.batch)
    assert counting.passes[3:] == [runtime.batch] * full + [rest] * (rest > 0)
    ask(backend, clip)
    assert sum(counting.passes) == len(clip.frames)


@RUNTIME
def test_answers_are_those_on_frames_that_were_encoded_one_by_one(runtime, checkpoint, clip):
    together, alone = (EngineBackend(checkpoint, runtime) for _ in range(2))
    for frame in clip.frames:
        alone.prepare(clip.camera, frame)
    for ours, theirs in zip(ask(together, clip), ask(alone, clip), strict=True):
        assert ours.text == theirs.text
        logprobs = [token.logprob for token in theirs.tokens]
        assert [token.logprob for token in ours.tokens] == pytest.approx(logprobs, abs=1e-4)


def test_equal_frames_are_encoded_once_even_if_nothing_may_be_kept(checkpoint, clip):
    """A camera that stands still may send the same image again."""
    counting = Counting(OnnxRuntime(checkpoint, 'float32', 1))
    frames = tuple(replace(frame, image=clip.frames[0].image) for frame in clip.frames)
    backend = EngineBackend(checkpoint, counting, Savings(feature_bytes=0))
    still = replace(clip, frames=frames)
    first = ask(backend, still)
    assert counting.passes == [1]
    assert ask(backend, still) == first
    assert counting.passes == [1, 1]


@pytest.mark.parametrize('name', PUBLISHED)
def test_released_models_read_one_frame_a_pass_on_a_cpu_and_eight_on_a_gpu(name):
    vision = PUBLISHED[name].vision
    assert frames_of_pass(vision, gpu=False) == 1
    assert frames_of_pass(vision, gpu=True) == 8
    assert frames_of_pass(replace(vision, positions=81), gpu=False) == 9
    assert frames_of_pass(replace(vision, positions=10_000), gpu=False) == 1
