# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import sqlite3

import pytest

from molmo_ground_ros.analysis.moments.database import Database, IndexFault


def test_missing_index_is_named_with_what_makes_it(tmp_path):
    with pytest.raises(IndexFault, match='there is no such file; molmo-ground index FOLDER'):
        Database(tmp_path / 'none.sqlite', writable=False)


@pytest.mark.parametrize('writable', [False, True])
def test_file_that_is_no_database_is_refused_and_stays(tmp_path, writable):
    path = tmp_path / 'notes.sqlite'
    path.write_text('no database, but longer than a header of one\n' * 9)
    with pytest.raises(IndexFault, match='not a database'):
        Database(path, writable=writable)
    assert path.read_text().startswith('no database')


@pytest.mark.parametrize('writable', [False, True])
def test_database_of_another_program_is_refused(tmp_path, writable):
    path = tmp_path / 'other.sqlite'
    connection = sqlite3.connect(path)
    connection.execute('CREATE TABLE notes(text)')
    connection.close()
    with pytest.raises(IndexFault, match='no index of format 1'):
        Database(path, writable=writable)


def test_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(IndexFault, match='cannot be opened'):
        Database(tmp_path / 'none' / 'index.sqlite', writable=True)


def test_transaction_that_raises_leaves_nothing(tmp_path):
    statement = "INSERT INTO recordings(identity) VALUES ('same')"

    def insert_twice(database: Database) -> None:
        with database.transaction() as connection:
            connection.execute(statement)
            connection.execute(statement)

    with Database(tmp_path / 'index.sqlite', writable=True) as database:
        with pytest.raises(IndexFault, match='UNIQUE'):
            insert_twice(database)
        rows = database.connection.execute('SELECT count(*) FROM recordings').fetchone()
    assert rows == (0,)
