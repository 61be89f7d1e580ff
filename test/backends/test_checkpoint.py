# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import pytest

from molmo_ground_ros.backends.checkpoint import (
    check_files,
    find_folder,
    has_track_rule,
    longest_clip,
    read_processor,
)
from molmo_ground_ros.backends.pixels import PixelConfig
from molmo_ground_ros.errors import BadModel

ALL = ('config.json', 'processor_config.json', 'tokenizer.json', 'model.safetensors')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a checkpoint, as far as they are looked at here."""
    (tmp_path / 'config.json').write_text('{"model_type": "molmo2"}')
    (tmp_path / 'processor_config.json').write_text('{"video_processor": {}}')
    (tmp_path / 'tokenizer.json').write_text('{}')
    (tmp_path / 'model.safetensors').write_bytes(b'')
    return tmp_path


def test_a_complete_folder_passes(folder):
    assert find_folder(str(folder)) == folder
    check_files('tiny', folder)


@pytest.mark.parametrize('name', ALL)
def test_a_missing_file_is_named_and_no_other(folder, name):
    (folder / name).unlink()
    with pytest.raises(BadModel, match=f'missing in .*: {name}$'):
        check_files('tiny', folder)


def test_an_empty_folder_lacks_all(tmp_path):
    with pytest.raises(BadModel) as caught:
        check_files('tiny', tmp_path)
    assert all(name in str(caught.value) for name in ALL)
    assert '\n' not in str(caught.value)


def test_the_released_layout_needs_its_video_file(folder):
    (folder / 'processor_config.json').write_text('{}')
    with pytest.raises(BadModel, match=r': video_preprocessor_config.json$'):
        check_files('tiny', folder)
    (folder / 'video_preprocessor_config.json').write_text('{}')
    check_files('tiny', folder)


def test_a_missing_shard_is_named(folder):
    shards = {'a': 'model-1.safetensors', 'b': 'model-2.safetensors', 'c': 'model-2.safetensors'}
    (folder / 'model.safetensors.index.json').write_text(json.dumps({'weight_map': shards}))
    (folder / 'model-1.safetensors').write_bytes(b'')
    with pytest.raises(BadModel, match=r': model-2.safetensors$'):
        check_files('tiny', folder)


def test_weights_in_a_pickle_are_refused_by_name(folder):
    (folder / 'model.safetensors').rename(folder / 'pytorch_model.bin')
    with pytest.raises(BadModel, match=r'pytorch_model.bin is there, but only safetensors'):
        check_files('tiny', folder)


def test_the_older_tokenizer_files_serve(folder):
    (folder / 'tokenizer.json').rename(folder / 'vocab.json')
    (folder / 'merges.txt').write_text('')
    check_files('tiny', folder)


def test_another_architecture_is_named(folder):
    (folder / 'config.json').write_text('{"model_type": "qwen3"}')
    with pytest.raises(BadModel, match=r"model_type 'qwen3', not 'molmo2'"):
        check_files('tiny', folder)


@pytest.mark.parametrize(
    ('model', 'place', 'config'),
    [
        pytest.param('allenai/MolmoWeb-4B', 'snapshots/abc', {}, id='the hub id'),
        pytest.param('tiny', 'models--allenai--MolmoWeb-8B/snapshots/abc', {}, id='the hub cache'),
        pytest.param('tiny', 'molmo-web-4b', {}, id='the folder'),
        pytest.param('tiny', 'a', {'_name_or_path': 'allenai/MolmoWeb-4B'}, id='config.json'),
        pytest.param(
            'tiny', 'a', {'architectures': ['MolmoWebForConditionalGeneration']}, id='vLLM'
        ),
    ],
)
def test_molmoweb_is_refused_by_name_although_it_says_molmo2(folder, model, place, config):
    moved = folder / place
    shutil.copytree(folder, moved, ignore=lambda *_: [place.partition('/')[0]])
    says = {'model_type': 'molmo2', 'architectures': ['Molmo2ForConditionalGeneration']}
    (moved / 'config.json').write_text(json.dumps(says | config))
    with pytest.raises(BadModel, match=r'MolmoWeb is not supported: .*causal'):
        check_files(model, moved)
    if not config and model == 'tiny':
        shutil.copytree(moved, folder / 'other')
        check_files('tiny', folder / 'other')


def test_molmo_point_is_refused_by_name_where_molmo2_is_expected(folder):
    (folder / 'config.json').write_text('{"model_type": "molmo_point"}')
    with pytest.raises(BadModel, match=r"MolmoPoint runs on .* alone: .*'molmo_point'"):
        check_files('tiny', folder)
    check_files('tiny', folder, 'molmo_point')


@pytest.mark.parametrize('mask', [True, None, False])
def test_another_pooling_of_patches_is_refused_and_not_ignored(folder, mask):
    adapter = {} if mask is None else {'pooling_attention_mask': mask}
    (folder / 'config.json').write_text(
        json.dumps({'model_type': 'molmo2', 'adapter_config': adapter})
    )
    refused = pytest.raises(BadModel, match='pooling_attention_mask is False, known is True')
    with refused if mask is False else contextlib.nullcontext():
        check_files('tiny', folder)


@pytest.mark.parametrize(('content', 'why'), [('{', 'cannot read'), ('[]', 'holds list')])
def test_a_broken_config_is_named(folder, content, why):
    (folder / 'config.json').write_text(content)
    with pytest.raises(BadModel, match=why):
        check_files('tiny', folder)


@pytest.mark.parametrize('name', ['/nowhere', './nowhere', '~/nowhere', 'one', 'a/b/c', 'test/no'])
def test_a_path_that_is_no_folder_is_not_taken_for_a_hub_id(name):
    with pytest.raises(BadModel, match='no such folder, and not a hub id'):
        find_folder(name)


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    constants = pytest.importorskip(
        'huggingface_hub.constants', reason="needs pip install '.[transformers]'"
    )
    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path))
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    return tmp_path


def test_offline_a_hub_id_that_is_not_cached_says_how_to_fetch_it(hub_cache):
    with pytest.raises(BadModel) as caught:
        find_folder('allenai/Molmo2-4B')
    assert 'HF_HUB_OFFLINE is set' in str(caught.value)
    assert str(caught.value).endswith('hf download allenai/Molmo2-4B')
    assert '\n' not in str(caught.value)


def test_offline_a_cached_hub_id_is_found(hub_cache, folder):
    cached = hub_cache / 'models--allenai--Molmo2-4B'
    shutil.copytree(folder, cached / 'snapshots' / 'abc', ignore=lambda *_: ['models--allenai'])
    (cached / 'refs').mkdir()
    (cached / 'refs' / 'main').write_text('abc')
    assert find_folder('allenai/Molmo2-4B') == cached / 'snapshots' / 'abc'


def test_a_hub_that_does_not_answer_is_one_line(hub_cache, monkeypatch):
    import huggingface_hub

    def refuse(*_args, **_options):
        raise ConnectionError('refused')

    monkeypatch.delenv('HF_HUB_OFFLINE')
    monkeypatch.setattr(huggingface_hub, 'snapshot_download', refuse)
    with pytest.raises(BadModel, match=r'ConnectionError from the hub; .*hf download a/b$'):
        find_folder('a/b')


VIDEO = {
    'size': {'height': 126, 'width': 126},
    'patch_size': 14,
    'pooling_size': [3, 2],
    'do_rescale': True,
    'rescale_factor': 0.5,
    'do_normalize': True,
    'image_mean': [0.1, 0.2, 0.3],
    'image_std': 0.5,
}


@pytest.mark.parametrize('nested', [True, False])
def test_both_layouts_are_read(folder, nested):
    processor = {'use_frame_special_tokens': False}
    if nested:
        processor['video_processor'] = VIDEO
    (folder / 'processor_config.json').write_text(json.dumps(processor))
    (folder / 'video_preprocessor_config.json').write_text(json.dumps({} if nested else VIDEO))
    pixels, frame = read_processor('tiny', folder)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.5, 0.5)
    assert pixels == PixelConfig(126, 14, (3, 2), rescale_factor=0.5, mean=mean, std=std)
    assert (frame.start, frame.end, frame.columns) == ('<im_start>', '<im_end>', False)
    assert (pixels.side, pixels.grid) == (9, (3, 5))


def test_parity_a_file_without_the_switches_feeds_raw_pixels(folder):
    """parity: Molmo2VideoProcessor has no default for do_rescale and do_normalize."""
    pixels, frame = read_processor('tiny', folder)
    assert (pixels.size, pixels.rescale_factor, pixels.mean) == (378, None, None)
    assert (frame.start, frame.end) == ('<frame_start>', '<frame_end>')


@pytest.mark.parametrize(
    'change',
    [
        pytest.param({'resample': 3}, id='bicubic'),
        pytest.param({'size': {'height': 126, 'width': 140}}, id='not square'),
        pytest.param({'size': {'height': 125, 'width': 125}}, id='not whole patches'),
        pytest.param({'size': {'shortest_edge': 126}}, id='another kind of size'),
        pytest.param({'pooling_size': 3}, id='one number'),
        pytest.param({'image_mean': [0.5]}, id='one channel'),
    ],
)
def test_settings_we_do_not_have_are_refused(folder, change):
    content = {'video_processor': VIDEO | change}
    (folder / 'processor_config.json').write_text(json.dumps(content))
    with pytest.raises(BadModel, match='video processor cannot be used'):
        read_processor('tiny', folder)


@pytest.mark.parametrize('nested', [True, False])
def test_longest_clip_of_training_is_read_in_both_layouts(folder, nested):
    video = {'num_frames': 50, 'max_fps': 2}
    processor = {'video_processor': video} if nested else {}
    (folder / 'processor_config.json').write_text(json.dumps(processor))
    (folder / 'video_preprocessor_config.json').write_text(json.dumps({} if nested else video))
    assert longest_clip(str(folder)) == (50, 2.0)


@pytest.mark.parametrize('model', ['no/such-model', 'answers.txt'])
def test_what_has_no_processor_says_nothing_of_its_clips(folder, model, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / 'answers.txt').write_text('none')
    assert longest_clip(model) is None
    assert longest_clip(str(folder)) is None  # of its video processor both keys are missing


@pytest.mark.parametrize(
    ('video', 'why'),
    [
        ({'num_frames': 1, 'max_fps': 2}, 'num_frames 1 at max_fps 2'),
        ({'num_frames': 50, 'max_fps': 0}, 'max_fps 0'),
        ({'num_frames': 50, 'max_fps': float('nan')}, 'max_fps nan'),
        ({'num_frames': [50], 'max_fps': 2}, 'cannot be used'),
        ([], 'is list, not an object'),
    ],
)
def test_clips_that_there_cannot_be_are_named(folder, video, why):
    (folder / 'processor_config.json').write_text(json.dumps({'video_processor': video}))
    with pytest.raises(BadModel, match=why):
        longest_clip(str(folder))


@pytest.mark.parametrize(
    ('video', 'has_rule'),
    [
        ({'num_frames': 384, 'max_fps': 2, 'sampling_fps': 2}, True),
        ({'num_frames': 50, 'max_fps': 2}, False),
        ({'num_frames': 50, 'max_fps': 2, 'sampling_fps': None}, False),
    ],
)
def test_the_released_checkpoints_sample_tracks_by_a_rule_of_their_own(folder, video, has_rule):
    (folder / 'processor_config.json').write_text(json.dumps({'video_processor': video}))
    assert has_track_rule(str(folder)) is has_rule


def test_models_without_files_here_have_no_rule_for_tracks(folder):
    assert not has_track_rule('http://localhost:8000/v1#allenai/Molmo2-4B')
    assert not has_track_rule('no/such-model')
    assert not has_track_rule(str(folder / 'none'))
    assert not has_track_rule(str(Path(__file__).parents[2] / 'models/tabletop'))


def test_what_a_fetched_model_says_of_its_clips_is_read_from_the_hubs_cache(folder, monkeypatch):
    pytest.importorskip('huggingface_hub', reason="needs 'molmo_ground_ros[transformers]'")
    snapshot = folder / 'models--allenai--Molmo2-4B' / 'snapshots' / 'abc'
    snapshot.mkdir(parents=True)
    reference = folder / 'models--allenai--Molmo2-4B' / 'refs' / 'main'
    reference.parent.mkdir()
    reference.write_text('abc')
    video = {'num_frames': 384, 'max_fps': 2, 'sampling_fps': 2}
    (snapshot / 'processor_config.json').write_text('{}')
    (snapshot / 'video_preprocessor_config.json').write_text(json.dumps(video))
    monkeypatch.setattr('huggingface_hub.constants.HF_HUB_CACHE', str(folder))
    assert has_track_rule('allenai/Molmo2-4B')
    assert longest_clip('allenai/Molmo2-4B') == (384, 2.0)
