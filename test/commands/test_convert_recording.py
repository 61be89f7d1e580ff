# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground convert recording`: labels and a recording become records and their videos."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from support.sam2_checkpoint import write_sam2

from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.benchmarks.datasets.media import MediaFolder
from molmo_ground_ros.cli import main
from molmo_ground_ros.frames import image
from molmo_ground_ros.recording import open_recording

S = 1_000_000_000
ROOT = Path(__file__).parents[2]
BAG = ROOT / 'examples' / 'tabletop.mcap'
TRUTH = json.loads((ROOT / 'examples' / 'tabletop.json').read_text())
CAMERA = TRUTH['topics']['image']
START = TRUTH['first_stamp_ns']
END = START + 10 * S


def label(at, number, verdict='confirmed', **changed):
    """A labelled event at `at` seconds of a window of 10 s."""
    return {
        'type': 'event',
        'question': 0,
        'query': 'How many times was a block grasped?',
        'task': 'count',
        'camera': CAMERA,
        'stamp_ns': START + round(at * S),
        'id': number,
        'label': 'grasp of a block',
        'x': 320.0,
        'y': 120.0,
        'image_width': 640,
        'image_height': 480,
        'window_start_ns': START,
        'window_end_ns': END,
        'window_state': 'answered',
        'verdict': verdict,
    } | changed


def track(at, number, **changed):
    words = {'query': 'Track the block', 'task': 'track', 'label': 'block', 'question': 1}
    return label(at, number, **({'type': 'track_point'} | words | changed))


LABELS = [label(1.5, 1), label(6.0, 2, '160 240'), *(track(at, 1) for at in (0.0, 0.5, 1.0))]


def write_labels(path, records=LABELS):
    if path.suffix == '.csv':
        with path.open('w', newline='') as file:
            writer = csv.DictWriter(file, list(records[0]))
            writer.writeheader()
            writer.writerows(records)
    else:
        path.write_text('\n'.join(json.dumps(record) for record in records) + '\n')
    return path


def convert(out, labels, *more, data=BAG):
    return main(
        ['convert', 'recording', str(data), '--labels', str(labels), '--out', str(out), *more]
    )


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp('made')
    assert convert(folder / 'out', write_labels(folder / 'monday.jsonl')) == 0
    return folder / 'out'


def test_labels_become_both_kinds_of_records_with_their_video(made):
    (points,) = read('videopoint', made / 'videopoint.jsonl')
    (tracks,) = read('videotrack', made / 'videotrack.jsonl')
    assert [tubelet.points[0] for tubelet in points.truth.objects] == [
        (1.5, 320.0, 120.0),
        (6.0, 160.0, 240.0),
    ]
    assert points.truth.count == 2
    assert tracks.truth.objects[0].points == dict.fromkeys(range(3), (320.0, 120.0))
    assert MediaFolder(made).find(points.media) == MediaFolder(made).find(tracks.media)


def test_a_frame_of_the_video_is_the_image_that_the_person_saw(made):
    (points,) = read('videopoint', made / 'videopoint.jsonl')
    clip = MediaFolder(made).clip(points)
    assert [frame.stamp_ns for frame in clip.frames] == [k * S // 2 for k in range(21)]
    with open_recording([BAG], CAMERA) as recording:
        for frame in clip.frames:
            seen = image.decode(recording.message(START + frame.stamp_ns).image)
            # H.264 loses a little, and half of the colours' resolution.
            assert np.abs(frame.image.astype(int) - seen).mean() < 4


@pytest.mark.parametrize('name', ['monday.csv', 'monday.jsonl'])
def test_csv_and_the_file_of_the_page_give_the_same(name, made, tmp_path):
    assert convert(tmp_path / 'out', write_labels(tmp_path / name)) == 0
    for path in made.glob('*.jsonl'):
        assert (tmp_path / 'out' / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize('suffix', ['jsonl', 'parquet'])
def test_a_folder_of_export_gives_the_same(suffix, made, tmp_path):
    labels = write_labels(tmp_path / 'monday.jsonl')
    assert main(['export', str(labels), '--out', str(tmp_path / 'e'), '--as', suffix]) == 0
    assert convert(tmp_path / 'out', tmp_path / 'e') == 0
    for name in ('clips', 'videotrack', 'videopoint'):
        own, other = (
            [json.loads(line) for line in (folder / f'{name}.jsonl').read_text().splitlines()]
            for folder in (made, tmp_path / 'out')
        )
        assert own == other


def test_parquet_and_one_kind_where_asked(tmp_path):
    labels = write_labels(tmp_path / 'monday.jsonl')
    assert convert(tmp_path / 'out', labels, '--to', 'videotrack', '--as', 'parquet') == 0
    names = sorted(path.name for path in (tmp_path / 'out').iterdir())
    assert names == ['clips.jsonl', 'videos', 'videotrack.parquet']
    (tracks,) = read('videotrack', tmp_path / 'out' / 'videotrack.parquet')
    assert tracks.label == 'block'


def test_what_cannot_be_used_is_a_line_and_the_rest_is_written(tmp_path, capsys):
    records = [*LABELS, label(2.0, 3, 'maybe', question=7), label(2.0, 4, '', question=8)]
    records += [label(3.0, 1, question=9), label(3.5, 2, '', question=9)]
    assert convert(tmp_path / 'out', write_labels(tmp_path / 'monday.jsonl', records)) == 0
    streams = capsys.readouterr()
    bad, incomplete = streams.err.splitlines()
    assert bad.startswith(f'skipped: {tmp_path}/monday.jsonl:6: verdict = ')
    assert '1 of 2 points not looked at' in incomplete
    assert '1 videos: ' in streams.out
    assert streams.out.endswith('not looked at: 1 answers\nskipped: 2\n')


def test_labels_of_another_recording_are_named(tmp_path, capsys):
    labels = write_labels(tmp_path / 'monday.jsonl', [label(2.345000001, 1)])
    assert convert(tmp_path / 'out', labels) == 2
    first, last = capsys.readouterr().err.splitlines()
    assert f"'{CAMERA}': none has the stamp {START + 2_345_000_001}, as " in first
    assert 'holds none of the labelled clips' in last


def test_strict_stops_at_the_first_fault(tmp_path, capsys):
    labels = write_labels(tmp_path / 'monday.jsonl', [*LABELS, label(2.0, 3, 'maybe', question=7)])
    assert convert(tmp_path / 'out', labels, '--strict') == 2
    assert 'monday.jsonl:6: ' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_masks_that_do_not_hold_their_points_are_named(tmp_path, capsys):
    labels = write_labels(tmp_path / 'monday.jsonl')
    sam2 = write_sam2(tmp_path / 'sam2', seen=-2.0)
    options = ('--sam2', str(sam2), '--device', 'cpu', '--to', 'videotrackeval')
    assert convert(tmp_path / 'out', labels, *options) == 0
    streams = capsys.readouterr()
    assert "'block' has no masks: point = '320 120'" in streams.err
    assert '0 records: ' in streams.out


def test_with_sam2_all_four_kinds_are_written(tmp_path):
    labels = write_labels(tmp_path / 'monday.jsonl')
    sam2 = write_sam2(tmp_path / 'sam2')
    assert convert(tmp_path / 'out', labels, '--sam2', str(sam2), '--device', 'cpu') == 0
    names = {path.stem for path in (tmp_path / 'out').glob('*.jsonl')}
    assert names == {'clips', 'videopoint', 'videotrack', 'videopointeval', 'videotrackeval'}


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        pytest.param([], 'a recording needs --labels', id='no labels'),
        pytest.param(['--labels', 'L', '--to', 'videopointeval'], 'needs --sam2', id='no masks'),
        pytest.param(['--labels', 'L', '--format', 'mot'], 'is for masks or boxes', id='format'),
        pytest.param(['--labels', 'L', '--upsample'], 'is for masks or boxes', id='upsample'),
        pytest.param(['--labels', '.'], 'holds no clips.jsonl', id='no folder of export'),
    ],
)
def test_settings_that_do_not_go_together_are_named(arguments, words, tmp_path, capsys):
    run = ['convert', 'recording', str(BAG), '--out', str(tmp_path / 'out'), *arguments]
    assert main(run) == 2
    assert words in capsys.readouterr().err
