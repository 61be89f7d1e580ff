# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import shutil

import pytest

from molmo_ground_ros.backends.molmo2.config import read_config
from molmo_ground_ros.backends.molmo2.weights import read_index
from molmo_ground_ros.errors import BadModel

torch = pytest.importorskip('torch', reason="needs pip install '.[torch]'")
safetensors = pytest.importorskip('safetensors.torch', reason='needs pip install safetensors')

from molmo_ground_ros.backends.molmo2.load import load_graphs

FIRST, SECOND = 'model.transformer.wte.embedding', 'model.transformer.wte.new_embedding'
CPU = torch.device('cpu')


@pytest.fixture
def folder(folders, tmp_path):
    return shutil.copytree(folders['qwen3'], tmp_path / 'm')


@pytest.fixture
def weights(folder):
    """Copies: the file is written over, and what is mapped from it would change with it."""
    mapped = safetensors.load_file(folder / 'model.safetensors')
    return {name: tensor.clone() for name, tensor in mapped.items()}


def loaded(folder, dtype=torch.float32):
    decoder, vision = load_graphs('m', folder, read_config('m', folder), CPU, dtype)
    return decoder.state_dict() | vision.state_dict()


def embedding(state):
    return torch.cat([state['wte.embedding'], state['wte.new_embedding']])


def test_every_tensor_is_where_the_reference_reader_finds_it(folder, weights):
    state = loaded(folder)
    assert len(state) == len(weights) == len(read_index('m', folder))
    prefixes = ('model.transformer.', 'model.vision_backbone.')
    for name, tensor in weights.items():
        for prefix in prefixes:
            name = name.removeprefix(prefix)
        assert torch.equal(state[name], tensor), name


def test_the_embedding_may_be_cut_at_any_row(folder, weights):
    """Released: 151936 + 128; saved again by transformers: two halves."""
    table = torch.cat([weights[FIRST], weights[SECOND]])
    for rows in (297, len(table) // 2, 1):
        weights[FIRST], weights[SECOND] = table[:rows].clone(), table[rows:].clone()
        safetensors.save_file(weights, folder / 'model.safetensors')
        assert torch.equal(embedding(loaded(folder)), table)


def test_shards_are_read_as_one(folder, weights):
    names = sorted(weights)
    parts = {'a.safetensors': names[::2], 'b.safetensors': names[1::2]}
    for file, some in parts.items():
        safetensors.save_file({name: weights[name] for name in some}, folder / file)
    where = {name: file for file, some in parts.items() for name in some}
    index = folder / 'model.safetensors.index.json'
    index.write_text(json.dumps({'weight_map': where}))
    (folder / 'model.safetensors').unlink()
    assert torch.equal(loaded(folder)['lm_head.weight'], weights['lm_head.weight'])
    index.write_text(json.dumps({'weight_map': {'x': '../outside.safetensors'}}))
    with pytest.raises(BadModel, match='names a file outside the folder'):
        read_index('m', folder)


def test_weights_of_the_wanted_precision_are_not_copied(folder):
    size = (folder / 'model.safetensors').stat().st_size
    # Each graph maps the file for itself.
    for graph in load_graphs('m', folder, read_config('m', folder), CPU, torch.float32):
        places = [tensor.data_ptr() for tensor in graph.state_dict().values()]
        assert len(set(places)) == len(places)
        assert max(places) - min(places) < size


def test_half_precision_files_are_widened(folder, weights):
    half = {name: tensor.to(torch.bfloat16) for name, tensor in weights.items()}
    safetensors.save_file(half, folder / 'model.safetensors')
    head = loaded(folder)['lm_head.weight']
    assert torch.equal(head, half['lm_head.weight'].float())


def test_a_file_that_is_not_aligned_is_read(folder, weights):
    file = folder / 'model.safetensors'
    data = file.read_bytes()
    length = int.from_bytes(data[:8], 'little')
    header = data[8 : 8 + length].rstrip() + b' ' * (3 - len(data[8 : 8 + length].rstrip()) % 4)
    file.write_bytes(len(header).to_bytes(8, 'little') + header + data[8 + length :])
    assert read_index('m', folder)['lm_head.weight'].start % 4
    assert torch.equal(loaded(folder)['lm_head.weight'], weights['lm_head.weight'])


def test_missing_and_unknown_tensors_are_named(folder, weights):
    del weights['lm_head.weight']
    safetensors.save_file(weights, folder / 'model.safetensors')
    with pytest.raises(BadModel, match=r'lack 1 tensors: lm_head\.weight'):
        loaded(folder)
    weights['lm_head.weight'] = torch.zeros(297, 32)
    weights['model.transformer.blocks.0.self_attn.att_proj.bias'] = torch.zeros(64)
    safetensors.save_file(weights, folder / 'model.safetensors')
    with pytest.raises(BadModel, match=r'hold 1 unknown tensors: .*att_proj\.bias'):
        loaded(folder)


def test_tensors_of_another_shape_are_named(folder, weights):
    weights['lm_head.weight'] = torch.zeros(296, 32)
    safetensors.save_file(weights, folder / 'model.safetensors')
    with pytest.raises(BadModel, match=r'lm_head\.weight has shape \(296, 32\), not \(297, 32\)'):
        loaded(folder)
    weights[SECOND] = torch.zeros(1, 32)
    safetensors.save_file(weights, folder / 'model.safetensors')
    with pytest.raises(BadModel, match=r'its embedding has 157 \+ 1 rows, its config.* 313'):
        loaded(folder)
    del weights[SECOND]
    safetensors.save_file(weights, folder / 'model.safetensors')
    with pytest.raises(BadModel, match=r'lack 1 tensors: .*wte\.new_embedding'):
        loaded(folder)


def test_layers_of_the_tower_that_are_not_read_may_be_there(folder, weights):
    prefix = 'model.vision_backbone.image_vit.transformer.resblocks.'
    weights[f'{prefix}3.ffn_norm.bias'] = torch.zeros(32)
    safetensors.save_file(weights, folder / 'model.safetensors')
    assert 'image_vit.transformer.resblocks.3.ffn_norm.bias' not in loaded(folder)


@pytest.mark.parametrize(
    'damage',
    [
        pytest.param(lambda data: data[:5], id='no header'),
        pytest.param(lambda data: data[:2000], id='half a header'),
        pytest.param(lambda data: data[:-4], id='end missing'),
        pytest.param(lambda data: b'\xff' * 8 + data[8:], id='header too long'),
        pytest.param(lambda data: data[:8] + b'[' + data[9:], id='not JSON'),
        pytest.param(lambda data: data.replace(b'"F32"', b'"I32"', 1), id='another type'),
        pytest.param(lambda data: data.replace(b'[297,32]', b'[297,31]', 1), id='another shape'),
    ],
)
def test_a_damaged_file_is_refused(folder, damage):
    file = folder / 'model.safetensors'
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(BadModel, match=r'model\.safetensors is damaged'):
        read_index('m', folder)
