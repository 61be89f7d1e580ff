# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import make_clip, stamp

from molmo_ground_ros import report
from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.grounder import Grounder
from molmo_ground_ros.types import Answer, Clip, Query

TWO = 'Counting the <points coords="0.5 1 500 250;3.0 2 100 800">grasp</points> shows a total of 2.'
TRACKS = '<tracks coords="0.0 1 100 100;0.5 1 500 500;1.0 1 900 100">cup</tracks>'


def answer_of(text: str, clip: Clip) -> Answer:
    return Grounder(ReplayBackend([text])).ground(clip, Query('How many grasps?'))


def test_record_is_json_with_stamps_as_whole_numbers_and_no_nan() -> None:
    record = json.loads(
        json.dumps(report.answer_record(answer_of(TWO, make_clip())), allow_nan=False)
    )
    assert (record['count'], record['task'], record['model']) == (2, 'count', 'replay')
    assert record['points'][0] == {
        'stamp_ns': stamp(0.5) + 1000, 'camera': 'front', 'frame_id': 'optical',
        'id': 1, 'x': 320.0, 'y': 120.0, 'score': None,
    }  # fmt: skip
    assert (record['frames_used'], record['frames_expected']) == (8, 8)
    assert record['truncated'] is False


def test_record_of_tracks_and_rejections() -> None:
    clip = make_clip()
    record = report.answer_record(answer_of(TRACKS.replace('1.0 1', '40.0 1'), clip))
    assert [(t['id'], t['label'], len(t['points'])) for t in record['tracks']] == [(1, 'cup', 2)]
    assert record['count'] is None
    assert record['rejected'][0]['reason'] == 'no such frame'


@pytest.mark.parametrize(
    ('text', 'verdict'),
    [
        (TWO, 'count: 2'),
        ('There are none.', 'count: 0'),
        (TRACKS, '1 tracks'),
        ('<points coords="0.5 1 500 250">x</points>', '1 points'),
        ('It is idle.', 'It is idle.'),
        ("Sorry, I can't count grasps.", 'the model gives no answer'),
    ],
)
def test_verdict_says_what_came_back(text: str, verdict: str) -> None:
    assert report.verdict(answer_of(text, make_clip())) == verdict


def test_table_columns_line_up() -> None:
    lines = report.table(('id', 'pixel'), [('1', '(10, 20)'), ('12', '(1, 2)')]).splitlines()
    assert lines == ['id  pixel', '--  --------', '1   (10, 20)', '12  (1, 2)']


def tiles_of(text: str, clip: Clip) -> list[report.Tile]:
    images = {frame.stamp_ns: frame.image for frame in clip.frames}
    return report.tiles_of(answer_of(text, clip), clip.start_ns, images.__getitem__)


def test_only_tiles_that_are_drawn_have_a_picture() -> None:
    rows = ';'.join(f'{i / 2} 1 500 500' for i in range(report.MOST_TILES + 3))
    tiles = tiles_of(f'<points coords="{rows}">x</points>', make_clip(report.MOST_TILES + 3))
    drawn = [tile.image.size > 0 for tile in tiles]
    assert drawn == [True] * report.MOST_TILES + [False] * 3


def test_sheet_draws_each_point_in_its_own_frame() -> None:
    clip = make_clip()
    tiles = tiles_of(TWO, clip)
    assert [tile.stamp_ns for tile in tiles] == [stamp(0.5) + 1000, stamp(3.0) + 6000]
    sheet = report.contact_sheet('q', 'v', tiles, (clip.start_ns, clip.end_ns))
    scale = report.TILE_WIDTH / 640
    top = sheet.shape[0] - (round(480 * scale) + 30 + report.MARGIN)
    for column, (x, y) in enumerate([(320, 120), (64, 384)]):
        left = report.MARGIN + column * (report.TILE_WIDTH + report.MARGIN)
        centre = sheet[top + round(y * scale), left + round(x * scale)]
        assert tuple(centre) == report._MARKS[column]


def test_track_is_drawn_as_a_path_on_its_newest_frame() -> None:
    clip = make_clip()
    (tile,) = tiles_of(TRACKS, clip)
    assert tile.stamp_ns == stamp(1.0) + 2000
    drawn = report._drawn(tile)
    scale = report.TILE_WIDTH / 640
    middle = drawn[round(0.3 * 480 * scale), round(0.3 * 640 * scale)]
    assert tuple(middle) == report._MARKS[0]


def test_sheet_of_many_events_says_how_many_were_left_out() -> None:
    tile = report.Tile(np.zeros((48, 64, 3), np.uint8), 'caption', stamp(0), ())
    few = report.contact_sheet('q', 'v', [tile] * report.MOST_TILES, (0, 1))
    many = report.contact_sheet('q', 'v', [tile] * (report.MOST_TILES + 5), (0, 1))
    assert many.shape[0] == few.shape[0] + 30


def test_sheet_without_events_and_with_letters_outside_ascii(tmp_path: Path) -> None:
    sheet = report.contact_sheet('Wie oft wurde der Würfel gegriffen?', '0', [], (0, 0))
    path = tmp_path / 'sheet.png'
    report.save_png(sheet, str(path))
    assert np.array_equal(cv2.imread(str(path))[..., ::-1], sheet)


def test_sheet_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    sheet = report.contact_sheet('q', 'v', [], (0, 1))
    with pytest.raises(OSError, match='missing'):
        report.save_png(sheet, str(tmp_path / 'missing' / 'sheet.png'))
