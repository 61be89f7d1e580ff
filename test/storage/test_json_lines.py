# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground analyze --out`: the shipped model on the shipped bag, and every file it leaves."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import pytest

from molmo_ground_ros import cli

pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")
pytest.importorskip('rosbags', reason="needs pip install '.[bag]'")

ROOT = Path(__file__).parents[2]
COMMAND = [
    *('analyze', str(ROOT / 'examples/tabletop.mcap'), '--model', str(ROOT / 'models/tabletop')),
    *('--query', 'How many times was the red block grasped?', '--query', 'Track the red block.'),
]


def test_every_file_is_written_and_says_the_same(tmp_path, capsys):
    from rosbags.highlevel import AnyReader

    assert cli.main([*COMMAND, '--out', str(tmp_path), '--video', '--json']) == 0
    count, track = json.loads(capsys.readouterr().out.splitlines()[-1])['answers']
    assert count['count'] == 3
    lines = (tmp_path / 'records.jsonl').read_text().splitlines()
    records = [json.loads(line) for line in lines]
    events = [one for one in records if one['type'] == 'event']
    assert [one['id'] for one in events] == [1, 2, 3]
    with (tmp_path / 'records.csv').open(newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    assert [row['stamp_ns'] for row in rows] == [str(one['stamp_ns']) for one in records]
    page = (tmp_path / 'report.html').read_text()
    assert all(str(one['stamp_ns']) in page for one in events)
    with AnyReader([tmp_path / 'overlay.mcap']) as bag:
        found = {
            connection.topic: bag.deserialize(data, connection.msgtype)
            for connection, _, data in bag.messages()
            if connection.topic.endswith('points')
        }
    [points] = [one for one in found.values() if one.query == count['query']]
    stamps = [point.stamp.sec * 10**9 + point.stamp.nanosec for point in points.points]
    assert stamps == [one['stamp_ns'] for one in events]
    video = cv2.VideoCapture(str(tmp_path / 'video.mp4'))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == track['frames_used'] == 49


def test_a_video_needs_a_folder(capsys):
    assert cli.main([*COMMAND, '--video']) == 2
    assert 'video = True: is written to the folder of --out' in capsys.readouterr().err
