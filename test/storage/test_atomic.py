# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files that are replaced completely or not at all."""

from __future__ import annotations

import threading

import pytest
from support.full_disk import full_after

from molmo_ground_ros.storage.atomic import atomic_file, delete_unfinished, write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def interrupt_after_half(path):
    path.write_text('half')
    raise KeyboardInterrupt


def test_the_old_file_stays_until_the_block_ends(tmp_path):
    path = tmp_path / 'table.csv'
    path.write_text('old')
    with atomic_file(path) as unfinished:
        unfinished.write_text('new')
        assert path.read_text() == 'old'
        assert unfinished.parent == tmp_path
    assert path.read_text() == 'new'
    assert names(tmp_path) == ['table.csv']


def test_an_error_in_the_block_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / 'table.csv'
    path.write_text('old')
    with pytest.raises(KeyboardInterrupt), atomic_file(path) as unfinished:
        interrupt_after_half(unfinished)
    assert path.read_text() == 'old'
    assert names(tmp_path) == ['table.csv']


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / 'plan'
    path.write_bytes(b'old')
    with full_after(100), pytest.raises(OSError, match='too large'):
        write_atomically(path, b'new' * 100)
    assert path.read_bytes() == b'old'
    assert names(tmp_path) == ['plan']


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    path = tmp_path / 'table.csv'
    path.write_text('old')
    with pytest.raises(FileNotFoundError), atomic_file(path):
        pass
    assert path.read_text() == 'old'


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / 'plan'
    write_atomically(path, b'old')
    with pytest.raises(TypeError):
        write_atomically(path, b'new', None)
    assert path.read_bytes() == b'old'
    assert names(tmp_path) == ['plan']


def test_blocks_are_written_one_after_another_and_the_folder_is_made(tmp_path):
    path = tmp_path / 'engines' / 'plan'
    write_atomically(path, b'a' * 5, memoryview(b'b' * 3))
    assert path.read_bytes() == b'aaaaabbb'


def write_many(path, letter):
    for _ in range(20):
        write_atomically(path, letter * 10_000)


def test_writers_side_by_side_leave_one_complete_file(tmp_path):
    path = tmp_path / 'engines' / 'plan'
    writers = [threading.Thread(target=write_many, args=(path, letter)) for letter in (b'a', b'b')]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_bytes() in (b'a' * 10_000, b'b' * 10_000)
    assert names(path.parent) == ['plan']


def test_only_unfinished_files_are_deleted(tmp_path):
    (tmp_path / 'plan').write_bytes(b'complete')
    (tmp_path / 'plan.0123abcd.partial').write_bytes(b'half')
    delete_unfinished(tmp_path)
    assert names(tmp_path) == ['plan']
