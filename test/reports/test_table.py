# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import csv
from dataclasses import replace

import pytest
from support.disk import room_for
from support.findings import COUNT, NASTY, WIDTH, ZERO, analysis, grasps, paths

from molmo_ground_ros.analysis.records import KEYS, records
from molmo_ground_ros.reports.table import cell_text, write_csv


def rows_of(path):
    with path.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file, strict=True))


def test_table_holds_every_record_with_its_values(tmp_path):
    made = analysis(grasps(), paths())
    write_csv(made, tmp_path / 'out.csv')
    expected = list(records(made))
    rows = rows_of(tmp_path / 'out.csv')
    assert tuple(rows[0]) == KEYS
    assert len(rows) == len(expected) > 80
    for row, record in zip(rows, expected, strict=True):
        for key in ('question', 'stamp_ns', 'id', 'window', 'window_start_ns', 'window_end_ns'):
            assert int(row[key]) == record[key]
        for key in ('seconds', 'x', 'y'):
            assert float(row[key]) == record[key]
        assert row['score'] == ('' if record['score'] is None else repr(record['score']))
        assert row['marks'] == '; '.join(record['marks'])
        assert row['verdict'] == ''
        assert cell_text(row['text']) == record['text']
        assert cell_text(row['camera']) == record['camera']


def test_table_opens_in_pandas(tmp_path):
    pandas = pytest.importorskip('pandas', reason='needs pip install pandas')
    write_csv(analysis(grasps()), tmp_path / 'out.csv')
    frame = pandas.read_csv(tmp_path / 'out.csv')
    assert list(frame.columns) == list(KEYS)
    assert len(frame) == 4
    assert frame['stamp_ns'].min() >= ZERO
    assert frame['score'].isna().sum() == 1
    assert set(frame['image_width']) == {WIDTH}


@pytest.mark.parametrize(
    ('text', 'cell'),
    [
        pytest.param('=HYPERLINK("x")', '\'=HYPERLINK("x")', id='formula'),
        pytest.param('+1', "'+1", id='plus'),
        pytest.param('-1', "'-1", id='minus'),
        pytest.param('@SUM(A1)', "'@SUM(A1)", id='at'),
        pytest.param('\t=1', "'\t=1", id='tab'),
        pytest.param('\r\n=1', "'\r\n=1", id='new line'),
        pytest.param("'quoted'", "''quoted'", id='an apostrophe of its own'),
        pytest.param('a = b', 'a = b', id='a sign further in'),
        pytest.param('two\n"lines", and, commas', 'two\n"lines", and, commas', id='quotes'),
    ],
)
def test_text_that_a_spreadsheet_would_run_begins_with_an_apostrophe(tmp_path, text, cell):
    write_csv(analysis(grasps(words=text)), tmp_path / 'out.csv')
    rows = rows_of(tmp_path / 'out.csv')
    assert {row['text'] for row in rows} == {cell}
    assert cell_text(cell) == text


def test_any_text_can_be_written(tmp_path):
    write_csv(analysis(grasps(replace(COUNT, text=NASTY), words=NASTY)), tmp_path / 'out.csv')
    (text,) = {row['text'] for row in rows_of(tmp_path / 'out.csv')}
    assert text == NASTY.replace('\ud800', '\\ud800')


def test_lines_end_as_rfc_4180_has_it(tmp_path):
    write_csv(analysis(grasps()), tmp_path / 'out.csv')
    data = (tmp_path / 'out.csv').read_bytes()
    assert data.endswith(b'\r\n')
    assert data.count(b'\n') == data.count(b'\r\n') == 5


def test_disk_that_fills_leaves_the_older_table(tmp_path):
    path = tmp_path / 'out.csv'
    path.write_text('older')
    with room_for(1000), pytest.raises(OSError, match='too large'):
        write_csv(analysis(paths()), path)
    assert path.read_text() == 'older'
    assert list(tmp_path.iterdir()) == [path]
