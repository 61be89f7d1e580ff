# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Folders of pictures as TUM, EuRoC and KITTI lay them out."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from molmo_ground_ros.errors import BagError
from molmo_ground_ros.frames import image
from molmo_ground_ros.recording import LossKind, open_cameras, open_recording
from molmo_ground_ros.recording.picture_folder import time_ns

COUNT = 12
S = 1_000_000_000
START_NS = 1_403_636_579_763_555_584


def pictures(folder: Path, names: list[str]) -> None:
    """Picture k has a blue of 20 k."""
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((8, 8, 3), (20 * number, 0, 0), np.uint8))


def blues(path: Path, topic: str = '') -> list[int]:
    with open_recording(path, topic) as recording:
        decoded = (image.decode(message.image) for message in recording.messages())
        return [round(pixels[0, 0, 2] / 20) for pixels in decoded]


def test_tum(tmp_path: Path) -> None:
    names = [f'{1305031102 + k / 10:.6f}.png' for k in range(COUNT)]
    pictures(tmp_path / 'rgb', names)
    pictures(tmp_path / 'depth', names)
    lines = [f'{name[:-4]} rgb/{name}' for name in names]
    (tmp_path / 'rgb.txt').write_text('\n'.join(['# color images', '# timestamp filename', *lines]))
    with open_recording(tmp_path) as recording:
        assert recording.topic == 'rgb'
        assert recording.stamps.tolist() == [1305031102 * S + k * S // 10 for k in range(COUNT)]
        assert list(recording.cameras) == ['depth', 'rgb']
        assert recording.loss == ()
        assert len(recording.clip(*recording.windows()[0]).frames) == 4
    assert blues(tmp_path) == list(range(COUNT))


def test_euroc(tmp_path: Path) -> None:
    stamps = [START_NS + k * S // 20 for k in range(COUNT)]
    for camera in ('cam0', 'cam1'):
        folder = tmp_path / 'mav0' / camera
        pictures(folder / 'data', [f'{stamp}.png' for stamp in stamps])
        lines = [f'{stamp},{stamp}.png' for stamp in stamps]
        (folder / 'data.csv').write_text('\r\n'.join(['#timestamp [ns],filename', *lines]))
    recordings = open_cameras(tmp_path)
    assert {name: one.stamps.tolist() for name, one in recordings.items()} == {
        'mav0/cam0': stamps,
        'mav0/cam1': stamps,
    }
    assert blues(tmp_path / 'mav0' / 'cam0') == list(range(COUNT))


def test_kitti_with_dates(tmp_path: Path) -> None:
    pictures(tmp_path / 'image_02' / 'data', [f'{k:010}.jpg' for k in range(COUNT)])
    lines = [f'2011-09-26 13:02:{25 + k}.964389445' for k in range(COUNT)]
    (tmp_path / 'image_02' / 'timestamps.txt').write_text('\n'.join(lines) + '\n')
    with open_recording(tmp_path) as recording:
        assert recording.topic == 'image_02'
        first = 1_317_042_145_964_389_445
        assert recording.stamps.tolist() == [first + k * S for k in range(COUNT)]


def test_kitti_with_seconds_from_0_and_names_that_sort_by_number(tmp_path: Path) -> None:
    pictures(tmp_path / 'image_2', [f'{k}.png' for k in range(COUNT)])
    times = [f'{k * 1.036224e-01:.6e}' for k in range(COUNT)]
    (tmp_path / 'times.txt').write_text('\n'.join(times))
    with open_recording(tmp_path) as recording:
        assert recording.stamps.tolist() == [round(float(time) * 1e9) for time in times]
    assert blues(tmp_path) == list(range(COUNT))


def test_names_that_are_times_need_no_file(tmp_path: Path) -> None:
    pictures(tmp_path / 'a', [f'{START_NS + k}.png' for k in range(3)])
    with open_recording(tmp_path / 'a') as recording:
        assert recording.stamps.tolist() == [START_NS, START_NS + 1, START_NS + 2]


def test_what_lacks_a_time_or_a_file_is_told(tmp_path: Path) -> None:
    pictures(tmp_path / 'rgb', ['1.png', '2.png', '3.png'])
    (tmp_path / 'rgb.txt').write_text('1.5 rgb/1.png\n2.5 rgb/2.png\n9.5 rgb/9.png\n')
    with open_recording(tmp_path) as recording:
        assert recording.stamps.tolist() == [1_500_000_000, 2_500_000_000]
        assert {(loss.kind, loss.messages, loss.detail) for loss in recording.loss} == {
            (LossKind.MISSING_FILE, 1, '9.png'),
            (LossKind.ZERO_STAMP, 1, ''),
        }


def test_broken_picture_is_a_loss(tmp_path: Path) -> None:
    pictures(tmp_path / 'a', [f'{START_NS + k * S}.png' for k in range(3)])
    (tmp_path / 'a' / f'{START_NS + S}.png').write_bytes(b'no picture')
    with open_recording(tmp_path / 'a') as recording:
        assert len(recording.clip(*recording.windows()[0]).frames) == 2
        assert [loss.kind for loss in recording.loss] == [LossKind.UNDECODABLE]


@pytest.mark.parametrize('text', ['', 'one\ntwo\n', '1\n2\n', '1e999\n2e999\n3e999\n'])
def test_pictures_without_times_are_refused_by_name(tmp_path: Path, text: str) -> None:
    pictures(tmp_path / 'a', ['1.png', '2.png', '3.png'])
    (tmp_path / 'times.txt').write_text(text)
    with pytest.raises(BagError, match='3 pictures, and no file of times'):
        open_recording(tmp_path)


def test_folder_of_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'notes.md').write_text('nothing')
    with pytest.raises(BagError, match='and no pictures'):
        open_recording(tmp_path)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('0', 0),
        ('1.5', 1_500_000_000),
        ('1305031102.175304', 1_305_031_102_175_304_000),
        ('1305031102175', 1_305_031_102_175_000_000),
        ('1305031102175304', 1_305_031_102_175_304_000),
        ('1403636579763555584', START_NS),
        ('1.036224e-01', 103_622_400),
        ('-1', None),
        ('abc', None),
        ('', None),
        ('1' * 40, None),
    ],
)
def test_number_of_any_unit_is_nanoseconds(text: str, expected: int | None) -> None:
    assert time_ns(text) == expected
