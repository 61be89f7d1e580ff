# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Nothing outside the folders has a name: by paths, by links, by the files of a bag's folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from molmo_ground_ros.commands.agents.folders import AllowedFolders
from molmo_ground_ros.errors import BadRequest, BadSetting


@pytest.fixture
def bags(tmp_path: Path) -> Path:
    """A folder with two recordings, and a secret one beside it."""
    bags = tmp_path / 'bags'
    (bags / 'monday').mkdir(parents=True)
    for path in (bags / 'a.mcap', bags / 'monday/b.mcap', tmp_path / 'secret.mcap'):
        path.write_bytes(b'')
    return bags


def test_recordings_are_named_by_their_path_below_the_folder(bags: Path) -> None:
    assert list(AllowedFolders([str(bags)]).recordings()) == ['a.mcap', 'monday/b.mcap']


def test_of_several_folders_the_names_begin_with_the_folder(bags: Path, tmp_path: Path) -> None:
    other = tmp_path / 'more'
    other.mkdir()
    (other / 'a.mcap').write_bytes(b'')
    folders = AllowedFolders([str(bags), str(other)])
    assert list(folders.recordings()) == ['bags/a.mcap', 'bags/monday/b.mcap', 'more/a.mcap']
    assert folders.named('more/a.mcap')[1] == other / 'a.mcap'


@pytest.mark.parametrize(
    'name',
    [
        '../secret.mcap',
        'monday/../../secret.mcap',
        './a.mcap',
        'a.mcap/',
        'monday/../a.mcap',
        'a.mcap\0',
        '~/a.mcap',
        '',
        'x' * 10_000,
    ],
)
def test_name_that_is_not_listed_opens_nothing(bags: Path, name: str) -> None:
    with pytest.raises(BadRequest, match='name one that find_recordings lists') as caught:
        AllowedFolders([str(bags)]).named(name)
    assert len(str(caught.value)) < 400


def test_absolute_path_opens_nothing(bags: Path, tmp_path: Path) -> None:
    for path in (tmp_path / 'secret.mcap', bags / 'a.mcap', Path('/etc/passwd')):
        with pytest.raises(BadRequest):
            AllowedFolders([str(bags)]).named(str(path))


def test_link_to_what_lies_outside_is_no_recording(bags: Path, tmp_path: Path) -> None:
    (bags / 'link.mcap').symlink_to(tmp_path / 'secret.mcap')
    (bags / 'folder').symlink_to(tmp_path, target_is_directory=True)
    (bags / 'inside.mcap').symlink_to(bags / 'a.mcap')
    names = list(AllowedFolders([str(bags)]).recordings())
    assert names == ['a.mcap', 'inside.mcap', 'monday/b.mcap']


def test_bag_whose_folder_holds_a_link_outwards_is_no_recording(bags: Path, tmp_path: Path) -> None:
    bag = bags / 'run'
    bag.mkdir()
    (bag / 'metadata.yaml').write_text('')
    (bag / 'run_0.mcap').write_bytes(b'')
    folders = AllowedFolders([str(bags)])
    assert 'run' in folders.recordings()
    (bag / 'run_1.mcap').symlink_to(tmp_path / 'secret.mcap')
    assert 'run' not in folders.recordings()


def test_only_recording_needs_no_name(tmp_path: Path) -> None:
    (tmp_path / 'a.mcap').write_bytes(b'')
    assert AllowedFolders([str(tmp_path)]).named('') == ('a.mcap', tmp_path / 'a.mcap')


def test_what_is_no_folder_is_refused(bags: Path, tmp_path: Path) -> None:
    twin = tmp_path / 'twin' / 'bags'
    twin.mkdir(parents=True)
    for folders in ([str(bags / 'a.mcap')], [str(tmp_path / 'none')], [str(bags), str(twin)]):
        with pytest.raises(BadSetting):
            AllowedFolders(folders)


def test_messages_show_names_and_no_paths(bags: Path) -> None:
    folders = AllowedFolders([str(bags)])
    assert folders.without_roots(f"bag '{bags}/a.mcap': cut") == "bag 'a.mcap': cut"
