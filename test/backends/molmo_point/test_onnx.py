# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""MolmoPoint in ONNX Runtime: the same as in torch, on clips of its own and frame by frame."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from support.molmo_point_cases import CASES, QUESTION, random_case

from molmo_ground_ros.backends import BackendSettings, load
from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.backends.molmo2.files import EXPORT_VERSION, graph_file
from molmo_ground_ros.backends.molmo_point.checkpoint import open_molmo_point
from molmo_ground_ros.backends.molmo_point.point_files import POINT_PARTS
from molmo_ground_ros.backends.pixels import frame_patches
from molmo_ground_ros.errors import BadModel, BadSetting

pytest.importorskip('torch', reason="needs pip install '.[torch]'")
pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")

QUESTIONS = [QUESTION, 'Point to the red blocks.']
# How far logarithms of probabilities may lie apart. On 20 random models 6e-5 was the most.
BOUND = 3e-4
GRAPHS = {  # sha256 of the graphs of the case 'tracks', by EXPORT_VERSION
    1: [
        '3d1b916075eea285612e48a4b7a0efb5c0c8d68670432b471cfa204dc554a09d',
        'bb0d09b63c1e56ebc83becf1a03ce59b1b1bde75c0b31c63e219664cf5056151',
        '7c4ff6b284881ac3559db6c720ee152afbc93f761ace49f905d15b0ebd06270e',
    ]
}


@pytest.mark.parametrize('name', ['tracks', 'olmo', 'tied'])
def test_answers_about_other_clips_are_those_of_torch(name, load_point):
    backends = [load_point(name, backend) for backend in ('torch', 'onnx')]
    rng, lengths = np.random.default_rng(5), []
    for _ in range(3):
        clip = random_case(rng).clip
        torch, onnx = (
            backend.engine.generate(clip, QUESTIONS, GenerateOptions(40), lambda *_: True)
            for backend in backends
        )
        for ours, theirs in zip(onnx, torch, strict=True):
            # With grounding tokens by their ids.
            assert ours.text == theirs.text
            assert [token.logprob for token in ours.tokens] == pytest.approx(
                [token.logprob for token in theirs.tokens], abs=BOUND
            )
            lengths.append(theirs.text.count('<POINT_'))
    # With points in their place.
    torch, onnx = (
        backend.generate(clip, QUESTIONS, GenerateOptions(40), lambda *_: True)
        for backend in backends
    )
    assert [answer.text for answer in onnx] == [answer.text for answer in torch]
    assert max(lengths) > 3


def test_frames_encoded_together_have_the_features_that_they_have_alone(load_point):
    backend, clip = load_point('tracks', 'onnx'), CASES['tracks'].clip
    heads, pixels = backend.engine._runtime._heads, backend._checkpoint.pixels
    patches = [frame_patches(frame.image, pixels) for frame in clip.frames[: heads.batch]]
    assert len(patches) > 2
    for together, frame in zip(heads.encode(patches), patches, strict=True):
        [alone] = heads.encode([frame])
        for ours, theirs in ((together.pooled, alone.pooled), (together.windows, alone.windows)):
            assert ours.base is None
            assert ours.shape == theirs.shape
            np.testing.assert_allclose(ours, theirs, atol=5e-5 * theirs.std())


def test_half_precision_is_near(exported_points, load_point):
    from molmo_ground_ros.backends.molmo_point.point_export import export_point_graphs

    export_point_graphs('m', exported_points('tracks'), 'float16')
    clip = CASES['tracks'].clip
    half, single = (
        load_point('tracks', 'onnx', dtype=dtype).generate(
            clip, [QUESTION], GenerateOptions(2), lambda *_: True
        )[0]
        for dtype in ('float16', 'float32')
    )
    assert half.tokens[0].text == single.tokens[0].text
    assert half.tokens[0].logprob == pytest.approx(single.tokens[0].logprob, abs=0.2)


def test_neither_torch_nor_transformers_is_imported(exported_points):
    code = (
        'import sys; from molmo_ground_ros.backends import BackendSettings, load; '
        f'load("onnx", BackendSettings({str(exported_points("tracks"))!r})); '
        'assert not {"torch", "transformers"} & sys.modules.keys()'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_a_folder_with_graphs_is_chosen_for_them(exported_points, point_folders):
    from molmo_ground_ros.backends import AUTO, choose

    assert choose(AUTO, BackendSettings(str(exported_points('tracks')))) == 'onnx'
    assert choose(AUTO, BackendSettings(str(point_folders['tracks']))) == 'torch'


def test_missing_and_foreign_graphs_are_refused_with_what_writes_them(
    point_folders, exported_points, tmp_path
):
    folder = shutil.copytree(point_folders['points'], tmp_path / 'm')
    settings = BackendSettings(str(folder), device='cpu')
    command = f'molmo-ground build --backend onnx .*{folder}'
    with pytest.raises(BadModel, match=f'decoder.float32.opset24.onnx is not in .*{command}'):
        load('onnx', settings)
    for graph in exported_points('tracks').glob('*.float32.*.onnx'):
        shutil.copy(graph, folder)
    with pytest.raises(BadModel, match=f'was exported from other weights: .*{command}'):
        load('onnx', settings)


def test_a_head_that_is_tied_otherwise_is_another_checkpoint(exported_points, tmp_path):
    """The graph names the bytes of the head."""
    from molmo_ground_ros.backends.molmo_point.stored import any_digest

    folder = shutil.copytree(exported_points('tracks'), tmp_path / 'm')
    assert any_digest('m', folder) == any_digest('m', exported_points('tracks'))
    config = json.loads((folder / 'config.json').read_text())
    config['text_config']['tie_word_embeddings'] = True
    (folder / 'config.json').write_text(json.dumps(config))
    assert open_molmo_point(BackendSettings(str(folder))).point.tied
    with pytest.raises(BadModel, match='was exported from other weights'):
        load('onnx', BackendSettings(str(folder)))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'dtype': 'int4'}, r"dtype = 'int4': onnx has .* float32 and float16 only, .* torch has"),
        ({'dtype': 'bfloat16'}, r"dtype = 'bfloat16': onnx has MolmoPoint in float32 and float16"),
        ({'device': 'cuda'}, r'the onnx backend runs on the CPU'),
    ],
)
def test_what_it_has_not_is_refused_with_what_works(settings, message, point_folders):
    with pytest.raises(BadSetting, match=message):
        load('onnx', BackendSettings(str(point_folders['tracks']), **settings))


def test_the_version_is_raised_when_a_graph_changes(exported_points):
    """Graphs in folders of others would be taken for current ones."""
    folder = exported_points('tracks')
    names = [graph_file(part, 'float32', 'fused') for part in POINT_PARTS]
    digests = [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]
    assert digests == GRAPHS[EXPORT_VERSION], 'raise EXPORT_VERSION in files.py, note it here'
