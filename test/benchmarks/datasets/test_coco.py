# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""COCO's JSON: images with runs, polygons or boxes, and videos frame by frame."""

import numpy as np
import pytest
from support.dataset_records import (
    HEIGHT,
    WIDTH,
    annotated,
    read_all,
    rle,
    square,
    write_json,
)

from molmo_ground_ros.benchmarks.datasets import example_of
from molmo_ground_ros.benchmarks.datasets.examples import Expression, ImageTruth, Media, TrackTruth
from molmo_ground_ros.types import Task


def pictures(*objects, **changed):
    return {
        'images': [
            {'id': 1, 'file_name': 'a.jpg', 'width': WIDTH, 'height': HEIGHT},
            {'id': 2, 'file_name': 'b.jpg', 'width': WIDTH, 'height': HEIGHT},
        ],
        'categories': [{'id': 5, 'name': 'cup'}, {'id': 6, 'name': 'plate'}],
        'annotations': list(objects),
    } | changed


def cup(number=1, image=1, **changed):
    return {'id': number, 'image_id': image, 'category_id': 5, 'segmentation': rle()} | changed


def test_pictures_with_runs_and_polygons_are_read(tmp_path):
    polygon = [[4.0, 6.0, 12.0, 6.0, 12.0, 14.0, 4.0, 14.0]]
    write_json(
        tmp_path / 'annotations' / 'instances_val.json',
        pictures(
            cup(7), cup(8, category_id=6, segmentation=polygon), cup(9, iscrowd=1), cup(10, image=2)
        ),
    )
    write_json(tmp_path / 'annotations' / 'captions_val.json', {'images': [], 'annotations': []})

    (first, second), faults = annotated('coco', tmp_path)

    assert not faults
    assert (first.name, first.frames, first.width, first.row) == ('a.jpg', 1, WIDTH, 1)
    assert [track.id for track in first.tracks] == [7, 8]
    assert np.array_equal(first.tracks[1].masks[0].array(), square(4, 6))
    assert first.expressions == (Expression('cup', (7,)), Expression('plate', (8,)))
    assert second.name == 'b.jpg'

    example = example_of(first, first.expressions[0])

    assert isinstance(example.truth, ImageTruth)
    assert (example.task, example.label, example.id) == (Task.POINT, 'cup', 'a.jpg_0')
    assert example.query.startswith('Point to cup\n')


def test_boxes_serve_where_a_picture_has_no_masks(tmp_path):
    write_json(tmp_path / 'a.json', pictures(cup(segmentation=[], bbox=[1, 2, 10, 20])))

    (first, _), faults = annotated('coco', tmp_path)

    assert not faults
    assert first.tracks[0].boxes == {0: (1.0, 2.0, 10.0, 20.0)}


def videos(**changed):
    return {
        'videos': [
            {
                'id': 1,
                'width': WIDTH,
                'height': HEIGHT,
                'length': 3,
                'file_names': ['v1/00000.jpg', 'v1/00005.jpg', 'v1/00010.jpg'],
            }
        ],
        'categories': [{'id': 5, 'name': 'goat'}],
        'annotations': [
            {'id': 3, 'video_id': 1, 'category_id': 5, 'segmentations': [None, rle(), rle(8, 6)]}
        ],
    } | changed


def test_videos_are_read_frame_by_frame(tmp_path):
    write_json(tmp_path / 'instances.json', videos())

    (video,), faults = annotated('coco', tmp_path)

    assert not faults
    assert (video.name, video.frames, video.fps) == ('v1', 3, 6.0)
    assert video.media == Media('v1', fps=6.0)
    assert list(video.tracks[0].masks) == [1, 2]

    ((example,), _) = read_all('coco', tmp_path)

    assert isinstance(example.truth, TrackTruth)
    assert example.truth.objects[0].points == {1: (7.0, 9.0), 2: (11.0, 9.0)}
    assert example.duration_s == 0.5
    assert example.label == 'goat'


@pytest.mark.parametrize(
    ('objects', 'changed', 'row', 'message'),
    [
        pytest.param([cup(segmentation=rle(height=40))], {}, 1, 'another size', id='mask size'),
        pytest.param([cup(category_id=9)], {}, 1, 'none of categories', id='category'),
        pytest.param([cup(), cup()], {}, 1, 'an id twice', id='object twice'),
        pytest.param([cup(segmentation=[[1.0, 2.0]])], {}, 1, 'no polygon', id='polygon'),
        pytest.param([cup(segmentation=[[float('nan')] * 6])], {}, 1, 'not finite', id='NaN'),
        pytest.param([cup(segmentation=None)], {}, 1, 'missing', id='nothing'),
        pytest.param([cup(segmentation=[], bbox=[1, 2, -3, 4])], {}, 1, 'no x, y', id='box'),
        pytest.param([cup(image=77)], {}, 0, 'is none of images', id='unknown picture'),
        pytest.param(['x'], {}, 0, 'is none of images', id='no record'),
        pytest.param([], {'images': ['x']}, 1, 'is no record', id='picture no record'),
        pytest.param([], {'images': [{'id': 1}]}, 1, 'missing', id='picture of nothing'),
        pytest.param([], {'categories': None}, 0, 'is no list', id='no categories'),
        pytest.param([], {'images': pictures()['images'][:1] * 2}, 2, 'was there', id='twice'),
    ],
)
def test_a_broken_object_costs_its_picture(tmp_path, objects, changed, row, message):
    path = write_json(tmp_path / 'a.json', pictures(*objects, **changed))

    videos_read, (fault,) = annotated('coco', tmp_path)

    assert (fault.file, fault.row) == (str(path), row)
    assert message in fault.why
    expected = {'images': 2} if 'images' not in changed and 'categories' not in changed else {}
    if expected:
        assert len(videos_read) == (2 if row == 0 else 1)


@pytest.mark.parametrize(
    'content', ['', '{', '[]', '{"images": 3, "categories": [], "annotations": []}']
)
def test_json_of_another_shape_is_named(tmp_path, content):
    (tmp_path / 'a.json').write_text(content)

    videos_read, (fault,) = annotated('coco', tmp_path)

    assert not videos_read
    assert fault.row == 0
