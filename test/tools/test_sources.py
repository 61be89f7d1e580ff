# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Synthetic copies of the sources: what is read of sound ones, and said of broken ones."""

import shutil

import pytest

from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.benchmarks.datasets.sources import SOURCES
from molmo_ground_ros.errors import BadSetting
from tools.sources.__main__ import main
from tools.sources.compare import compare
from tools.sources.copies import COPIES, write_copy
from tools.sources.harm import PLACES, complaints, damage_truth, remove_frame, remove_words

SHORT_S = 0.4  # of copies that are harmed
# One source for each of the eight layouts, and those whose rules differ most. `make sources` and
# the slow tests compare all.
FAST = (
    *('coco', 'davis', 'vipseg', 'sa-v', 'reasonvos', 'mevis', 'burst', 'got10k', 'lasot'),
    *('mot20', 'bft', 'seadronessee', 'personpath22', 'moca'),
)


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


@pytest.mark.parametrize(
    'name',
    [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in SOURCES],
)
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


@pytest.mark.parametrize('name', SOURCES)
def test_what_is_missing_or_damaged_is_one_line_with_its_file(name, copy):
    folder = copy(name)
    assert complaints(name, folder) == []
    harms = [damage_truth, remove_frame] + ([remove_words] if PLACES[name].words else [])
    for harm in harms:
        shutil.rmtree(folder)
        folder = copy(name)
        harm(folder, PLACES[name])
        texts = complaints(name, folder)
        assert texts, harm.__name__
        assert all('\n' not in text for text in texts)
        assert str(folder) in texts[0]
