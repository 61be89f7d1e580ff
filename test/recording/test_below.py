# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from molmo_ground_ros.recording.below import files_of, recordings_below


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folder_with_metadata_is_one_recording_and_loose_files_are_one_each(tmp_path):
    touch(tmp_path, 'bag/metadata.yaml', 'bag/bag_0.mcap', 'bag/bag_1.mcap.zstd')
    touch(tmp_path, 'loose/b.db3', 'loose/a.MCAP', 'loose/old.bag', 'loose/clip.mp4')
    touch(tmp_path, 'notes.txt', '.hidden/c.mcap', 'loose/.d.mcap', 'meta/metadata.yaml')
    below = [path.relative_to(tmp_path).as_posix() for path in recordings_below(tmp_path)]
    assert below == ['bag', 'loose/a.MCAP', 'loose/b.db3', 'loose/clip.mp4', 'loose/old.bag']
    assert [path.name for path in files_of(tmp_path / 'bag')] == ['bag_0.mcap', 'bag_1.mcap.zstd']


def test_file_is_its_own_recording(tmp_path):
    touch(tmp_path, 'a.mcap')
    assert recordings_below(tmp_path / 'a.mcap') == [tmp_path / 'a.mcap']
    assert files_of(tmp_path / 'a.mcap') == [tmp_path / 'a.mcap']


def test_folder_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        recordings_below(tmp_path / 'none')
