# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Records in the hub's schemas, and files of them."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from molmo_ground_ros.benchmarks.datasets import read, read_annotated
from molmo_ground_ros.errors import BadRecord
from molmo_ground_ros.frames.masks import mask_of

WIDTH, HEIGHT = 64, 48


def square(left, top, width=WIDTH, height=HEIGHT, side=8):
    """A mask's pixels: a square."""
    pixels = np.zeros((height, width), bool)
    pixels[top : top + side, left : left + side] = True
    return pixels


def rle(left=4, top=6, **size):
    return mask_of(square(left, top, **size)).rle()


def pointeval(video='a', **changed):
    """Two objects, each with masks around its moment."""
    return {
        'video_id': video,
        'video_source': 'youtube',
        'width': WIDTH,
        'height': HEIGHT,
        'video_duration': 9.97,
        'two_fps_timestamps': [1.5, 4.0],
        'points': [{'x': 8.0, 'y': 10.0}, {'x': 40.5, 'y': 20.25}],
        'masks': [
            [{'frame_id': k, 'rle': rle()} for k in (2, 3, 4)],
            [{'frame_id': 8, 'rle': rle(36, 16)}],
        ],
        'label': 'red cup',
    } | changed


def counteval(video='a', **changed):
    return {
        'video_id': video,
        'video_source': 'MammalNet',
        'clip_start': 10.0,
        'clip_end': 40.5,
        'category': 'animal',
        'label': 'goat',
        'question': 'How many goats jump?',
        'count': 3,
        'video_duration': 120.25,
    } | changed


def point(video='a', **changed):
    """A row of VideoPoint in a video of over 63 s."""
    return {
        'video_id': video,
        'question': 'How many cups are there?',
        'label': 'cup',
        'count': 3,
        'two_fps_timestamps': [21.0, 30.5],
        'points': [[{'x': 25.0, 'y': 50.0}, {'x': 10.0, 'y': 20.0}], [{'x': 100.0, 'y': 0.0}]],
        'raw_frames': [630, 915],
        'raw_timestamps': [21.01, 30.53],
        'annotator_unsure': False,
        'category': 'object',
        'video_duration': 90.0,
        'video_source': 'youtube',
        'clip_start': 20.0,
        'clip_end': 60.0,
    } | changed


def track(name='t1', **changed):
    """Two objects over four frames at 2 a second; the second one is hidden at first."""
    return {
        'id': name,
        'video': 'v_long',
        'clip': 'v_long_0_3',
        'fps': 2,
        'start_frame': 0,
        'end_frame': 3,
        'video_dataset': 'APTv2',
        'exp': 'the two goats',
        'w': WIDTH,
        'h': HEIGHT,
        'mask_id': ['7', '3'],
        'points': [
            {'object_id': '7', 'points': [[8.0, 10.0], [9.0, 10.0], [10.0, 10.0], [11.0, 10.0]]},
            {'object_id': '3', 'points': [None, None, [40.0, 20.0], [41.0, 20.5]]},
        ],
    } | changed


def trackeval(name='t1', **changed):
    masks = [
        {'object_id': '7', 'masks': [rle(4 + k, 6) for k in range(4)]},
        {'object_id': '3', 'masks': [None, None, rle(36, 16), rle(37, 16)]},
    ]
    return track(name, masks=masks) | changed


def academic_points(**changed):
    """Three points at two times of a clip."""
    return {
        'subset': 'lvvis',
        'video_name': '00012',
        'dataset': None,
        'category': 'Polar Bear',
        'count': 3,
        'points': [[{'x': 50.0, 'y': 50.0}], [{'x': 9.0, 'y': 5.0}, {'x': 3.0, 'y': 7.0}]],
        'timestamps': [4.0, 1.5],
        'video_duration': 80.0,
        'clip_start_time': 1.0,
        'clip_end_time': 60.0,
    } | changed


def academic_tracks(name='m1', **changed):
    """Two objects at 6 frames a second, told at 1."""

    def at(frame, *found):
        return {
            'frame': frame,
            'time': frame / 6,
            'points': [{'id': k, 'point': [x, y], 'occluded': o} for k, x, y, o in found],
        }

    return {
        'id': name,
        'video': 'abc',
        'expression': 'two bears',
        'fps': 6,
        'sampling_fps': 1,
        'width': WIDTH,
        'height': HEIGHT,
        'n_frames': 14,
        'task': 'track',
        'frame_trajectories': [
            at(0, (0, 8.0, 10.0, False), (1, 5.0, 5.0, True)),
            at(6, (0, 9.0, 10.0, False), (1, 40.0, 20.0, False)),
            at(12, (1, 41.0, 20.0, False), (8, 1.0, 1.0, False)),
        ],
        'mask_id': ['0', '1'],
        'obj_id': [4, 9],
        'qid': '3',
        'anno_id': ['17', '18'],
    } | changed


def write_parquet(path, records, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(records)), path, **options)
    return path


def write_lines(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(json.dumps(record) + '\n' for record in records))
    return path


def read_all(name, folder):
    """(examples, faults) of a data set."""
    found = list(read(name, folder))
    faults = [one for one in found if isinstance(one, BadRecord)]
    return [one for one in found if not isinstance(one, BadRecord)], faults


def annotated(name, folder):
    """(videos or images, faults) of a data set of masks or boxes."""
    records = list(read_annotated(name, folder))
    faults = [record for record in records if isinstance(record, BadRecord)]
    return [record for record in records if not isinstance(record, BadRecord)], faults


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path
