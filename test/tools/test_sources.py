# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Synthetic copies of the sources: what is read of sound ones, and said of broken ones."""

import json
import shutil
from random import Random

import pytest
from support.source_cases import EACH_SOURCE

from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.benchmarks.datasets.sources import SOURCES
from molmo_ground_ros.benchmarks.datasets.sources.signs import has_signs
from molmo_ground_ros.errors import BadSetting
from tools.sources.__main__ import main
from tools.sources.compare import compare
from tools.sources.copies import COPIES, write_copy
from tools.sources.harm import (
    DAMAGES,
    PLACES,
    complaints,
    damage_truth,
    names_what_is_gone,
    read_copy,
    remove_frame,
    remove_words,
    truth_files,
    with_anything,
)

SHORT_S = 0.4  # of copies that are harmed
# Where the words are, of sources that have no file or column for them.
WITHOUT_FILES = {
    *('none', 'the class of the set', 'the animal in the name of the video'),
    'the class in meta_train.json, if it is there',
}

WITH_JSON = {name for name in SOURCES if '.json' in f'{PLACES[name].truth} {PLACES[name].words}'}


@pytest.fixture(scope='module')
def short_copies(tmp_path_factory):
    """A short copy of every source, by name."""
    folder = tmp_path_factory.mktemp('copies')
    for name in SOURCES:
        write_copy(name, folder / name, SHORT_S)
    return folder


@pytest.fixture
def copy(short_copies, tmp_path):
    """Writes a copy that a test may harm."""

    def copied(name):
        return shutil.copytree(short_copies / name, tmp_path / name)

    return copied


def test_every_source_has_a_copy():
    assert set(COPIES) == set(PLACES) == set(SOURCES)
    assert len(SOURCES) >= 36


@pytest.mark.parametrize('name', EACH_SOURCE)
def test_a_copy_scores_as_its_truth_in_molmo2s_own_format(name, tmp_path):
    comparison = compare(name, tmp_path, 1.0)

    assert not comparison.faults
    assert comparison.passed
    assert 0 < comparison.own['f1'] < 1


def test_the_command_prints_a_row_and_how_many_passed(tmp_path, capsys):
    assert main(['--only', 'mose', '--seconds', '0.5', '--keep', str(tmp_path)]) == 0
    row, last = capsys.readouterr().out.splitlines()
    assert row.startswith('mose') and 'passed' in row
    assert last == '1 passed, 0 failed'


@pytest.mark.parametrize('name', SOURCES)
def test_an_empty_folder_is_named_with_what_it_lacks(name, tmp_path):
    with pytest.raises(BadSetting, match=f'is not laid out as {name}, which has') as caught:
        list(read(name, tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('name', SOURCES)
def test_a_folder_of_another_source_is_named_as_what_it_is(name, short_copies):
    wrong = 'mot20' if name != 'mot20' else 'lasot'
    with pytest.raises(BadSetting, match='is not laid out as') as caught:
        list(read(wrong, short_copies / name))
    assert f"'{name}'" in str(caught.value).partition('it looks like ')[2]


def test_only_sources_that_are_read_alike_are_taken_for_each_other(short_copies):
    mistaken = {
        (name, other)
        for name in SOURCES
        for other in SOURCES
        if other != name and has_signs(short_copies / name, SOURCES[other])
    }
    # The same layout, rate and words; or no words, which is said.
    masks = {'youtube-vos', 'ref-youtube-vos', 'ref-davis17', 'mose', 'mosev2', 'lvos-v1'}
    masks |= {'lvos-v2', 'reasonvos'}
    alike = {(name, general) for name in masks for general in ('davis', 'youtube-vos')}
    alike |= {('youtube-vis', 'coco'), ('ovis', 'coco'), ('mot20', 'mot')}
    alike |= {('mose', 'mosev2'), ('mosev2', 'mose')}
    assert mistaken <= alike


@pytest.mark.parametrize('name', SOURCES)
@pytest.mark.parametrize('harm', [damage_truth, remove_frame, remove_words])
def test_what_is_missing_or_damaged_is_a_line_with_its_file(name, harm, copy):
    if harm is remove_words and not PLACES[name].words:
        assert SOURCES[name].words in WITHOUT_FILES
        return
    folder = copy(name)
    assert complaints(name, folder) == []
    files = harm(folder, PLACES[name])
    texts = complaints(name, folder)
    assert texts
    assert all(str(folder) in text and '\n' not in text for text in texts)
    assert all(any(names_what_is_gone(text, path, folder) for text in texts) for path in files[:1])


@pytest.mark.parametrize('name', EACH_SOURCE)
@pytest.mark.parametrize('damage', DAMAGES)
def test_no_damage_of_a_file_raises_or_changes_a_truth_in_silence(name, damage, copy):
    folder = copy(name)
    sound, _ = read_copy(name, folder)
    for file in truth_files(folder, PLACES[name]):
        shutil.rmtree(folder)
        copy(name)
        try:
            DAMAGES[damage](file)
        except UnicodeDecodeError:
            continue  # a picture has no columns
        examples, texts = read_copy(name, folder)
        where = f'{file.relative_to(folder)}: {damage}'
        assert all(str(folder) in text and '\n' not in text for text in texts), where
        changed = [key for key in sound if not same(sound[key], examples.get(key))]
        if not texts and not is_unnoticeable(name, file, damage):
            assert not changed, where


@pytest.mark.parametrize('name', [name for name in SOURCES if name in WITH_JSON])
def test_json_with_anything_anywhere_is_read_to_its_end(name, copy):
    folder = copy(name)
    for file in (path for path in truth_files(folder, PLACES[name]) if path.suffix == '.json'):
        content = json.loads(file.read_text())
        for seed in range(40):
            file.write_text(json.dumps(with_anything(content, Random(seed))))
            _, texts = read_copy(name, folder)
            assert all(str(folder) in text and '\n' not in text for text in texts), (file, seed)
        file.write_text(json.dumps(content))


def same(example, other):
    """Whether two examples have one truth and one question."""
    return other is not None and (example.label, example.truth) == (other.label, other.truth)


def is_unnoticeable(name, file, damage):
    """What no reader can notice: values that are as likely as the right ones, optional files."""
    return (
        damage == 'swapped columns'
        # A shorter sentence is a sentence.
        or (damage == 'cut' and file.name in ('nlp.txt', 'language.txt'))
        # The classes of MOSE are optional.
        or (damage == 'gone' and (name, file.name) == ('mose', 'meta_train.json'))
        # Labels and frames of BDD100K are separate archives, of which one may have a part.
        or (damage == 'gone' and name == 'bdd100k')
        # In SA-V a mask is missing where the object is not yet there, and where it has gone.
        or (damage == 'gone' and name == 'sa-v')
        # Another name of a video: its frames are then missing.
        or (damage == 'no numbers' and name == 'personpath22')
    )
