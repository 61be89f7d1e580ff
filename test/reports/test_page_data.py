# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.findings import CAMERA, COUNT, NASTY, STAMPS, analysis, grasps, paths

from molmo_ground_ros.analysis.records import records
from molmo_ground_ros.benchmarks.feedback.labels import COLUMNS, read_row
from molmo_ground_ros.reports import page_data
from molmo_ground_ros.reports.page_data import camera_data, label_lines, labels_name, path_data
from molmo_ground_ros.reports.page_video import PageVideo

SHOWN = tuple(STAMPS[::5][:30])


def test_line_is_the_record_with_the_columns_that_export_reads():
    made = analysis(grasps(), paths())
    lines, none = label_lines(made)
    assert none == []
    by_id = {record['id']: record for record in records(made) if record['type'] == 'event'}
    assert len(lines) == len(by_id) == 4
    for line in lines:
        record = json.loads(f'{line}, "verdict": null}}')
        assert set(COLUMNS) <= set(record)
        truth = by_id[record['id']]
        assert record == {key: truth[key] for key in record}
        assert read_row(record, 'run') == read_row(truth, 'run')


def test_line_stays_a_line_whatever_the_texts():
    (lines,) = label_lines(analysis(grasps(replace(COUNT, text=NASTY + '\n\u2028}'))))
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert json.loads(lines[0] + '}')['query'] == NASTY + '\n\u2028}'


def test_another_run_has_another_digest():
    one = page_data.digest(label_lines(analysis(grasps())))
    other = page_data.digest(label_lines(analysis(grasps(replace(COUNT, text='How many?')))))
    assert one != other and one == page_data.digest(label_lines(analysis(grasps())))


@pytest.mark.parametrize(
    ('sources', 'name'),
    [
        (('runs/tabletop.mcap',), 'tabletop-labels.jsonl'),
        (('a b/ein Ballen.mp4', 'c.mp4'), 'ein-Ballen-labels.jsonl'),
        (('../..',), 'recording-labels.jsonl'),
        ((NASTY * 9,), 'script--amp-labels.jsonl'),
        ((), 'recording-labels.jsonl'),
    ],
)
def test_file_of_labels_is_named_for_the_recording(sources, name):
    assert labels_name(sources) == name


def test_stamps_are_exact_and_frames_point_at_them():
    data = camera_data(PageVideo(CAMERA, SHOWN, b'', 'why'), STAMPS)
    stamps = [int(data['first'])]
    for step in data['steps']:
        stamps.append(stamps[-1] + step)
    assert stamps == STAMPS
    assert [stamps[place] for place in data['frames']] == list(SHOWN)
    assert max(data['steps']) < 2**53


def test_of_too_many_stamps_those_of_the_video_stay(monkeypatch):
    monkeypatch.setattr(page_data, 'MOST_STAMPS', 100)
    data = camera_data(PageVideo(CAMERA, SHOWN), STAMPS)
    assert len(data['steps']) == len(SHOWN) - 1
    assert data['frames'] == list(range(len(SHOWN)))


def test_paths_have_a_place_in_each_frame_where_the_object_is():
    finding = paths()
    first, second = path_data(finding, PageVideo(CAMERA, SHOWN), most=60)
    assert (first['id'], second['id']) == (1, 2)
    points = {point.stamp_ns: point for point in finding.tracks[0].path}
    assert first['places']
    for frame, x, y in first['places']:
        assert (x, y) == pytest.approx((points[SHOWN[frame]].x, points[SHOWN[frame]].y), abs=0.05)
    assert len(path_data(finding, PageVideo(CAMERA, SHOWN), most=1)) == 1
