# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tabletop as a benchmark: our own readers take it, and it shows what it says."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.benchmarks.datasets.examples import (
    CountTruth,
    Example,
    PointTruth,
    TrackTruth,
)
from molmo_ground_ros.frames.masks import read_rle
from tools.tabletop import suite, suite_rows
from tools.tabletop.footage import Footage, film
from tools.tabletop.formats import FORMATS
from tools.tabletop.questions.clip import Clip, Spot
from tools.tabletop.questions.referents import Referent
from tools.tabletop.render import Stage


@pytest.fixture(scope='module')
def footage(camera: Stage) -> Footage:
    return film(11, 2, camera, (6.0, 8.0), extra=False)


def test_without_extra_frames_a_clip_is_what_it_was_on_the_grid(camera: Stage) -> None:
    ends = []
    for number in range(6):
        with_extra = film(4, number, camera, (2.0, 3.0))
        without = film(4, number, camera, (2.0, 3.0), extra=False)
        grid = with_extra.truth.on_grid
        assert without.jpegs == tuple(np.array(with_extra.jpegs, object)[grid])
        ends.append(bool(grid[-1]))
    assert len(set(ends)) == 2, 'of both kinds'


def test_a_thing_counts_where_it_is_seen_and_near_where_it_is_hidden(footage: Footage) -> None:
    clip = Clip(footage.truth, np.arange(len(footage.jpegs)))
    thing = int(np.argmax(clip.clear.all(0)))
    seen = clip.spot(thing, 5)
    assert seen is not None
    row = suite_rows.point_row('clip', footage, Referent('object', 'thing', '', (seen,)))
    assert row['two_fps_timestamps'] == [2.5]
    frames = [mask['frame_id'] for mask in row['masks'][0]]
    assert frames == [k for k in range(2, 9) if footage.mask(k, thing).sum() >= 40]
    x, y = row['points'][0].values()
    assert footage.mask(5, thing)[int(y), int(x)]

    nowhere = Spot(5, len(clip.truth.things), 0.25, 0.5)  # no such thing
    row = suite_rows.point_row('clip', footage, Referent('anomaly', 'thing', '', (nowhere,)))
    (mask,) = row['masks'][0]
    assert mask['frame_id'] == 5
    assert read_rle(mask['rle']).contains(160, 240)
    assert not read_rle(mask['rle']).contains(220, 240)


def test_a_track_has_a_point_in_each_mask_and_none_where_nothing_is_seen(footage: Footage) -> None:
    clip = Clip(footage.truth, np.arange(len(footage.jpegs)))
    things = tuple(int(n) for n in np.flatnonzero(clip.clear.any(0))[:2])
    row = suite_rows.track_row('clip', footage, clip, Referent('object', 'two', '', (), things))
    assert row['mask_id'] == [str(n) for n in things]
    assert row['video_dataset'] == 'tabletop, several things'
    for n, of, masks in zip(things, row['points'], row['masks'], strict=True):
        for k, (place, mask) in enumerate(zip(of['points'], masks['masks'], strict=True)):
            assert (place is None) == (mask is None) == (footage.mask(k, n).sum() < 40)
            if place is not None:
                assert footage.mask(k, n)[int(place[1]), int(place[0])]


def test_a_suite_is_read_by_our_own_readers(tmp_path: Path, camera: Stage) -> None:
    del camera  # only asks whether there is a renderer
    words = ['--seed', '31', '--clips', '2', '--processes', '1', '--seconds', '6', '8']
    assert suite.main([str(tmp_path), *words]) == 0
    told = 0
    for name in FORMATS:
        for one in read(name, tmp_path / name):
            assert isinstance(one, Example)
            video = cv2.VideoCapture(str(tmp_path / 'videos' / f'{one.media.name}.avi'))
            frames = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
            video.release()
            assert frames / 2 == one.duration_s
            told += check(one, frames)
    assert told > 20


def check(one: Example, frames: int) -> int:
    """Points lie in their masks, and masks in the clip; returns how many were looked at."""
    match one.truth:
        case CountTruth(count):
            assert 0 <= count < 20
            return 1
        case PointTruth(objects) | TrackTruth(objects):
            for thing in objects:
                for at, place in (
                    thing.points.items()
                    if isinstance(thing.points, dict)
                    else ((t, (x, y)) for t, x, y in thing.points)
                ):
                    assert thing.masks[at].contains(int(place[0]), int(place[1]))
                assert all(0 <= t <= frames - 1 for t in thing.masks)
            return len(objects)
    raise AssertionError(one.truth)
