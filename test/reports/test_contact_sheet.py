# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.answers import ONE_TRACK, TWO_POINTS, finding_of
from support.clips import make_clip, stamp

from molmo_ground_ros.reports.contact_sheet import (
    MARGIN,
    MOST_TILES,
    POINT_COLOURS,
    TILE_WIDTH,
    Tile,
    contact_sheet,
    draw_tile,
    save_png,
    tiles_of,
)
from molmo_ground_ros.types import Clip


def tiles_from(text: str, clip: Clip) -> list[Tile]:
    images = {frame.stamp_ns: frame.image for frame in clip.frames}
    return tiles_of(finding_of(text, clip), clip.start_ns, images.__getitem__)


def test_only_tiles_that_are_drawn_have_an_image() -> None:
    rows = ';'.join(f'{i / 2} {i + 1} 500 500' for i in range(MOST_TILES + 3))
    tiles = tiles_from(f'<points coords="{rows}">x</points>', make_clip(MOST_TILES + 3))
    drawn = [tile.image.size > 0 for tile in tiles]
    assert drawn == [True] * MOST_TILES + [False] * 3


def test_sheet_draws_each_point_in_its_own_frame() -> None:
    clip = make_clip()
    tiles = tiles_from(TWO_POINTS, clip)
    assert [tile.stamp_ns for tile in tiles] == [stamp(0.5) + 1000, stamp(3.0) + 6000]
    sheet = contact_sheet('q', 'v', tiles, (clip.start_ns, clip.end_ns))
    scale = TILE_WIDTH / 640
    top = sheet.shape[0] - (round(480 * scale) + 30 + MARGIN)
    for column, (x, y) in enumerate([(320, 120), (64, 384)]):
        left = MARGIN + column * (TILE_WIDTH + MARGIN)
        centre = sheet[top + round(y * scale), left + round(x * scale)]
        assert tuple(centre) == POINT_COLOURS[column]


def test_track_is_drawn_as_a_path_on_its_newest_frame() -> None:
    clip = make_clip()
    (tile,) = tiles_from(ONE_TRACK, clip)
    assert tile.stamp_ns == stamp(1.0) + 2000
    drawn = draw_tile(tile)
    scale = TILE_WIDTH / 640
    middle = drawn[round(0.3 * 480 * scale), round(0.3 * 640 * scale)]
    assert tuple(middle) == POINT_COLOURS[0]


def test_sheet_of_many_events_says_how_many_were_left_out() -> None:
    tile = Tile(np.zeros((48, 64, 3), np.uint8), 'caption', stamp(0), ())
    few = contact_sheet('q', 'v', [tile] * MOST_TILES, (0, 1))
    many = contact_sheet('q', 'v', [tile] * (MOST_TILES + 5), (0, 1))
    assert many.shape[0] == few.shape[0] + 30


def test_sheet_without_events_and_with_letters_outside_ascii(tmp_path: Path) -> None:
    sheet = contact_sheet('Wie oft wurde der Würfel gegriffen?', '0', [], (0, 0))
    path = tmp_path / 'sheet.png'
    save_png(sheet, str(path))
    assert np.array_equal(cv2.imread(str(path))[..., ::-1], sheet)


def test_sheet_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    sheet = contact_sheet('q', 'v', [], (0, 1))
    with pytest.raises(OSError, match='missing'):
        save_png(sheet, str(tmp_path / 'missing' / 'sheet.png'))
