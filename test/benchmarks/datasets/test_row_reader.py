# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rows of files, whole and damaged, in the folders that the hub serves."""

import json
import tracemalloc

import pyarrow as pa
import pytest
from pyarrow import parquet
from support.dataset_records import write_lines, write_parquet

from molmo_ground_ros.benchmarks.datasets.row_reader import rows
from molmo_ground_ros.errors import BadRecord, BadSetting


def numbers(*values):
    return [{'n': value} for value in values]


def told(path):
    """The values and the faults."""
    read_rows = list(rows(path))
    return [one.values['n'] for one in read_rows if not isinstance(one, BadRecord)], [
        one for one in read_rows if isinstance(one, BadRecord)
    ]


def test_shards_come_in_the_order_of_their_numbers_and_rows_count_in_each(tmp_path):
    for shard in (2, 10, 0):
        write_parquet(tmp_path / 'data' / f'train-{shard}-of-11.parquet', numbers(shard, shard + 1))

    read_rows = list(rows(tmp_path))

    assert [one.values['n'] for one in read_rows] == [0, 1, 2, 3, 10, 11]
    assert [one.row for one in read_rows] == [1, 2] * 3
    assert read_rows[2].file == str(tmp_path / 'data' / 'train-2-of-11.parquet')


def test_all_row_groups_are_read(tmp_path):
    path = write_parquet(tmp_path / 'a.parquet', numbers(*range(50)), row_group_size=7)

    read_rows = list(rows(path))

    assert [one.values['n'] for one in read_rows] == list(range(50))
    assert [one.row for one in read_rows] == list(range(1, 51))


def test_folder_of_all_configs_is_read_and_not_each_config_again(tmp_path):
    write_parquet(tmp_path / 'data' / 'train-00000-of-00001.parquet', numbers(1, 2))
    write_parquet(tmp_path / 'spatial reference' / 'train-00000-of-00001.parquet', numbers(2))

    assert told(tmp_path)[0] == [1, 2]
    assert told(tmp_path / 'spatial reference')[0] == [2]


def test_folders_of_configs_alone_are_all_read(tmp_path):
    write_parquet(tmp_path / 'animal' / 'train.parquet', numbers(1))
    write_parquet(tmp_path / 'object' / 'train.parquet', numbers(2))

    assert told(tmp_path)[0] == [1, 2]


def test_one_split_can_be_named(tmp_path):
    write_parquet(tmp_path / 'data' / 'train-00000-of-00001.parquet', numbers(1))
    write_parquet(tmp_path / 'data' / 'val-00000-of-00001.parquet', numbers(2))
    write_lines(tmp_path / 'lines' / 'val.jsonl', numbers(3))

    assert told(tmp_path)[0] == [1, 2]
    assert told(tmp_path / 'val')[0] == [2]
    assert told(tmp_path / 'data' / 'val')[0] == [2]
    assert told(tmp_path / 'lines' / 'val')[0] == [3]


def test_what_the_reference_keeps_on_disk_is_read(tmp_path):
    batch = pa.RecordBatch.from_pylist(numbers(*range(20)))
    path = tmp_path / 'data-00000-of-00001.arrow'
    with pa.OSFile(str(path), 'wb') as file, pa.ipc.new_stream(file, batch.schema) as writer:
        writer.write_batch(batch)
        writer.write_batch(batch)
    (tmp_path / 'dataset_info.json').write_text('{}')
    (tmp_path / 'state.json').write_text('{}')

    read_rows = list(rows(tmp_path))

    assert [one.values['n'] for one in read_rows] == [*range(20), *range(20)]
    assert [one.row for one in read_rows] == list(range(1, 41))

    path.write_bytes(path.read_bytes()[:-200])

    values, (fault,) = told(tmp_path)

    assert values == [*range(20)]
    assert (fault.row, 'the rest cannot be read' in fault.why) == (21, True)


def test_json_beside_the_records_that_holds_none_is_passed_over(tmp_path):
    write_lines(tmp_path / 'youtube_id_to_urls_mapping.json', [{'x': {}}])
    (tmp_path / 'val.json').write_text(json.dumps(numbers(1, 2)))

    assert told(tmp_path) == ([1, 2], [])


def test_lines_with_a_byte_order_mark_and_empty_lines_are_read(tmp_path):
    path = tmp_path / 'a.jsonl'
    path.write_bytes(b'\xef\xbb\xbf{"n": 1}\r\n\r\n{"n": 2}')

    read_rows = list(rows(tmp_path))

    assert [(one.row, one.values['n']) for one in read_rows] == [(1, 1), (3, 2)]


@pytest.mark.parametrize(
    ('line', 'why'),
    [
        pytest.param(b'{"n": 1', 'is no JSON', id='torn'),
        pytest.param(b'\xff\xfe{}', 'is no JSON', id='no UTF-8'),
        pytest.param(b'[1]', 'is no record but a list', id='no record'),
        pytest.param(b'[' * 10**5, 'is no JSON', id='too deep'),
        pytest.param(b'{"n": ' + b'9' * 5000 + b'}', 'is no JSON', id='a number of 5000 digits'),
        pytest.param(b'\x00' * 100, 'is no JSON', id='zeros'),
    ],
)
def test_a_line_that_is_no_record_is_named_and_the_others_are_read(tmp_path, line, why):
    path = tmp_path / 'a.jsonl'
    path.write_bytes(b'{"n": 1}\n' + line + b'\n{"n": 3}\n')

    values, (fault,) = told(tmp_path)

    assert values == [1, 3]
    assert (fault.file, fault.row) == (str(path), 2)
    assert fault.why.startswith(why)
    assert len(str(fault)) < 500


@pytest.mark.parametrize(
    'content',
    [
        pytest.param(b'', id='empty'),
        pytest.param(b'PAR1', id='four bytes'),
        pytest.param(b'{"n": 1}', id='another kind'),
        pytest.param(b'\x00' * 4096, id='zeros'),
        pytest.param(None, id='truncated'),
    ],
)
def test_a_file_that_is_no_parquet_is_named_and_the_others_are_read(tmp_path, content):
    write_parquet(tmp_path / 'a.parquet', numbers(1))
    broken = write_parquet(tmp_path / 'b.parquet', numbers(2))
    broken.write_bytes(broken.read_bytes()[:-20] if content is None else content)
    write_parquet(tmp_path / 'c.parquet', numbers(3))

    values, (fault,) = told(tmp_path)

    assert values == [1, 3]
    assert (fault.file, fault.row) == (str(broken), 0)
    assert 'is no parquet file' in fault.why


def test_a_damaged_row_group_costs_itself(tmp_path):
    records = [{'n': k, 'text': f'{k} ' * 500} for k in range(30)]
    path = write_parquet(tmp_path / 'a.parquet', records, row_group_size=10, compression='zstd')
    column = parquet.read_metadata(path).row_group(1).column(1)
    data = bytearray(path.read_bytes())
    at = column.dictionary_page_offset
    data[at : at + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(data)

    values, (fault,) = told(tmp_path)

    assert values == [*range(10), *range(20, 30)]
    assert (fault.file, fault.row) == (str(path), 11)
    assert fault.why.startswith('row group 1 cannot be read on, to row 20')


def test_text_that_is_no_utf8_costs_its_row(tmp_path):
    raw = pa.array([b'a', b'\xff\xfe', b'c'], pa.binary())
    table = pa.table({'n': raw.view(pa.string())})
    parquet.write_table(table, tmp_path / 'a.parquet')

    values, (fault,) = told(tmp_path)

    assert values == ['a', 'c']
    assert (fault.row, 'utf-8' in fault.why) == (2, True)


def test_an_empty_file_and_json_of_another_shape_are_named(tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'b').mkdir()
    (tmp_path / 'a' / 'a.jsonl').touch()
    (tmp_path / 'b' / 'b.json').write_text('{"n": 1}')
    (tmp_path / 'b' / 'c.json').write_text('{"n": ')

    assert [fault.why for fault in told(tmp_path / 'a')[1]] == ['is empty']
    first, second = told(tmp_path / 'b')[1]
    assert first.why == 'is no list of records but a dict'
    assert second.why.startswith('is no JSON')


@pytest.mark.parametrize('name', ['nothing', 'none/at/all', 'some.txt'])
def test_where_there_is_no_data_is_an_error(tmp_path, name):
    (tmp_path / 'nothing').mkdir()
    (tmp_path / 'some.txt').touch()

    with pytest.raises(BadSetting, match='data = '):
        list(rows(tmp_path / name))


@pytest.mark.parametrize('kind', ['parquet', 'jsonl'])
def test_a_file_far_larger_than_what_is_held_is_streamed(tmp_path, kind):
    records = ({'n': k, 'text': f'{k}-' * 25_000} for k in range(400))  # 50 MB as text
    path = tmp_path / f'a.{kind}'
    if kind == 'parquet':
        write_parquet(path, records, row_group_size=100)
    else:
        write_lines(path, records)

    tracemalloc.start()
    try:
        number = sum(1 for _ in rows(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert number == 400
    assert peak < 10_000_000
