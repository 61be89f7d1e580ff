# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command from end to end, on tiny data sets in the formats of the hub and of plain data."""

from __future__ import annotations

import json
from pathlib import Path

import browser
import cv2
import numpy as np
import pytest

pytest.importorskip('pyarrow', reason="needs pyarrow: pip install 'molmo_ground_ros[eval]'")
pytest.importorskip('pycocotools', reason="needs pycocotools: pip install 'molmo_ground_ros[eval]'")

from dataset_records import (
    HEIGHT,
    WIDTH,
    counteval,
    pointeval,
    rle,
    square,
    track,
    trackeval,
    write_lines,
    write_parquet,
)
from evaluations import Oracle

from molmo_ground_ros import backends, cli
from molmo_ground_ros.errors import BackendError

ROOT = Path(__file__).parents[2]
POINTS = 'Counting the <points coords="1.5 1 125 208;4.0 2 625 417">red cup</points> shows a total of 2.'
HALF = 'Counting the <points coords="1.5 1 125 208;4.0 2 001 001">red cup</points> shows a total of 2.'
# trackeval() is at 2 fps and judged at 1: frames 0 and 2.
TRACKS = '<tracks coords="0.0 1 125 208;1.0 1 156 208 2 625 417">the two goats</tracks>'


def write_video(path, frames=20, fps=2.0, size=(WIDTH, HEIGHT)):
    """A video whose pictures differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), fps, size)
    assert writer.isOpened()
    for k in range(frames):
        writer.write(np.full((size[1], size[0], 3), 10 * k % 250, np.uint8))
    writer.release()
    return path


def said(path, texts):
    return write_lines(path, [{'id': key, 'text': text} for key, text in texts.items()])


@pytest.fixture
def evaluate(monkeypatch, tmp_path, capsys):
    """Runs the command in an empty folder; gives (exit code, what --json printed, stderr)."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments, backend=None):
        words = ['evaluate', *map(str, arguments)]
        if backend is not None:
            monkeypatch.setitem(backends.BACKENDS, 'replay', lambda _: backend)
            words += ['--backend', 'replay']
            words += [] if '--model' in words else ['--model', 'oracle']
        capsys.readouterr()
        code = cli.main(words)
        got = capsys.readouterr()
        lines = got.out.splitlines()
        found = json.loads(lines[-1]) if '--json' in words and lines else got.out
        return code, found, got.err

    return command


@pytest.fixture
def pointed(tmp_path):
    """Four examples of VideoPointEval as parquet, without videos; ids a_red cup to d_red cup."""
    write_parquet(tmp_path / 'data/val.parquet', [pointeval(video) for video in 'abcd'])
    return tmp_path / 'data'


@pytest.fixture
def filmed(tmp_path):
    """The same with their videos."""
    folder = tmp_path / 'filmed'
    write_parquet(folder / 'val.parquet', [pointeval(video) for video in 'abcd'])
    for video in 'abcd':
        write_video(folder / f'videos/{video}.mp4')
    return folder


def test_last_line_of_json_is_metrics_with_intervals_and_counts(pointed, evaluate, tmp_path):
    texts = {'a_red cup': POINTS, 'b_red cup': HALF, 'c_red cup': POINTS}
    path = said(tmp_path / 'said.jsonl', texts)
    code, found, err = evaluate(
        '--data', pointed, '--format', 'videopointeval', '--predictions', path, '--json'
    )
    assert (code, err) == (0, '')
    assert found['f1'] == found['precision'] == found['recall'] == pytest.approx(2.5 / 4)
    assert 0 <= found['f1_low'] < found['f1'] < found['f1_high'] <= 1
    assert (found['examples'], found['skipped'], found['unanswered']) == (4, 0, 1)
    assert all(isinstance(value, int | float) for value in found.values())
    assert list(tmp_path.iterdir()) == [pointed, path]  # nothing is written


def test_table_for_people_has_models_as_rows_and_names_the_rules(pointed, evaluate, tmp_path):
    right = said(tmp_path / 'right.jsonl', {f'{v}_red cup': POINTS for v in 'abcd'})
    half = said(tmp_path / 'x.jsonl', {f'{v}_red cup': HALF for v in 'abcd'})
    code, out, _ = evaluate(
        '--data', pointed, '--format', 'allenai/Molmo2-VideoPointEval',
        '--predictions', right, '--predictions', f'half={half}', '--published',
    )  # fmt: skip
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == 'videopointeval'
    assert lines[1].split() == ['Model', 'n', 'F1', 'Recall', 'Precision']
    assert lines[3].split()[:3] == ['right', '4', '100.0']
    assert lines[4].split()[:3] == ['half', '4', '50.0']
    assert any(line.startswith('GPT-5 (published: article') for line in lines)
    assert 'Scored by the default rules' in lines[-1]


def test_several_models_are_an_object_by_name(pointed, evaluate, tmp_path):
    one = said(tmp_path / 'one/said.jsonl', {'a_red cup': POINTS})
    two = said(tmp_path / 'two/said.jsonl', {'a_red cup': HALF})
    _, found, _ = evaluate(
        '--data', pointed, '--format', 'videopointeval', '--predictions', one,
        '--predictions', two, '--predictions', f'named={one}', '--json',
    )  # fmt: skip
    assert list(found) == [str(one), str(two), 'named']
    assert [row['f1'] for row in found.values()] == [0.25, 0.125, 0.25]


def test_limit_takes_the_first_examples_and_calls_no_prediction_unknown(
    pointed, evaluate, tmp_path
):
    path = said(tmp_path / 'said.jsonl', {f'{v}_red cup': POINTS for v in 'abcd'})
    _, found, err = evaluate(
        '--data', pointed, '--format', 'videopointeval', '--predictions', path, '--json',
        '--limit', 2,
    )  # fmt: skip
    assert (found['examples'], found['bad_predictions'], err) == (2, 0, '')


def broken():
    """(what is wrong, a record of VideoPointEval)."""
    lacking = pointeval('x')
    del lacking['points']
    other = [[{'frame_id': 3, 'rle': rle(width=32, height=24)}], [{'frame_id': 8, 'rle': rle()}]]
    torn = [[{'frame_id': 3, 'rle': {'size': [HEIGHT, WIDTH], 'counts': 'zz'}}], []]
    nan = [{'x': float('nan'), 'y': 1.0}, {'x': 40.5, 'y': 20.25}]
    return {
        'missing column': lacking,
        'mask of another size': pointeval('x', masks=other),
        'bad RLE': pointeval('x', masks=torn),
        'NaN': pointeval('x', points=nan),
        'infinite': pointeval('x', video_duration=float('inf')),
        'negative time': pointeval('x', two_fps_timestamps=[-0.5, 4.0]),
        'time after the end': pointeval('x', two_fps_timestamps=[1.5, 400.0]),
        'empty video': pointeval('x', video_duration=0.0),
        'wrong type': pointeval('x', width='wide'),
        'duplicate': pointeval('a'),
    }


@pytest.mark.parametrize('what', broken())
def test_broken_record_is_named_counted_and_skipped_and_strict_stops_there(
    what, evaluate, tmp_path
):
    records = [pointeval('a'), broken()[what], pointeval('b')]
    data = write_lines(tmp_path / 'data/val.jsonl', records)
    path = said(tmp_path / 'said.jsonl', {'a_red cup': POINTS, 'b_red cup': HALF})
    given = '--data', data.parent, '--format', 'videopointeval', '--predictions', path, '--json'
    code, found, err = evaluate(*given)
    assert code == 0
    assert (found['examples'], found['skipped']) == (2, 1)
    assert found['f1'] == 0.75
    assert f'skipped {data}:2: ' in err
    assert len(err.splitlines()) == 1
    code, _, err = evaluate(*given, '--strict')
    assert code == 2
    assert err.startswith(f'molmo-ground: {data}:2: ')


def test_bad_rows_of_predictions_are_named_counted_and_skipped(pointed, evaluate, tmp_path):
    path = said(tmp_path / 'said.jsonl', {'a_red cup': POINTS, 'z_red cup': POINTS})
    with path.open('a') as file:
        file.write('{"id": "a_red cup", "text": "again"}\n{"id": "b_red cup"}\n')
    given = '--data', pointed, '--format', 'videopointeval', '--predictions', path
    code, found, err = evaluate(*given, '--json')
    assert code == 0
    assert (found['bad_predictions'], found['skipped'], found['unanswered']) == (3, 0, 3)
    assert [line.split(': ')[1] for line in err.splitlines()] == [
        f'skipped {path}:3', f'skipped {path}:4', f'skipped {path}:2',
    ]  # fmt: skip
    code, _, err = evaluate(*given, '--strict')
    assert code == 2
    assert f'{path}:3: ' in err


def test_predictions_that_lie_in_the_data_are_no_data(evaluate, tmp_path):
    data = write_lines(tmp_path / 'data/val.jsonl', [pointeval('a')])
    path = said(tmp_path / 'data/said.jsonl', {'a_red cup': POINTS})
    code, found, err = evaluate(
        '--data', data.parent, '--format', 'videopointeval', '--predictions', path, '--json'
    )
    assert (code, found['examples'], found['skipped'], err) == (0, 1, 0, '')


@pytest.mark.parametrize(
    ('format_', 'records', 'texts', 'metrics'),
    [
        pytest.param(
            'videocounteval', [counteval('a'), counteval('b')],
            {'a_goat': '3', 'b_goat': 'Counting the <points coords="1.0 1 100 100">goat</points> '
             'shows a total of 4.'},
            {'accuracy': 0.5, 'close_accuracy': 1.0, 'parse_failures': 0.0}, id='videocounteval',
        ),
        pytest.param(
            'videotrackeval', [trackeval('t1')], {'t1': TRACKS},
            {'f1': 1.0, 'hota': 1.0, 'deta': 1.0, 'assa': 1.0}, id='videotrackeval',
        ),
        pytest.param(
            'videotrackeval', [trackeval('t1')], {'t1': 'There are none.'},
            {'f1': 0.0, 'hota': 0.0}, id='nothing tracked',
        ),
        pytest.param(
            'videotrack', [track('t1')], {'t1': TRACKS}, {'unscored': 1}, id='videotrack, no masks',
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize('write', [write_lines, write_parquet], ids=['lines', 'parquet'])
def test_formats_of_the_hub(format_, records, texts, metrics, write, evaluate, tmp_path):
    suffix = 'jsonl' if write is write_lines else 'parquet'
    write(tmp_path / f'data/test.{suffix}', records)
    path = said(tmp_path / 'said.jsonl', texts)
    code, found, _ = evaluate(
        '--data', tmp_path / 'data', '--format', format_, '--predictions', path, '--json'
    )
    assert code == 0
    assert {name: found[name] for name in metrics} == metrics
