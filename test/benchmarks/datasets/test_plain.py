# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Plain data: COCO, DAVIS, YouTube-VOS, MOTChallenge, LaSOT, PointBench."""

import json

import cv2
import numpy as np
import pytest
from support.dataset_records import HEIGHT, WIDTH, read_all, rle, square
from support.pngs import write_png

from molmo_ground_ros.benchmarks.datasets import example_of, read, read_annotated
from molmo_ground_ros.benchmarks.datasets.examples import Expression, ImageTruth, Media, TrackTruth
from molmo_ground_ros.errors import BadRecord, BadSetting
from molmo_ground_ros.types import Task


def annotated(name, folder):
    found = list(read_annotated(name, folder))
    faults = [one for one in found if isinstance(one, BadRecord)]
    return [one for one in found if not isinstance(one, BadRecord)], faults


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


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

    found, (fault,) = annotated('coco', tmp_path)

    assert (fault.file, fault.row) == (str(path), row)
    assert message in fault.why
    expected = {'images': 2} if 'images' not in changed and 'categories' not in changed else {}
    if expected:
        assert len(found) == (2 if row == 0 else 1)


@pytest.mark.parametrize(
    'content', ['', '{', '[]', '{"images": 3, "categories": [], "annotations": []}']
)
def test_json_of_another_shape_is_named(tmp_path, content):
    (tmp_path / 'a.json').write_text(content)

    found, (fault,) = annotated('coco', tmp_path)

    assert not found
    assert fault.row == 0


def numbers(*squares):
    """Numbers of objects: object k + 1 is the k-th square (left, top)."""
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for k, (left, top) in enumerate(squares, start=1):
        pixels[square(left, top)] = k
    return pixels


def davis(folder):
    """Two videos of three frames; in `bear` the second object comes later, and some is void."""
    masks, shown = folder / 'Annotations' / '480p', folder / 'JPEGImages' / '480p'
    frames = [numbers((4, 6)), numbers((5, 6), (30, 20)), numbers((6, 6), (31, 20))]
    frames[1][0] = 255
    for k, pixels in enumerate(frames):
        write_png(masks / 'bear' / f'{k:05d}.png', pixels)
        write_png(masks / 'dog' / f'{k:05d}.png', numbers((4, 6)))
        (shown / 'bear').mkdir(parents=True, exist_ok=True)
        (shown / 'bear' / f'{k:05d}.jpg').touch()
    said = {
        '0': {'exp': 'a brown bear', 'obj_id': '1'},
        '1': {'exp': 'both bears', 'obj_id': [1, 2]},
    }
    write_json(
        folder / 'meta_expressions' / 'valid' / 'meta_expressions.json',
        {'videos': {'bear': {'expressions': said, 'frames': ['00000', '00001', '00002']}}},
    )
    return masks


def test_masks_in_a_palette_are_objects_with_words(tmp_path):
    davis(tmp_path)

    (bear, dog), faults = annotated('davis', tmp_path)

    assert not faults
    assert (bear.name, bear.frames, bear.fps, bear.width) == ('bear', 3, 6.0, WIDTH)
    assert [track.id for track in bear.tracks] == [1, 2]
    assert list(bear.tracks[1].masks) == [1, 2]
    assert np.array_equal(bear.tracks[0].masks[2].array(), square(6, 6))
    assert bear.expressions == (
        Expression('a brown bear', (1,)),
        Expression('both bears', (1, 2)),
    )
    assert dog.expressions == ()

    examples, faults = read_all('davis', tmp_path)

    assert not faults
    assert [(one.id, one.label) for one in examples] == [
        ('bear_0', 'a brown bear'),
        ('bear_1', 'both bears'),
    ]
    assert [tracked.id for tracked in examples[1].truth.objects] == [1, 2]


def test_masks_every_fifth_frame_are_numbered_by_the_pictures(tmp_path):
    for k in (0, 5, 10):
        write_png(tmp_path / 'train' / 'Annotations' / 'v' / f'{k:05d}.png', numbers((4, 6)))
    write_json(
        tmp_path / 'train' / 'meta.json',
        {'videos': {'v': {'objects': {'1': {'category': 'goat', 'frames': ['00000']}}}}},
    )

    (video,), faults = annotated('youtube-vos', tmp_path)

    assert not faults
    assert list(video.tracks[0].masks) == [0, 1, 2]
    assert video.tracks[0].label == 'goat'
    assert video.expressions == (Expression('goat', (1,)),)

    for k in range(11):
        picture = tmp_path / 'train' / 'JPEGImages' / 'v' / f'{k:05d}.jpg'
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.touch()

    (video,), _ = annotated('youtube-vos', tmp_path)

    assert (video.frames, list(video.tracks[0].masks)) == (11, [0, 5, 10])


def test_grey_masks_of_0_and_255_are_one_object(tmp_path):
    write_png(tmp_path / 'Annotations' / 'v' / '0.png', 255 * (numbers((4, 6)) > 0), palette=False)

    (video,), (fault,) = annotated('davis', tmp_path)

    assert [track.id for track in video.tracks] == [1]
    assert 'no words' in fault.why


@pytest.mark.parametrize(
    ('harm', 'message'),
    [
        pytest.param(
            lambda masks: write_png(masks / '00001.png', numbers()[:-1]), 'size', id='size'
        ),
        pytest.param(lambda masks: (masks / '00001.png').write_bytes(b''), 'no PNG', id='empty'),
        pytest.param(
            lambda masks: write_png(masks / '00009.png', numbers()), 'no picture', id='extra'
        ),
        pytest.param(
            lambda masks: [one.unlink() for one in masks.glob('*.png')], 'empty video', id='none'
        ),
    ],
)
def test_a_broken_mask_costs_its_video(tmp_path, harm, message):
    masks = davis(tmp_path)
    harm(masks / 'bear')

    found, (fault,) = annotated('davis', tmp_path)

    assert [one.name for one in found] == ['dog']
    assert fault.file == str(masks / 'bear')
    assert message in fault.why


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        pytest.param(
            {'videos': {'bear': {'expressions': {'0': {'exp': 'x'}}}}}, 'obj_id', id='no id'
        ),
        pytest.param(
            {'videos': {'bear': {'expressions': {'0': {'exp': 'x', 'obj_id': '7'}}}}},
            'none of the objects',
            id='unknown object',
        ),
        pytest.param({'videos': {'cat': {}}}, 'no masks in Annotations', id='unknown video'),
        pytest.param({'clips': {}}, 'videos = ', id='another shape'),
        pytest.param({'videos': {'bear': 3}}, 'is no record', id='no record'),
    ],
)
def test_broken_words_are_named(tmp_path, words, message):
    davis(tmp_path)
    write_json(tmp_path / 'meta_expressions' / 'valid' / 'meta_expressions.json', words)

    found, faults = annotated('davis', tmp_path)

    assert 'dog' in [one.name for one in found]
    assert message in ' '.join(fault.why for fault in faults)


def mot(folder, lines, info='frameRate=25\nseqLength=4\nimWidth=640\nimHeight=480'):
    (folder / 'gt').mkdir(parents=True)
    (folder / 'gt' / 'gt.txt').write_text('\n'.join(lines) + '\n')
    (folder / 'seqinfo.ini').write_text(f'[Sequence]\nname=x\nimDir=img1\n{info}\nimExt=.jpg\n')


def test_boxes_of_motchallenge_count_from_one(tmp_path):
    lines = [
        '1,5,101,51.5,20,40,1,1,0.9',
        '3,5,103,52,20,40,1,1,0.9',
        '2,6,11,11,5,5,0,1,1',
        '2,7,11,11,5,5,1,3,1',
        '4,8,1,1,5,5,-1,-1,-1,-1',
    ]
    mot(tmp_path / 'train' / 'MOT17-02', lines)

    (sequence,), faults = annotated('mot', tmp_path)

    assert not faults
    assert (sequence.name, sequence.frames, sequence.fps) == ('MOT17-02', 4, 25.0)
    assert (sequence.width, sequence.height) == (640, 480)
    assert [(track.id, track.label) for track in sequence.tracks] == [
        (5, 'pedestrian'),
        (7, 'car'),
        (8, 'pedestrian'),
    ]
    assert sequence.tracks[0].boxes == {0: (100, 50.5, 20, 40), 2: (102, 51, 20, 40)}
    assert sequence.expressions[0] == Expression('pedestrian', (5, 8))

    examples, _ = read_all('mot', tmp_path)

    assert examples[0].truth.objects[0].points == {0: (110.0, 70.5), 2: (112.0, 71.0)}
    assert examples[0].truth.objects[0].masks == {}


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        pytest.param('1,5,a,2,3,4', 'no line of numbers', id='letters'),
        pytest.param('1,5,2,3', 'fewer than 6', id='short'),
        pytest.param('9,5,2,3,4,5', 'frame = 9', id='frame off the video'),
        pytest.param('0,5,2,3,4,5', 'frame = 0', id='frame before the video'),
        pytest.param('1,5,nan,3,4,5', 'not finite', id='NaN'),
        pytest.param('1,5,2,3,0,5', 'is empty', id='empty box'),
        pytest.param('1,5,2,3,-4,5', 'box = -4.0', id='negative'),
        pytest.param('1,5.5,2,3,4,5', 'is not whole', id='id'),
        pytest.param('2,1,2,3,4,5', 'twice on frame 2', id='twice'),
    ],
)
def test_a_broken_line_is_named_and_the_others_are_read(tmp_path, line, message):
    mot(tmp_path, ['2,1,1,1,5,5', line])

    (sequence,), (fault,) = annotated('mot', tmp_path)

    assert [track.id for track in sequence.tracks] == [1]
    assert (fault.file, fault.row) == (str(tmp_path / 'gt' / 'gt.txt'), 2)
    assert message in fault.why


@pytest.mark.parametrize(
    'info', ['', 'frameRate=0\nseqLength=4\nimWidth=1\nimHeight=1', 'seqLength=x', '[', '\x00']
)
def test_a_sequence_without_its_size_is_named(tmp_path, info):
    mot(tmp_path, ['1,1,1,1,5,5'], info)

    found, (fault,) = annotated('mot', tmp_path)

    assert not found
    assert fault.file == str(tmp_path / 'seqinfo.ini')


def lasot(folder, boxes='1,2,3,4\n2,2,3,4\n3,2,3,4\n0,0,0,0\n', **files):
    folder.mkdir(parents=True)
    (folder / 'groundtruth.txt').write_text(boxes)
    for name, content in files.items():
        (folder / f'{name}.txt').write_text(content)


def test_boxes_of_lasot_are_hidden_where_it_says_so(tmp_path):
    folder = tmp_path / 'airplane' / 'airplane-13'
    lasot(folder, full_occlusion='0,1,0,0', out_of_view='0,0,0,1\n', nlp='white airplane\nlanding')
    (folder / 'img').mkdir()
    cv2.imwrite(str(folder / 'img' / '00000001.jpg'), np.zeros((30, 40, 3), np.uint8))

    (video,), faults = annotated('lasot', tmp_path)

    assert not faults
    assert (video.name, video.frames, video.fps) == ('airplane-13', 4, 30.0)
    assert (video.width, video.height) == (40, 30)
    assert video.tracks[0].boxes == {0: (1, 2, 3, 4), 2: (3, 2, 3, 4)}
    assert video.tracks[0].label == 'airplane'
    assert video.expressions == (Expression('white airplane landing', (1,)),)


def test_a_broken_box_is_named_and_a_list_of_another_length_costs_the_video(tmp_path):
    lasot(tmp_path / 'a-1', '1,2,3,4\nx\n1,2,3,-4\n')
    lasot(tmp_path / 'b-1', full_occlusion='0,1')
    lasot(tmp_path / 'c-1', '')

    (video,), faults = annotated('lasot', tmp_path)

    assert (video.name, video.width, list(video.tracks[0].boxes)) == ('a-1', 0, [0])
    assert [fault.row for fault in faults] == [2, 3, 0, 0]
    assert 'differ in length' in faults[2].why
    assert 'empty video' in faults[3].why


@pytest.mark.parametrize('name', ['coco', 'davis', 'mot', 'lasot', 'youtube-vos'])
def test_a_folder_of_something_else_is_an_error(tmp_path, name):
    with pytest.raises(BadSetting, match='data = '):
        list(read_annotated(name, tmp_path))


def test_an_unknown_format_lists_those_there_are(tmp_path):
    with pytest.raises(BadSetting, match='videopointeval, videocounteval'):
        read('imagenet', tmp_path)
    with pytest.raises(BadSetting, match='coco, davis'):
        read_annotated('videopoint', tmp_path)


def test_pointbench_is_a_question_a_picture_and_a_mask(tmp_path):
    item = {
        'image_filename': 'x.jpg',
        'mask_filename': 'x.png',
        'category': 'spatial',
        'user_input': 'Point to the left cup.',
    }
    without = {key: value for key, value in item.items() if key != 'mask_filename'}
    lost = item | {'mask_filename': 'y.png'}
    write_json(tmp_path / 'data.json', [without, item, lost, item | {'user_input': 'And right?'}])
    mask = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    mask[square(4, 6), 1] = 200
    path = tmp_path / 'selected_masks' / 'spatial' / 'x.png'
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), mask)

    (first, second), (fault,) = read_all('pointbench', tmp_path)

    assert (first.query, first.category, first.task) == (
        'Point to the left cup.',
        'spatial',
        Task.POINT,
    )
    assert np.array_equal(first.truth.masks[0].array(), square(4, 6))
    assert first.media.name == 'selected_images/spatial/x.jpg'
    assert [first.id, second.id] == ['spatial/x.jpg', 'spatial/x.jpg#2']
    assert (fault.row, 'cannot be read' in fault.why) == (3, True)
