# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Records written and read back."""

from dataclasses import replace

import pyarrow as pa
import pytest
from pyarrow import parquet
from support.dataset_records import point, read_all, track, trackeval

from molmo_ground_ros.benchmarks.datasets import write
from molmo_ground_ros.benchmarks.datasets.row_reader import rows
from molmo_ground_ros.errors import BadArgument, BadField

# The hub's own table of VideoPoint, and after it the size that ours add.
POINT_TYPES = {
    'video_id': pa.string(),
    'question': pa.string(),
    'label': pa.string(),
    'count': pa.int64(),
    'two_fps_timestamps': pa.list_(pa.float64()),
    'points': pa.list_(pa.list_(pa.struct([('x', pa.float64()), ('y', pa.float64())]))),
    'raw_frames': pa.list_(pa.int64()),
    'raw_timestamps': pa.list_(pa.float64()),
    'annotator_unsure': pa.bool_(),
    'category': pa.string(),
    'video_duration': pa.float64(),
    'video_source': pa.string(),
    'clip_start': pa.float64(),
    'clip_end': pa.float64(),
    'width': pa.int64(),
    'height': pa.int64(),
}

RECORDS = {
    'videopoint': [
        point('a', width=640, height=480),
        point('b', count=0, points=[], two_fps_timestamps=[], raw_frames=[], raw_timestamps=[]),
    ],
    'videotrack': [track('a'), track('b', mask_id=[], points=[])],
    'videotrackeval': [trackeval('a'), trackeval('b', mask_id=[], points=[], masks=[])],
}


@pytest.mark.parametrize('suffix', ['parquet', 'jsonl'])
@pytest.mark.parametrize('kind', list(RECORDS))
def test_records_come_back_as_they_were_written(tmp_path, kind, suffix):
    path = tmp_path / f'{kind}.{suffix}'

    assert write(path, iter(RECORDS[kind]), kind) == 2

    rows_read = [row.values for row in rows(path)]
    expected = [dict(record) for record in RECORDS[kind]]
    for record in expected if kind == 'videopoint' else []:
        record.setdefault('width', None)
        record.setdefault('height', None)
    assert rows_read == expected
    examples, faults = read_all(kind, path)
    assert len(examples) == 2 and not faults
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_both_kinds_of_file_say_the_same(tmp_path):
    for suffix in ('parquet', 'jsonl'):
        write(tmp_path / f'a.{suffix}', RECORDS['videotrackeval'], 'videotrackeval')

    (packed, _), (written, _) = (
        read_all('videotrackeval', tmp_path / f'a.{suffix}')[0] for suffix in ('parquet', 'jsonl')
    )

    assert replace(packed, file='') == replace(written, file='')


@pytest.mark.parametrize('records', [RECORDS['videopoint'], RECORDS['videopoint'][1:], []])
def test_types_are_the_hubs_whatever_the_records_hold(tmp_path, records):
    path = tmp_path / 'a.parquet'
    write(path, records, 'videopoint')

    schema = parquet.read_schema(path)

    assert dict(zip(schema.names, schema.types, strict=True)) == POINT_TYPES


def test_more_records_than_are_held_are_written_in_groups(tmp_path):
    path = tmp_path / 'a.parquet'

    assert write(path, (point(f'v{k}') for k in range(600)), 'videopoint') == 600

    assert parquet.ParquetFile(path).num_row_groups == 3
    assert [row.values['video_id'] for row in rows(path)] == [f'v{k}' for k in range(600)]


@pytest.mark.parametrize('suffix', ['parquet', 'jsonl'])
@pytest.mark.parametrize(
    ('record', 'message'),
    [
        pytest.param({**point(), 'extra': 1}, r"record 2 = \['extra'\]", id='another column'),
        pytest.param({'video_id': 'a'}, 'are missing, or are no columns', id='missing columns'),
        pytest.param(point(count=-1), r'record 2 = .*count = -1', id='not readable'),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, record, message, suffix):
    path = tmp_path / f'a.{suffix}'
    path.write_text('older')

    with pytest.raises(BadField, match=message):
        write(path, [point(), record], 'videopoint')

    assert path.read_text() == 'older'
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_value_of_another_type_does_not_get_into_parquet(tmp_path):
    with pytest.raises(BadField, match=r'records = .1 to 2.*do not have the types'):
        write(tmp_path / 'a.parquet', [point(), point(raw_frames=['x'])], 'videopoint')

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ('name', 'kind'), [('a.jsonl', 'videocounteval'), ('a.csv', 'videopoint'), ('a', 'videotrack')]
)
def test_another_kind_or_file_is_an_error(tmp_path, name, kind):
    with pytest.raises(BadArgument, match=r'is none of|ends in none of'):
        write(tmp_path / name, [], kind)
