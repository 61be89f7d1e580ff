# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What of a MolmoPoint is read, and what is refused by name."""

from __future__ import annotations

import json
import shutil

import pytest
from safetensors.numpy import load_file, save_file
from support.molmo_point_cases import CASES

from molmo_ground_ros.backends import BackendSettings, load
from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.backends.molmo_point.checkpoint import open_any, open_molmo_point
from molmo_ground_ros.errors import BackendError, BadModel
from molmo_ground_ros.types import Clip


@pytest.fixture
def folder(point_folders, tmp_path):
    return shutil.copytree(point_folders['points'], tmp_path / 'm')


def change(folder, name='config.json', **values):
    """Set keys of a file. A value for 'section.key' goes into a section."""
    content = json.loads((folder / name).read_text())
    for key, value in values.items():
        section, _, inner = key.rpartition('__')
        (content[section] if section else content)[inner] = value
    (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('patch_location', None),
        ('no_more_points_class', False),
        ('embed_selected_vit_patch', 'mlp'),
        ('embed_location', True),
        ('layer_norm_x', False),
        ('norm_logits', False),
        ('mask_patches', 'never'),
        ('mask_subpatches', 'always'),
        ('mask_repeats', 'all'),
        ('token_prediction_rotary', 'twh'),
        ('patch_embedding_kind', 'linear'),
        ('patch_embed_dim', 33),
        ('patch_token_id', 390),
        ('tie_word_embeddings', True),
        ('adapter_config__attention_pooling_out_layer', True),
        ('adapter_config__pooling_attention_mask', False),
        ('adapter_config__positional_embeddings', 9),
        ('text_config__additional_vocab_size', 64),
        ('text_config__hidden_act', 'gelu'),
    ],
)
def test_what_was_not_compared_with_the_released_code_is_refused_by_name(folder, key, value):
    if value is None:
        value = '2x2'
    change(folder, **{key: value})
    with pytest.raises(BadModel, match=rf'{key.rpartition("__")[2]} is {value!r}, known is'):
        open_molmo_point(BackendSettings(str(folder)))


def test_a_tokenizer_whose_grounding_tokens_lie_elsewhere_is_refused(folder):
    change(folder, text_config__vocab_size=261)
    with pytest.raises(BadModel, match=r'<POINT_0> is token 390 to its tokenizer, 389 to its'):
        open_molmo_point(BackendSettings(str(folder)))


def test_windows_of_unequal_sizes_are_refused(folder):
    change(folder, 'video_preprocessor_config.json', pooling_size=[4, 4])
    with pytest.raises(BadModel, match='pools 4 x 4 patches, which do not divide the 6 along'):
        open_molmo_point(BackendSettings(str(folder)))


@pytest.mark.parametrize(
    ('change_weights', 'why'),
    [
        (lambda w: w.pop('model.point_predictor.patch_q.bias'), 'lack 1 tensors: .*patch_q.bias'),
        (lambda w: w.pop('lm_head.new_output_embeddings'), 'lack 1 tensors: lm_head.new'),
        (lambda w: w.update(x=w['lm_head.output_embeddings']), 'hold 1 unknown tensors: x'),
    ],
)
def test_other_weights_are_refused(folder, change_weights, why):
    pytest.importorskip('torch', reason="needs pip install '.[torch]'")
    weights = dict(load_file(folder / 'model.safetensors'))
    change_weights(weights)
    save_file(weights, folder / 'model.safetensors')
    with pytest.raises(BadModel, match=why):
        load('torch', BackendSettings(str(folder), device='cpu'))


@pytest.mark.parametrize('backend', ['transformers', 'tensorrt'])
def test_other_backends_refuse_it_by_name(folder, backend):
    pytest.importorskip('transformers', reason="needs pip install '.[transformers]'")
    with pytest.raises(BadModel, match='MolmoPoint runs on the backends torch and onnx alone'):
        load(backend, BackendSettings(str(folder)))


def test_either_kind_of_checkpoint_opens(folder, checkpoint):
    assert open_any(BackendSettings(str(folder))).sizes.frame_features > 4
    assert open_any(BackendSettings(str(checkpoint))).sizes.frame_features == 4


def test_a_question_cannot_hold_grounding_tokens(folder, load_point):
    pytest.importorskip('torch', reason="needs pip install '.[torch]'")
    backend = load_point('points', 'torch')
    with pytest.raises(BackendError, match=r'special tokens of the model: .*<POINT_3>'):
        backend.generate(
            CASES['points'].clip, ['Is it <POINT_3>?'], GenerateOptions(4), lambda *_: True
        )
    with pytest.raises(BackendError, match='holds no frames'):
        backend.generate(
            Clip('cam', (), (), 0, 0, 0), ['Where?'], GenerateOptions(4), lambda *_: True
        )
