# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import shutil

import pytest

from molmo_ground_ros.errors import BadModel

pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")
transformers = pytest.importorskip(
    'transformers', reason="the reference: needs pip install '.[transformers]'"
)

from molmo_ground_ros.backends.molmo2.tokens import FileTokenizer, stop_tokens

TEXTS = [
    'How many are there in the video?',
    'user\nжёлтый 🟥\t  two  spaces',
    '<points coords="0.5 1 345 678;1.0 2 050 1000">cup</points>',
    'an <|im_end|> and an <im_patch> written out',
    '',
]


@pytest.fixture(scope='module')
def theirs(folders):
    return transformers.AutoTokenizer.from_pretrained(folders['qwen3'])


@pytest.fixture
def ours(folders):
    return FileTokenizer('m', folders['qwen3'])


@pytest.mark.parametrize('text', TEXTS)
@pytest.mark.parametrize('split', [True, False])
def test_ids_and_text_equal_those_of_transformers(text, split, ours, theirs):
    options = {'add_special_tokens': False, 'split_special_tokens': split}
    ids = ours.encode(text, **options)
    assert ids == theirs.encode(text, **options)
    for some in (ids, [*ids, 2, 1, 0, 300], ids[:3]):
        expected = theirs.decode(some, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert ours.decode(some) == expected
    assert ours.encode_text(text) == ours.encode(text, split_special_tokens=True)


def test_named_tokens_equal_those_of_transformers(ours, theirs):
    for name in ('bos_token_id', 'eos_token_id', 'unk_token_id'):
        assert getattr(ours, name) == getattr(theirs, name)
    assert ours.convert_tokens_to_ids('<im_patch>') == theirs.convert_tokens_to_ids('<im_patch>')
    assert ours.convert_tokens_to_ids('<no such>') is None
    assert set(theirs.all_special_ids) <= set(ours.all_special_ids)


def test_a_token_may_be_named_by_an_object_or_not_at_all(folders, tmp_path):
    folder = shutil.copytree(folders['qwen3'], tmp_path / 'm')
    file = folder / 'tokenizer_config.json'
    file.write_text(json.dumps({'bos_token': {'content': '<|im_start|>'}, 'eos_token': None}))
    tokenizer = FileTokenizer('m', folder)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (1, None)
    file.unlink()
    assert FileTokenizer('m', folder).bos_token_id is None


@pytest.mark.parametrize(
    ('named', 'expected'), [(0, {0, 2}), ([0, 1], {0, 1, 2}), (None, {2})], ids=str
)
def test_an_answer_ends_where_the_checkpoint_says_and_at_the_end_of_a_turn(
    named, expected, ours, folders, tmp_path
):
    folder = shutil.copytree(folders['qwen3'], tmp_path / 'm')
    (folder / 'generation_config.json').write_text(json.dumps({'eos_token_id': named}))
    assert stop_tokens('m', folder, ours) == expected
    (folder / 'generation_config.json').unlink()
    assert stop_tokens('m', folder, ours) == {2}


def test_a_file_that_is_no_tokenizer_is_refused(folders, tmp_path):
    folder = shutil.copytree(folders['qwen3'], tmp_path / 'm')
    (folder / 'tokenizer.json').write_text('[]')
    with pytest.raises(BadModel, match='cannot load its tokenizer'):
        FileTokenizer('m', folder)
