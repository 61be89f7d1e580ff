# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The model that ships, on the bag that ships: answers with grammar in them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from support.clips import empty_buffer

from molmo_ground_ros import backends
from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.config import Settings
from molmo_ground_ros.errors import BackendError, ErrorCode
from molmo_ground_ros.grounding.session import Session
from molmo_ground_ros.types import Query

torch = pytest.importorskip('torch', reason="needs pip install '.[torch]'")
transformers = pytest.importorskip(
    'transformers', reason="the reference: needs pip install '.[transformers]'"
)
pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")
pytest.importorskip('rosbags', reason="needs pip install '.[bag]'")

from transformers.modeling_outputs import BaseModelOutputWithPooling

from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.molmo2.memory import window_of
from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures, encode_all
from molmo_ground_ros.backends.molmo2.runtimes.onnx import OnnxRuntime
from molmo_ground_ros.backends.molmo2.runtimes.torch import TorchRuntime
from molmo_ground_ros.backends.pixels import frame_patches, pooling_indices
from molmo_ground_ros.recording import open_recording

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / 'models' / 'tabletop'
QUESTIONS = [
    'Track the red block.',
    'Track all blocks.',
    'How many times was the red block grasped?',
    'Point to every grasp.',
]


@pytest.fixture(scope='module')
def clips():
    with open_recording(ROOT / 'examples' / 'tabletop.mcap') as recording:
        return [recording.clip_of_seconds(start, start + 8) for start in (0, 5)]


def answers(name, clips):
    backend = backends.load(name, BackendSettings(str(FOLDER), device='cpu', threads=1))
    arguments = (QUESTIONS, GenerateOptions(300), lambda *_: True)
    return backend, [answer for clip in clips for answer in backend.generate(clip, *arguments)]


@pytest.fixture(scope='module')
def reference(clips):
    return answers('transformers', clips)[1]


@pytest.mark.parametrize('name', ['torch', 'onnx'])
def test_answers_equal_those_of_transformers(name, clips, reference):
    backend, results = answers(name, clips)
    for ours, theirs in zip(results, reference, strict=True):
        assert [token.text for token in ours.tokens] == [token.text for token in theirs.tokens]
        logprobs = [token.logprob for token in theirs.tokens]
        assert [token.logprob for token in ours.tokens] == pytest.approx(logprobs, abs=2e-4)
    assert backend.counts.accepted > 0
    assert backend.counts.passes < sum(len(answer.tokens) for answer in results)


def test_a_context_tells_how_many_frames_leave_room_for_an_answer():
    backend = backends.load('onnx', BackendSettings(str(FOLDER), device='cpu', threads=1))
    assert backend.most_frames() == 127
    # As an engine that was built for 16 s: see `memory.window_of`.
    backend._runtime.capacity = window_of(16.0, backend._checkpoint.sizes).rows
    # Its rows are rounded up.
    assert 33 <= backend.most_frames() <= 40
    backend._runtime.capacity = 100
    assert backend.most_frames() == 0
    backend.close()


def test_the_graphs_that_ship_are_what_the_exporter_writes(tmp_path):
    """In a process of its own: the exporter leaves its marks on torch."""
    pytest.importorskip('onnxscript', reason="needs pip install '.[export]'")
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns('*.onnx'))
    command = [sys.executable, '-m', 'molmo_ground_ros.backends.molmo2.export', str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = sorted(path.name for path in tmp_path.glob('*.onnx'))
    assert written == sorted(path.name for path in FOLDER.glob('*.onnx'))
    for name in written:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


def prompt_and_video(checkpoint, runtime, clip):
    prompt = checkpoint.prompts.encode(clip.seconds, QUESTIONS[2])
    frames = encode_all(
        runtime, [frame_patches(frame.image, checkpoint.pixels) for frame in clip.frames]
    )
    places = np.cumsum([token == checkpoint.prompts.patch for token in prompt.ids])
    slots = [
        int(n) if token == checkpoint.prompts.patch else 0
        for n, token in zip(places, prompt.ids, strict=True)
    ]
    return prompt, VideoFeatures(prompt.visual, slots, frames)


@pytest.fixture(scope='module')
def checkpoint():
    return open_checkpoint(BackendSettings(str(FOLDER)))


@pytest.fixture(scope='module')
def reference_logits(checkpoint, clips):
    """Of transformers, after every token of each clip's prompt: a function of the dtype."""

    @cache
    def logits(dtype):
        network = transformers.Molmo2ForConditionalGeneration.from_pretrained(
            FOLDER, dtype=getattr(torch, dtype)
        ).eval()
        grid = torch.tensor([[1, *checkpoint.pixels.grid]])
        pooling = torch.from_numpy(pooling_indices(checkpoint.pixels))
        results = []
        for clip in clips:
            prompt = checkpoint.prompts.encode(clip.seconds, QUESTIONS[2])
            with torch.inference_mode():
                features = [
                    network.get_video_features(
                        torch.from_numpy(frame_patches(frame.image, checkpoint.pixels))
                        .to(network.dtype)[None],
                        pooling,
                        grid,
                    ).pooler_output[0]
                    for frame in clip.frames
                ]  # fmt: skip
                encoded = BaseModelOutputWithPooling(pooler_output=(torch.cat(features),))
                results.append(
                    network(
                        input_ids=torch.tensor([prompt.ids]),
                        mm_token_type_ids=torch.tensor([prompt.visual]),
                        mm_encoder_outputs={'video': encoded},
                    ).logits[0].float().numpy()
                )  # fmt: skip
        return results

    return logits


def furthest(left, right, last):
    """The greatest difference of two lists of logits, after all tokens or after the last ones."""
    rows = slice(-1, None) if last else slice(None)
    return max(np.abs(a[rows] - b[rows]).max() for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize('dtype', ['float32', 'float16'])
@pytest.mark.parametrize('name', ['torch', 'onnx'])
def test_logits_equal_those_of_transformers(
    name, dtype, checkpoint, clips, reference_logits, half_folder
):
    """After every token, and after the last one, which the answer begins with.

    In float16 they are at most twice as far from float32 as those of transformers in float16.
    """
    if name == 'torch':
        runtime = TorchRuntime(checkpoint, torch.device('cpu'), getattr(torch, dtype))
    else:
        folder = FOLDER if dtype == 'float32' else half_folder()
        runtime = OnnxRuntime(open_checkpoint(BackendSettings(str(folder))), dtype, 1)
    ours = []
    for clip in clips:
        prompt, video = prompt_and_video(checkpoint, runtime, clip)
        ours.append(np.asarray(runtime.logits(prompt.ids, 0, len(prompt.ids), video)))
    exact = reference_logits('float32')
    for last in (False, True):
        bar = 1e-4
        if dtype == 'float16':
            bar = 2 * furthest(reference_logits('float16'), exact, last)
        assert furthest(ours, exact, last) <= bar


@pytest.fixture(scope='module')
def half_folder(tmp_path_factory):
    """Makes a copy of the checkpoint with graphs in float16."""

    def make():
        pytest.importorskip('onnxscript', reason="needs pip install '.[export]'")
        from molmo_ground_ros.backends.molmo2.export import export_graphs

        folder = shutil.copytree(FOLDER, tmp_path_factory.mktemp('half') / 'm')
        export_graphs(str(folder), folder, 'float16')
        return folder

    return make


@pytest.mark.parametrize('name', ['torch', 'onnx'])
def test_a_runtime_that_fails_in_an_answer_is_backend_failed_and_the_next_is_right(name, clips):
    """Through the session, as the node asks."""
    backend = backends.load(name, BackendSettings(str(FOLDER), device='cpu', threads=1))
    with open_recording(ROOT / 'examples' / 'tabletop.mcap') as recording:
        buffer = empty_buffer('camera')
        for message in recording.messages():
            buffer.push(message.stamp_ns, message.image)
    session = Session(lambda: backend, {'camera': buffer}, Settings(prepare=False))
    assert session.wait_ready(30)
    first = session.submit(Query(QUESTIONS[2])).result()
    read, calls = backend._runtime.read, []

    def fails(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise BackendError('the device is gone')
        return read(*arguments)

    backend._runtime.read = fails
    with pytest.raises(BackendError, match='the device is gone') as raised:
        session.submit(Query(QUESTIONS[2])).result()
    assert raised.value.code is ErrorCode.BACKEND_FAILED
    again = session.submit(Query(QUESTIONS[2])).result()
    assert (again.text, again.count, again.points) == (first.text, 3, first.points)
    session.close()
