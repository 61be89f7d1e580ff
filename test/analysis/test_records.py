# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
from pathlib import Path

import pytest
from support.full_disk import full_after
from support.recordings import CAMERA, HEIGHT, QUESTION, WIDTH, make_answer

from molmo_ground_ros.analysis import records
from molmo_ground_ros.analysis.findings import Analysis
from molmo_ground_ros.grounding.stitch import Stitcher
from molmo_ground_ros.language.prompts import question_of
from molmo_ground_ros.types import Point, Query, Task, Track

SECOND = 10**9


def analysis() -> Analysis:
    """A grasp at 1 s and one at 4 s, and a track at 2 s and 3 s, of another question."""
    questions = question_of(Query(QUESTION)), question_of(Query('Track the cup', Task.TRACK))
    stitchers = [Stitcher(CAMERA, question) for question in questions]
    points = [Point(1 * SECOND, 1, 10.5, 20.25, 0.5), Point(4 * SECOND, 2, 400.0, 300.0)]
    stitchers[0].add(make_answer((0, 5 * SECOND), points))
    track = Track(1, 'cup', (Point(2 * SECOND, 1, 5.0, 6.0), Point(3 * SECOND, 1, 7.0, 8.0)))
    answer = make_answer((0, 5 * SECOND), tracks=[track])
    stitchers[1].add(dataclasses.replace(answer, query=Query('Track the cup')))
    findings = tuple(stitcher.result() for stitcher in stitchers)
    span = SECOND // 2, 5 * SECOND
    return Analysis(('bag',), (CAMERA,), span, findings, (), {}, 'model', {}, 10, True)


def test_records_ascend_in_stamp_and_hold_the_point_and_its_window() -> None:
    found = list(records.records(analysis()))
    assert [tuple(record) for record in found] == [records.KEYS] * 4
    assert [(r['type'], r['stamp_ns'] // SECOND, r['question']) for r in found] == [
        ('event', 1, 0), ('track_point', 2, 1), ('track_point', 3, 1), ('event', 4, 0),
    ]  # fmt: skip
    first, second, _, last = found
    assert (first['x'], first['y'], first['score']) == (10.5, 20.25, 0.5)
    assert (first['image_width'], first['image_height']) == (WIDTH, HEIGHT)
    assert (first['seconds'], first['task'], first['query']) == (0.5, 'count', QUESTION)
    assert (first['window'], first['window_start_ns'], first['window_end_ns']) == (0, 0, 5 * SECOND)
    assert (second['task'], second['id'], second['label']) == ('track', 1, 'cup')
    assert (last['id'], last['score'], last['verdict']) == (2, None, None)


def test_marks_are_their_stable_strings() -> None:
    stitcher = Stitcher(CAMERA, question_of(Query(QUESTION)))
    stitcher.add(make_answer((0, 63 * SECOND), [Point(60 * SECOND, 1, 5.0, 5.0)]))
    stitcher.add(make_answer((58 * SECOND, 100 * SECOND)))
    finding = stitcher.result()
    (record,) = records.records(dataclasses.replace(analysis(), findings=(finding,)))
    assert record['marks'] == ['unconfirmed']


def test_records_are_written_one_on_a_line(tmp_path: Path) -> None:
    path = tmp_path / 'records.jsonl'
    records.write_jsonl(analysis(), path)
    lines = path.read_text(encoding='utf-8').splitlines()
    assert [json.loads(line) for line in lines] == list(records.records(analysis()))
    assert [file.name for file in tmp_path.iterdir()] == ['records.jsonl']


def test_write_that_fails_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / 'records.jsonl'
    records.write_jsonl(analysis(), path)
    before = path.read_bytes()
    broken = dataclasses.replace(analysis(), span_ns=('x', 'y'))
    with pytest.raises(TypeError):
        records.write_jsonl(broken, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ['records.jsonl']


def test_full_disk_is_an_error_and_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / 'records.jsonl'
    path.write_text('older')
    with full_after(100), pytest.raises(OSError, match='File too large'):
        records.write_jsonl(analysis(), path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(path.name, 'older')]
