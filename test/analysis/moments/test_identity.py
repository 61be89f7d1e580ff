# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest

from molmo_ground_ros.analysis.moments.database import Database
from molmo_ground_ros.analysis.moments.identity import fingerprint, recording_identity
from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.errors import BadModel
from molmo_ground_ros.grounding.loader import GrounderLoader


@pytest.fixture
def database(tmp_path):
    with Database(tmp_path / 'index.sqlite', writable=True) as opened:
        yield opened


def test_content_is_the_identity_and_not_the_name(tmp_path, database):
    for name, content in (('a', b'same'), ('b', b'same'), ('c', b'other')):
        (tmp_path / f'{name}.mcap').write_bytes(content)
    first, second, third = (recording_identity(database, tmp_path / f'{n}.mcap') for n in 'abc')
    assert first == second != third


def test_file_that_changed_is_read_again(tmp_path, database):
    path = tmp_path / 'a.mcap'
    path.write_bytes(b'before')
    before = recording_identity(database, path)
    assert recording_identity(database, path) == before
    path.write_bytes(b'behind')
    assert recording_identity(database, path) != before


def test_fingerprint_is_that_of_the_checkpoint(tmp_path, database):
    folder = tmp_path / 'model'
    folder.mkdir()
    (folder / 'config.json').write_text('{}')
    (folder / 'model.safetensors').write_bytes(b'weights')
    loader = GrounderLoader('torch', BackendSettings(str(folder)))
    first = fingerprint(database, loader)
    # Graphs, a calibration and another backend say the same.
    (folder / 'decoder.onnx').write_bytes(b'graph')
    (folder / 'calibration.json').write_text('{}')
    assert fingerprint(database, replace(loader, backend='onnx')) == first
    folder.rename(tmp_path / 'moved')
    moved = BackendSettings(str(tmp_path / 'moved'))
    assert fingerprint(database, replace(loader, settings=moved)) == first
    for changed in (
        replace(loader, settings=replace(moved, dtype='bfloat16')),
        replace(loader, settings=moved, answer_format='gemini'),
    ):
        assert fingerprint(database, changed) != first
    (tmp_path / 'moved' / 'model.safetensors').write_bytes(b'other weights')
    assert fingerprint(database, replace(loader, settings=moved)) != first


def test_model_on_a_server_is_its_address(database):
    def of(address: str) -> str:
        return fingerprint(database, GrounderLoader('auto', BackendSettings(address)))

    assert of('http://127.0.0.1:9/v1#a') == of('http://127.0.0.1:9/v1#a')
    assert of('http://127.0.0.1:9/v1#a') != of('http://127.0.0.1:9/v1#b')


def test_answers_file_is_its_content(tmp_path, database):
    answers = tmp_path / 'answers.jsonl'
    answers.write_text('There are none.')
    loader = GrounderLoader('replay', BackendSettings(str(answers)))
    first = fingerprint(database, loader)
    answers.write_text('There are some.')
    assert fingerprint(database, loader) != first


def test_model_that_is_missing_is_named(database):
    with pytest.raises(BadModel, match='no such folder'):
        fingerprint(database, GrounderLoader('torch', BackendSettings('./none')))
