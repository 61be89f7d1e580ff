# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")

from rosbags.rosbag2 import StoragePlugin
from support.bags import MSG, TYPES, raw_message, write_bag
from support.clips import stamp

from molmo_ground_ros.recording import RAW, LossKind, open_recording

PAGE = 4096
COUNT = 60


def big_message(number: int):
    """A picture that needs pages of its own, unlike any other."""
    data = np.random.default_rng(number).integers(0, 256, 80 * 60 * 3, np.uint8)
    kind = MSG['sensor_msgs/msg/Image']
    return kind(raw_message(number / 10).header, 60, 80, 'rgb8', 0, 240, data)


@pytest.fixture(scope='module')
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('big') / 'bag'
    messages = [big_message(number) for number in range(COUNT)]
    return write_bag(folder, {'/image': messages}, StoragePlugin.SQLITE3) / 'bag.db3'


def read(path: Path, data: bytes | None = None):
    """({number: pixels}, {kind: loss}, topic) of a file, with this data if some is given."""
    if data is not None:
        path.write_bytes(data)
    with open_recording(path) as recording:
        found = {
            round((one.stamp_ns - stamp(0)) / 1e8): bytes(one.image.data)
            for one in recording.messages()
        }
        return found, {loss.kind: loss for loss in recording.loss}, recording.topic


def test_rows_collected_page_by_page_are_those_of_the_database(big, tmp_path) -> None:
    whole, told, _ = read(big)
    assert told == {}
    assert whole == {n: big_message(n).data.tobytes() for n in range(COUNT)}
    headless = b'no database at all' + big.read_bytes()[18:]  # SQLite refuses it
    found, told, topic = read(tmp_path / 'a.db3', headless)
    assert found == whole
    assert topic == '/image'
    assert set(told) == {LossKind.BAD_PAGES}


def test_file_cut_anywhere_gives_the_pictures_before_the_cut(big, tmp_path) -> None:
    data = big.read_bytes()
    counts = []
    for cut in range(10 * PAGE, len(data), 29 * PAGE + 77):
        found, told, _ = read(tmp_path / 'a.db3', data[:cut])
        assert LossKind.BAD_PAGES in told
        assert all(pixels == big_message(n).data.tobytes() for n, pixels in found.items())
        counts.append(len(found))
        # A picture takes four pages; what is left of the file has at least these.
        assert len(found) >= (cut // PAGE - 12) // 5
    assert counts == sorted(counts)


def test_pages_of_zeros_lose_their_own_pictures_alone(big, tmp_path) -> None:
    data = bytearray(big.read_bytes())
    for page in range(40, 44):
        data[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
    found, told, _ = read(tmp_path / 'a.db3', bytes(data))
    assert COUNT - 6 <= len(found) < COUNT
    assert all(pixels == big_message(n).data.tobytes() for n, pixels in found.items() if n > 20)
    assert told.keys() & {LossKind.BAD_PAGES, LossKind.UNDECODABLE}


def test_lost_table_of_topics_gives_an_invented_name(big, tmp_path) -> None:
    data = bytearray(big.read_bytes())
    place = data.index(b'/image' + RAW.encode())
    page = place // PAGE
    data[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
    found, told, topic = read(tmp_path / 'a.db3', bytes(data))
    assert len(found) == COUNT
    assert topic == 'topic 1'
    assert set(told) == {LossKind.BAD_PAGES, LossKind.NAME_INVENTED}


def test_database_without_tables_is_refused(tmp_path: Path) -> None:
    from molmo_ground_ros.errors import BagError

    path = tmp_path / 'a.db3'
    with sqlite3.connect(path) as database:
        database.execute('CREATE TABLE other (a, b)')
    database.close()
    for data in (path.read_bytes(), b'', b'SQLite format 3\0', bytes(3 * PAGE)):
        path.write_bytes(data)
        with pytest.raises(BagError, match=r'a\.db3.*cannot be read'):
            open_recording(path)


@pytest.mark.parametrize('mode', ['wal', 'delete'])
def test_journal_that_was_left_is_applied_to_a_copy(big, tmp_path: Path, mode: str) -> None:
    live, left = tmp_path / 'live', tmp_path / 'left'
    live.mkdir()
    shutil.copy(big, live / 'bag.db3')
    database = sqlite3.connect(live / 'bag.db3', isolation_level=None)
    database.execute(f'PRAGMA journal_mode = {mode}')
    database.execute('PRAGMA cache_size = 5')  # so that pages are written before the commit
    message = bytes(TYPES.serialize_cdr(big_message(COUNT), RAW))
    database.execute('BEGIN')
    database.execute("UPDATE messages SET data = x'00' WHERE id < 20")
    database.execute('INSERT INTO messages VALUES (?, 1, 0, ?)', (COUNT + 1, message))
    if mode == 'wal':
        database.execute('COMMIT')
    shutil.copytree(live, left)  # as if the power went now
    database.close()
    (left / 'bag.db3-shm').unlink(missing_ok=True)
    before = {path.name: path.read_bytes() for path in left.iterdir()}
    assert len(before) == 2
    found, told, _ = read(left / 'bag.db3')
    # What was committed is there, what was not is taken back.
    assert sorted(found) == (list(range(19, COUNT + 1)) if mode == 'wal' else list(range(COUNT)))
    assert LossKind.JOURNAL in told
    assert {path.name: path.read_bytes() for path in left.iterdir()} == before


def test_rows_that_are_gone_or_of_no_topic_are_told(big, tmp_path: Path) -> None:
    path = tmp_path / 'a.db3'
    shutil.copy(big, path)
    with sqlite3.connect(path) as database:
        database.execute('DELETE FROM messages WHERE id IN (5, 6)')
        database.execute('UPDATE messages SET topic_id = 9 WHERE id = 7')
        database.execute("UPDATE messages SET data = 'text' WHERE id = 8")
    database.close()
    found, told, _ = read(path)
    assert sorted(found) == [n for n in range(COUNT) if n not in (4, 5, 6, 7)]
    assert {kind: loss.messages for kind, loss in told.items()} == {
        LossKind.FEWER_MESSAGES: 2,
        LossKind.UNKNOWN_TOPIC: 1,
        LossKind.BAD_MESSAGE: 1,
    }


def test_damaged_database_with_a_journal_is_read_without_it(big, tmp_path: Path) -> None:
    path = tmp_path / 'a.db3'
    path.write_bytes(b'no database at all' + big.read_bytes()[18:])
    path.with_name('a.db3-wal').write_bytes(b'and no journal')
    found, told, _ = read(path)
    assert len(found) == COUNT
    assert 'the journal cannot be applied' in told[LossKind.BAD_PAGES].detail
    assert LossKind.JOURNAL not in told


def test_rows_of_no_topic_are_told_page_by_page_too(big, tmp_path: Path) -> None:
    path = tmp_path / 'a.db3'
    shutil.copy(big, path)
    with sqlite3.connect(path) as database:
        database.execute('UPDATE messages SET topic_id = 9 WHERE id = 7')
        name = 'INSERT INTO topics VALUES (2, "/text", "std_msgs/msg/String", "cdr", "", "")'
        database.execute(name.replace('"', "'"))
        database.execute("INSERT INTO messages VALUES (?, 2, 0, x'00')", (COUNT + 1,))
    database.close()
    found, told, topic = read(path, b'no database at all' + path.read_bytes()[18:])
    assert topic == '/image'
    assert sorted(found) == [n for n in range(COUNT) if n != 6]
    assert told[LossKind.UNKNOWN_TOPIC].messages == 1
