# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.annotated import HEIGHT, WIDTH, box_of, square
from support.disk import room_for
from support.sam2_checkpoint import write_sam2

from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.cli import main
from molmo_ground_ros.commands.conversion_log import Log
from molmo_ground_ros.errors import BadRecord
from molmo_ground_ros.frames.masks import mask_of

FRAMES = 24  # of a video, 6 a second


def youtube_vis(folder: Path, names=('one', 'two'), objects=3, broken=()) -> Path:
    """Masks of squares, as YouTube-VIS writes them; a broken video's have another size."""
    folder.mkdir()
    videos, annotations = [], []
    for video, name in enumerate(names, start=1):
        files = [f'{name}/{k:05}.jpg' for k in range(FRAMES)]
        videos.append(
            {'id': video, 'file_names': files, 'width': WIDTH, 'height': HEIGHT, 'length': FRAMES}
        )
        for number in range(objects):
            masks = [
                mask_of(square(k, number)[: -3 if name in broken else None]).rle()
                for k in range(FRAMES)
            ]
            annotations.append(
                {
                    'id': len(annotations) + 1,
                    'video_id': video,
                    'category_id': 1 if number < 1 else 2,
                    'segmentations': [None] * 3 * number + masks[3 * number :],
                }
            )
    categories = [{'id': 1, 'name': 'cup'}, {'id': 2, 'name': 'red block'}]
    expressions = {'videos': videos, 'annotations': annotations, 'categories': categories}
    (folder / 'instances.json').write_text(json.dumps(expressions))
    return folder


def mot17(folder: Path, frames=8, pictures=None) -> Path:
    """Boxes of two squares, as MOTChallenge writes them, with their pictures."""
    (folder / 'street' / 'gt').mkdir(parents=True)
    (folder / 'street' / 'img1').mkdir()
    (folder / 'street' / 'seqinfo.ini').write_text(
        f'[Sequence]\nname=street\nimDir=img1\nframeRate=8\nseqLength={frames}\n'
        f'imWidth={WIDTH}\nimHeight={HEIGHT}\nimExt=.png\n'
    )
    lines = []
    for k in range(frames):
        for number in (1, 2):
            x, y, width, height = box_of(k, number)
            lines.append(f'{k + 1},{number},{x + 1},{y + 1},{width},{height},1,1,1')
    (folder / 'street' / 'gt' / 'gt.txt').write_text('\n'.join(lines) + '\n')
    noise = np.random.default_rng(0)
    for k in range(frames if pictures is None else pictures):
        picture = noise.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / 'street' / 'img1' / f'{k + 1:06}.png'), picture)
    return folder


def convert(*arguments: object) -> int:
    return main(['convert', *map(str, arguments)])


def masks_to(kind, data, out, *more):
    return convert('masks', data, '--format', 'coco', '--to', kind, '--out', out, *more)


def test_masks_become_pointing_records_that_are_read_back(tmp_path, capsys):
    data = youtube_vis(tmp_path / 'data')
    assert masks_to('videopoint', data, tmp_path / 'out') == 0
    stderr = capsys.readouterr().out.splitlines()
    assert stderr == [
        '2 videos, 4 records, 6 objects',
        'left out, never shown: 0 objects',
        'skipped: 0 records',
        f'written: {tmp_path / "out" / "videopoint.jsonl"}',
    ]
    records = list(read('videopoint', tmp_path / 'out'))
    assert [(record.media.name, record.label, record.truth.count) for record in records] == [
        ('one', 'cup', 1),
        ('one', 'red block', 2),
        ('two', 'cup', 1),
        ('two', 'red block', 2),
    ]
    for record in records:
        numbers = [0] if record.label == 'cup' else [1, 2]
        for (t, x, y), *_ in (tubelet.points for tubelet in record.truth.objects):
            assert any(
                square(round(6 * t), number)[math.floor(y), math.floor(x)] for number in numbers
            )


def test_masks_become_tracking_records_that_are_read_back(tmp_path, capsys):
    data = youtube_vis(tmp_path / 'data')
    assert masks_to('videotrackeval', data, tmp_path / 'out') == 0
    assert '2 videos, 4 records, 6 objects' in capsys.readouterr().out
    records = list(read('videotrackeval', tmp_path / 'out'))
    assert [sorted(record.points) for record in records[1].truth.objects] == [
        list(range(3, FRAMES)),
        list(range(6, FRAMES)),
    ]
    for example in records:
        for record in example.truth.objects:
            assert all(
                record.masks[k].contains(round(x), round(y)) for k, (x, y) in record.points.items()
            )


@pytest.mark.parametrize(
    ('kind', 'name'), [('videopoint', 'videopoint'), ('videotrack', 'videotrack')]
)
def test_same_seed_gives_the_same_bytes(kind, name, tmp_path):
    data = youtube_vis(tmp_path / 'data')
    for run in ('a', 'b'):
        assert masks_to(kind, data, tmp_path / run, '--seed', 5) == 0
    files = [(tmp_path / run / f'{kind}.jsonl').read_bytes() for run in ('a', 'b')]
    assert files[0] == files[1]


def test_another_seed_gives_other_points(tmp_path):
    data = youtube_vis(tmp_path / 'data')
    for seed in (1, 2):
        assert masks_to('videopoint', data, tmp_path / str(seed), '--seed', seed) == 0
    files = [(tmp_path / run / 'videopoint.jsonl').read_bytes() for run in ('1', '2')]
    assert files[0] != files[1]


def test_broken_records_are_told_and_skipped(tmp_path, capsys):
    data = youtube_vis(tmp_path / 'data', ('one', 'two', 'three'), broken=('two',))
    assert masks_to('videopoint', data, tmp_path / 'out') == 0
    stderr = capsys.readouterr()
    assert 'skipped: 1 records' in stderr.out
    assert 'instances.json:2: ' in stderr.err
    assert len(list(read('videopoint', tmp_path / 'out'))) == 4


def texts(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_strict_stops_there_and_leaves_the_older_file(tmp_path, capsys):
    data = youtube_vis(tmp_path / 'data', ('one', 'two', 'three'), broken=('two',))
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'videopoint.jsonl').write_text('older')
    assert masks_to('videopoint', data, out, '--strict') == 2
    assert 'instances.json:2: ' in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [
        ('videopoint.jsonl', 'older')
    ]


def test_a_full_disk_leaves_the_older_file(tmp_path, capsys):
    data = youtube_vis(tmp_path / 'data')
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'videotrackeval.jsonl').write_text('older')
    with room_for(4000):
        assert masks_to('videotrackeval', data, out) == 2
    assert [(path.name, path.read_text()) for path in out.iterdir()] == [
        ('videotrackeval.jsonl', 'older')
    ]


@pytest.mark.parametrize('suffix', ['jsonl', 'parquet'])
def test_high_counts_are_upsampled(suffix, tmp_path, capsys):
    data = youtube_vis(tmp_path / 'data', ('one',), objects=7)
    assert masks_to('videopoint', data, tmp_path / 'out', '--upsample', '--as', suffix) == 0
    assert 'upsampled to 3 rows' in capsys.readouterr().out
    assert [record.truth.count for record in read('videopoint', tmp_path / 'out')] == [1, 6, 6]


def test_limit_is_of_videos(tmp_path, capsys):
    data = youtube_vis(tmp_path / 'data', ('one', 'two', 'three'))
    assert masks_to('videopoint', data, tmp_path / 'out', '--limit', 2) == 0
    assert capsys.readouterr().out.startswith('2 videos, 4 records')


def test_boxes_go_through_sam2(tmp_path, capsys):
    data = mot17(tmp_path / 'data')
    sam2 = write_sam2(tmp_path / 'sam2')
    options = ('--format', 'mot', '--to', 'videotrack', '--out', tmp_path / 'out', '--sam2', sam2)
    assert convert('boxes', data, *options, '--device', 'cpu') == 2  # random weights follow nothing
    stderr = capsys.readouterr().err
    assert "street: object 1 'pedestrian' dropped: IoU 0." in stderr
    assert "street: 'pedestrian' left out: it means a dropped track" in stderr
    assert "data = '" in stderr and 'nothing in it could be converted' in stderr


def test_boxes_that_sam2_follows_become_records(tmp_path, capsys, monkeypatch):
    class Exact:
        def track_boxes(self, frames, boxes, doubt=None):
            for index, frame in enumerate(frames):
                assert frame.shape == (HEIGHT, WIDTH, 3)
                yield {number: mask_of(square(index, number)) for number in boxes}

    name = 'molmo_ground_ros.commands.convert.load_segmenter'
    monkeypatch.setattr(name, lambda model, device, dtype: Exact())
    data = mot17(tmp_path / 'data')
    options = ('--format', 'mot', '--sam2', 'any', '--out', tmp_path / 'out')
    assert convert('boxes', data, '--to', 'videotrackeval', *options) == 0
    assert 'dropped, IoU below 0.5: 0 of 2 tracks' in capsys.readouterr().out
    (example,) = read('videotrackeval', tmp_path / 'out')
    assert example.label == 'pedestrian'
    assert [sorted(record.masks) for record in example.truth.objects] == [list(range(8))] * 2
    options = (*options[:-1], tmp_path / 'points')
    assert convert('boxes', data, '--to', 'videopoint', *options) == 0
    (example,) = read('videopoint', tmp_path / 'points')
    assert example.truth.count == 2


@pytest.mark.parametrize(
    ('pictures', 'message'),
    [
        pytest.param(5, 'pictures, seqLength = [5, 8]: differ', id='fewer than boxes'),
        pytest.param(0, 'street', id='none'),
    ],
)
def test_missing_pictures_cost_their_video(pictures, message, tmp_path, capsys):
    data = mot17(tmp_path / 'data', pictures=pictures)
    sam2 = write_sam2(tmp_path / 'sam2')
    options = ('--format', 'mot', '--to', 'videotrack', '--out', tmp_path / 'out', '--sam2', sam2)
    assert convert('boxes', data, *options, '--device', 'cpu') == 2
    stderr = capsys.readouterr().err
    assert message in next(line for line in stderr.splitlines() if line.startswith('skipped'))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        pytest.param(['boxes', '--to', 'videotrack'], '--sam2 MODEL', id='boxes without SAM 2'),
        pytest.param(['masks', '--to', 'videotrack', '--sam2', 'x'], 'is for boxes', id='SAM 2'),
        pytest.param(['masks', '--to', 'videotrack', '--reprompt'], 'is for boxes', id='reprompt'),
        pytest.param(
            ['masks', '--to', 'videotrack', '--upsample'], 'is for --to videopoint', id='upsample'
        ),
        pytest.param(['masks', '--to', 'videopoint', '--seed', '-1'], 'seed = -1', id='seed'),
        pytest.param(['masks', '--to', 'videopoint', '--limit', '0'], 'limit = 0', id='limit'),
        pytest.param(
            ['masks', '--to', 'videopoint', '--format', 'x'],
            "format = 'x': is none of",
            id='format',
        ),
        pytest.param(
            ['boxes', '--to', 'videopoint', '--sam2', '/nowhere'], 'no such folder', id='no model'
        ),
        pytest.param(['masks', '--to', 'videopoint'], 'is not laid out as coco', id='no data'),
    ],
)
def test_settings_that_do_not_go_together_are_named(arguments, message, tmp_path, capsys):
    what, *more = arguments
    fixed = [] if '--format' in more else ['--format', 'coco']
    (tmp_path / 'data').mkdir()
    assert convert(what, tmp_path / 'data', *fixed, *more, '--out', tmp_path / 'out') == 2
    assert message in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_redrawn_on_a_terminal_and_cleared_for_lines_that_stay():
    now = iter([0.0, 0.1, 1.0, 1.1])
    stream = Terminal()
    log = Log(stream, strict=False, clock=lambda: next(now))
    for text in ('too soon', 'first', 'too soon'):
        log.show(text)
    log.skip(BadRecord('data.json', 3, 'is broken'))
    assert stream.getvalue() == '\r\033[Kfirst\r\033[Kskipped: data.json:3: is broken\n'


def test_progress_is_a_line_now_and_then_elsewhere():
    now = iter([0.0, 1.0, 31.0, 40.0])
    stream = io.StringIO()
    log = Log(stream, strict=False, clock=lambda: next(now))
    for text in ('a', 'b', 'c'):
        log.show(text)
    assert stream.getvalue() == 'b\n'
