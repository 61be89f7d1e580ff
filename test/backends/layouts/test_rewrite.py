# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints in the other layout: the same bits of weights, the same answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('transformers', reason="needs pip install '.[transformers]'")

from molmo_ground_ros import cli
from molmo_ground_ros.backends import load
from molmo_ground_ros.backends.base import BackendSettings, GenerateOptions
from molmo_ground_ros.backends.checkpoint import has_track_rule, read_processor
from molmo_ground_ros.backends.layouts import convert_checkpoint
from molmo_ground_ros.backends.molmo2.config import read_config
from molmo_ground_ros.backends.molmo2.weights import read_index
from molmo_ground_ros.errors import BadModel, BadSetting

YARN = {'rope_type': 'yarn', 'rope_theta': 1e4, 'factor': 4.0}
YARN |= {'original_max_position_embeddings': 256}
VARIANTS = [
    pytest.param({}, id='nested processor'),
    pytest.param({'nested': False, 'frame_tokens': True}, id='frame tokens'),
    pytest.param(
        {'text': {'rope_parameters': YARN, 'rope_scaling_layers': [1], 'qk_norm_type': 'olmo'}},
        id='scaled',
    ),
]


def tensors(folder: Path) -> dict[str, bytes]:
    """Every tensor's bytes; the embedding's two are joined."""
    content = {}
    for name, place in read_index('m', folder).items():
        data = place.file.read_bytes()[place.start : place.start + place.nbytes]
        content[name] = data
    content['joined'] = content.pop('model.transformer.wte.embedding') + content.pop(
        'model.transformer.wte.new_embedding'
    )
    return content


def rows(folder: Path) -> tuple[int, int]:
    index = read_index('m', folder)
    first, second = (index[f'model.transformer.wte.{n}'] for n in ('embedding', 'new_embedding'))
    return first.shape[0], second.shape[0]


@pytest.mark.parametrize('variant', VARIANTS)
def test_there_and_back_is_the_same_to_the_bit(make_checkpoint, tmp_path, variant):
    source, released, back = make_checkpoint(**variant), tmp_path / 'released', tmp_path / 'back'
    convert_checkpoint(source, released, 'released')
    convert_checkpoint(released, back, 'transformers')
    text = json.loads((released / 'config.json').read_text())['text_config']
    assert rows(released) == (text['vocab_size'], text['additional_vocab_size'])
    assert (back / 'model.safetensors').read_bytes() == (source / 'model.safetensors').read_bytes()
    for folder in (released, back):
        assert tensors(folder) == tensors(source)
        assert read_config('m', folder) == read_config('m', source)
        assert read_processor('m', folder) == read_processor('m', source)
    again = tmp_path / 'again'
    convert_checkpoint(back, again, 'released')
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in released.iterdir()
    }


@pytest.mark.parametrize('has_rule', [False, True])
def test_a_layout_says_the_same_of_frames_for_tracks(make_checkpoint, tmp_path, has_rule):
    source, released, back = make_checkpoint(), tmp_path / 'released', tmp_path / 'back'
    if has_rule:
        file = source / 'processor_config.json'
        content = json.loads(file.read_text())
        content['video_processor']['sampling_fps'] = 2
        file.write_text(json.dumps(content))
    convert_checkpoint(source, released, 'released')
    convert_checkpoint(released, back, 'transformers')
    assert [has_track_rule(str(folder)) for folder in (source, released, back)] == [has_rule] * 3


@pytest.mark.parametrize('backend', ['torch', 'transformers'])
def test_both_layouts_answer_alike(make_checkpoint, make_clip, tmp_path, backend):
    source = make_checkpoint(nested=True)
    convert_checkpoint(source, tmp_path / 'released', 'released')
    convert_checkpoint(tmp_path / 'released', tmp_path / 'back', 'transformers')
    clip, answers = make_clip((0.0, 0.5, 1.0)), []
    for folder in (source, tmp_path / 'released', tmp_path / 'back'):
        loaded = load(backend, BackendSettings(str(folder), device='cpu', dtype='float32'))
        answers += loaded.generate(clip, ['How many?'], GenerateOptions(12), lambda *_: True)
        loaded.close()
    first, *others = answers
    assert first.tokens
    for other in others:
        assert other.text == first.text
        # Rounding: the kernels add up in another order where a mapped tensor begins elsewhere.
        np.testing.assert_allclose(
            [token.logprob for token in other.tokens],
            [token.logprob for token in first.tokens],
            atol=1e-5,
        )


def test_shards_go_over_one_by_one(make_checkpoint, tmp_path):
    from transformers import Molmo2ForConditionalGeneration

    source, sharded = make_checkpoint(), tmp_path / 'sharded'
    shutil.copytree(source, sharded)
    (sharded / 'model.safetensors').unlink()
    network = Molmo2ForConditionalGeneration.from_pretrained(source)
    network.save_pretrained(sharded, max_shard_size='60KB')
    assert len(list(sharded.glob('*.safetensors'))) > 2
    convert_checkpoint(sharded, tmp_path / 'released', 'released')
    assert tensors(tmp_path / 'released') == tensors(source)
    names = sorted(path.name for path in sharded.glob('model*'))
    assert sorted(path.name for path in (tmp_path / 'released').glob('model*')) == names


def test_the_code_is_named_where_it_is_there(make_checkpoint, tmp_path):
    from molmo_ground_ros.backends.layouts.side_files import _PYTHON

    source, code = make_checkpoint(), tmp_path / 'code'
    code.mkdir()
    with pytest.raises(BadSetting, match=r'lacks configuration_molmo2\.py, image_'):
        convert_checkpoint(source, tmp_path / 'out', 'released', code)
    for name in _PYTHON:
        (code / name).write_text('# code')
    convert_checkpoint(source, tmp_path / 'out', 'released', code)
    convert_checkpoint(tmp_path / 'out', tmp_path / 'back', 'transformers')
    named = {
        value.partition('.')[0] + '.py'
        for path in (tmp_path / 'out').glob('*config.json')
        for value in json.loads(path.read_text()).get('auto_map', {}).values()
    }
    assert named == set(_PYTHON)
    assert all((tmp_path / 'out' / name).is_file() for name in named)
    assert not list((tmp_path / 'back').glob('*.py'))
    assert not any('auto_map' in path.read_text() for path in (tmp_path / 'back').glob('*.json'))


def test_nothing_is_there_before_all_is(make_checkpoint, tmp_path):
    source = tmp_path / 'source'
    shutil.copytree(make_checkpoint(nested=False), source)
    (source / 'preprocessor_config.json').unlink()
    with pytest.raises(BadModel, match=r'needs its preprocessor_config\.json'):
        convert_checkpoint(source, tmp_path / 'out', 'released')
    assert [path.name for path in tmp_path.iterdir()] == ['source']


def test_the_command_says_what_vllm_needs_besides(make_checkpoint, tmp_path, capsys):
    out = tmp_path / 'out'
    words = [
        'convert-checkpoint',
        str(make_checkpoint()),
        '--layout',
        'released',
        '--out',
        str(out),
    ]
    assert cli.main(words) == 0
    assert '--code CODE' in capsys.readouterr().out
    assert cli.main(words) == 2
    assert f"out = '{out}': is there already" in capsys.readouterr().err
    assert cli.main(['convert-checkpoint', 'no/such', *words[2:]]) == 2
    assert 'no/such' in capsys.readouterr().err
