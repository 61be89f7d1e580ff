# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground export` on hand-made files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from support.full_disk import full_after

from molmo_ground_ros import cli
from molmo_ground_ros.benchmarks import datasets
from molmo_ground_ros.benchmarks.datasets.row_reader import rows
from molmo_ground_ros.commands.export import sources

S = 1_000_000_000
START = 1_700_000_000 * S


def record(at: float, number: int, verdict: object = 'confirmed', **changed: object) -> dict:
    """A record as `analyze` writes it, at `at` seconds of a window of 20 s."""
    return {
        'type': 'event',
        'question': 0,
        'query': 'How many times was the cup lifted?',
        'task': 'count',
        'camera': '/image',
        'stamp_ns': START + round(at * S),
        'seconds': at,
        'id': number,
        'label': 'lift of the cup',
        'x': 64.0,
        'y': 48.0,
        'score': None,
        'image_width': 640,
        'image_height': 480,
        'window': 0,
        'window_start_ns': START,
        'window_end_ns': START + 20 * S,
        'window_state': 'answered',
        'marks': [],
        'text': 'Counting the ...',
        'verdict': verdict,
        **changed,
    }


def track_point(at: float, number: int, **changed: object) -> dict:
    return record(at, number, type='track_point', query='Track the cup', task='track', **changed)


def write_jsonl(path: Path, *records: object) -> str:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in records]
    path.write_text('\n'.join(lines) + '\n')
    return str(path)


def write_csv(path: Path, *records: dict) -> str:
    with path.open('w', newline='', encoding='utf-8-sig') as file:  # as Excel saves it
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return str(path)


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def export(tmp_path: Path, *files: str, to: str = 'both') -> tuple[int, Path]:
    out = tmp_path / 'out'
    return cli.main(['export', *files, '--out', str(out), '--to', to]), out


def test_confirmed_corrected_and_wrong_answers_of_a_file(tmp_path, capsys):
    records = [record(3, 1), record(4.5, 2, '320 240'), record(6, 3, 'wrong'), track_point(5, 1)]
    code, out = export(tmp_path, write_jsonl(tmp_path / 'run1.jsonl', *records))
    assert code == 0
    (points,), (tracks,), (clip,) = (
        read(out / name) for name in ('videopoint.jsonl', 'videotrack.jsonl', 'clips.jsonl')
    )
    assert points['count'] == 2
    assert points['points'] == [[{'x': 10.0, 'y': 10.0}], [{'x': 50.0, 'y': 50.0}]]
    assert points['two_fps_timestamps'] == [3.0, 4.5]
    assert tracks['points'][0]['points'][10] == [64.0, 48.0]
    assert points['video_id'] == tracks['clip'] == clip['clip']
    assert (clip['source'], clip['camera']) == ('run1', '/image')
    assert (clip['start_ns'], clip['end_ns']) == (START, START + 20 * S)
    captured = capsys.readouterr()
    assert '1 VideoPoint records, 2 points\n1 VideoTrack records, 1 objects' in captured.out
    assert captured.err == ''


def test_event_moved_to_another_image_is_exported_with_its_time(tmp_path):
    moved = record(3, 1, f'320 240 {START + 5 * S}')
    _, out = export(tmp_path, write_jsonl(tmp_path / 'run1.jsonl', moved, record(4, 2)))
    (points,), (clip,) = (read(out / name) for name in ('videopoint.jsonl', 'clips.jsonl'))
    assert points['points'] == [[{'x': 10.0, 'y': 10.0}], [{'x': 50.0, 'y': 50.0}]]
    assert points['two_fps_timestamps'] == [4.0, 5.0]
    assert clip['stamps'][1] == {'frame': 10, 'stamp_ns': START + 5 * S}


def test_csv_gives_what_json_lines_give(tmp_path):
    records = [record(3, 1), record(4.5, 2, '320 240'), record(6, 3, 'wrong'), track_point(5, 1)]
    _, out = export(tmp_path, write_jsonl(tmp_path / 'run1.jsonl', *records))
    expected = {path.name: path.read_bytes() for path in out.iterdir()}
    _, out = export(tmp_path, write_csv(tmp_path / 'run1.csv', *records))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == expected
    assert len(expected) == 3


def test_apostrophe_that_guards_a_text_from_spreadsheets_is_taken_off(tmp_path):
    _, out = export(tmp_path, write_csv(tmp_path / 'run1.csv', record(3, 1, label="'=cup")))
    assert read(out / 'videopoint.jsonl')[0]['label'] == '=cup'


@pytest.mark.parametrize(
    ('to', 'names'),
    [
        ('videopoint', ['clips.jsonl', 'videopoint.jsonl']),
        ('videotrack', ['clips.jsonl', 'videotrack.jsonl']),
    ],
)
def test_only_what_was_asked_for_is_written(tmp_path, to, names):
    file = write_jsonl(tmp_path / 'run1.jsonl', record(3, 1), track_point(5, 1))
    _, out = export(tmp_path, file, to=to)
    assert sorted(path.name for path in out.iterdir()) == names
    assert [len(read(out / name)) for name in names] == [1, 1]


def test_answers_not_looked_at_and_incomplete_are_counted(tmp_path, capsys):
    file = write_jsonl(
        tmp_path / 'run1.jsonl',
        record(3, 1),
        record(4, 2, None),
        record(3, 1, '', question=1, query='How many cups?'),
    )
    code, out = export(tmp_path, file)
    assert code == 0
    assert read(out / 'videopoint.jsonl') == read(out / 'clips.jsonl') == []
    summary = capsys.readouterr().out
    assert 'not looked at: 1 answers\nincomplete: 1 answers\n' in summary
    assert "'How many times was the cup lifted?': 1 of 2 points not looked at" in summary


def test_bad_rows_are_told_with_file_and_row_and_spoil_their_own_answer_only(tmp_path, capsys):
    file = write_jsonl(
        tmp_path / 'run1.jsonl',
        record(3, 1),
        '{"type": "event", ',
        '[1, 2]',
        record(4, 1, 'perhaps', question=1),
        record(5, 2, question=1),
        record(6, 1, x=float('nan'), question=2),
        record(3, 1),
        '[' * 100_000,
        {'type': 'event'},
    )
    code, out = export(tmp_path, file)
    assert code == 0
    assert [row['count'] for row in read(out / 'videopoint.jsonl')] == [1]
    captured = capsys.readouterr()
    rows = [line.split(':')[1] for line in captured.err.splitlines()]
    assert rows == ['2', '3', '4', '6', '7', '8', '9']
    assert f"{file}:4: verdict = 'perhaps'" in captured.err
    assert f'{file}:7: id = 1: the same row was there before' in captured.err
    assert 'incomplete: 1 answers' in captured.out
    assert '1 of its rows could not be read' in captured.out
    assert 'skipped: 7 rows or files' in captured.out


def test_two_rows_that_contradict_each_other_spoil_their_answer(tmp_path, capsys):
    file = write_jsonl(tmp_path / 'run1.jsonl', record(3, 1), record(3, 1, 'wrong'), record(4, 2))
    _, out = export(tmp_path, file)
    assert read(out / 'videopoint.jsonl') == []
    assert f'{file}:2: id = 1: another row of this point' in capsys.readouterr().err


def test_same_recording_twice_is_two_sources_and_a_file_that_is_missing_stops_nothing(
    tmp_path, capsys
):
    files = []
    for name in ('monday', 'tuesday'):
        (tmp_path / name).mkdir()
        files.append(write_jsonl(tmp_path / name / 'records.jsonl', record(3, 1)))
    code, out = export(tmp_path, *files, str(tmp_path / 'none.jsonl'))
    assert code == 0
    clips = read(out / 'clips.jsonl')
    assert [clip['source'] for clip in clips] == ['monday-records', 'tuesday-records']
    assert len({clip['clip'] for clip in clips}) == 2
    assert 'none.jsonl: the rest cannot be read' in capsys.readouterr().err


@pytest.mark.parametrize(
    'content',
    [
        pytest.param(b'', id='the file is missing'),
        pytest.param(b'\x89PNG\r\n\x1a\n\x00', id='not text'),
        pytest.param(b'{"type": "event"}\n', id='no row can be used'),
    ],
)
@pytest.mark.parametrize('suffix', ['jsonl', 'csv'])
def test_nothing_that_can_be_read_is_code_2(tmp_path, capsys, content, suffix):
    file = tmp_path / f'run1.{suffix}'
    if content:
        file.write_bytes(content + b'x\n' * (suffix == 'csv'))
    code, out = export(tmp_path, str(file))
    assert code == 2
    assert not out.exists()
    assert 'nothing could be read' in capsys.readouterr().err


def test_recording_without_any_event_is_no_error(tmp_path):
    code, out = export(tmp_path, write_jsonl(tmp_path / 'run1.jsonl'))
    assert code == 0
    assert read(out / 'videopoint.jsonl') == []


def test_full_disk_leaves_the_older_file(tmp_path, capsys):
    file = write_jsonl(tmp_path / 'run1.jsonl', record(3, 1))
    _, out = export(tmp_path, file)
    before = (out / 'videopoint.jsonl').read_bytes()
    changed = write_jsonl(tmp_path / 'run1.jsonl', record(5, 1))
    with full_after(10):
        code, _ = export(tmp_path, changed)
    assert code == 2
    assert 'File too large' in capsys.readouterr().err
    assert (out / 'videopoint.jsonl').read_bytes() == before
    assert not list(out.glob('*.partial'))


def test_sources_have_different_names():
    paths = [Path(name) for name in ('/a/x.csv', '/b/x.csv', '/b/x.jsonl', '/b/y.csv')]
    assert sources(paths) == ['a-x', 'b-x', 'b-x#2', 'y']


def test_records_may_be_written_as_parquet(tmp_path):
    file = write_jsonl(tmp_path / 'run1.jsonl', record(3, 1), track_point(5, 1))
    _, plain = export(tmp_path, file)
    packed = tmp_path / 'packed'

    assert cli.main(['export', file, '--out', str(packed), '--as', 'parquet']) == 0

    names = sorted(path.name for path in packed.iterdir())
    assert names == ['clips.jsonl', 'videopoint.parquet', 'videotrack.parquet']
    for kind in ('videopoint', 'videotrack'):
        (stored,) = rows(packed / f'{kind}.parquet')
        assert [stored.values] == read(plain / f'{kind}.jsonl')
        (example,) = datasets.read(kind, packed / f'{kind}.parquet')
        assert example.label == 'lift of the cup'
