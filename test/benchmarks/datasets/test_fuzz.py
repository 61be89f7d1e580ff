# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whatever a file holds, it is read to its end: an example or a fault, and never an exception."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import dataset_records
from support.dataset_records import read_all, rle, trackeval

from molmo_ground_ros.benchmarks.datasets import read_annotated

RECORDS = {
    'videopoint': dataset_records.point(),
    'videopointeval': dataset_records.pointeval(),
    'videocounteval': dataset_records.counteval(),
    'videotrack': dataset_records.track(),
    'videotrackeval': dataset_records.trackeval(),
    'academic-points': dataset_records.academic_points(),
    'academic-tracks': dataset_records.academic_tracks(),
}
COCO = {
    'images': [{'id': 1, 'file_name': 'a.jpg', 'width': 64, 'height': 48}],
    'categories': [{'id': 5, 'name': 'cup'}],
    'annotations': [
        {'id': 1, 'image_id': 1, 'category_id': 5, 'segmentation': rle(), 'iscrowd': 0},
        {'id': 2, 'image_id': 1, 'category_id': 5, 'segmentation': [[1, 1, 9, 1, 9, 9]]},
        {'id': 3, 'image_id': 1, 'category_id': 5, 'bbox': [1, 1, 9, 9], 'segmentation': []},
    ],
}
VIDEOS = {
    'videos': [{'id': 1, 'width': 64, 'height': 48, 'file_names': ['v/0.jpg', 'v/1.jpg']}],
    'categories': [{'id': 5, 'name': 'cup'}],
    'annotations': [{'id': 3, 'video_id': 1, 'category_id': 5, 'segmentations': [None, rle()]}],
}
TRUTH = '1,5,101,51.5,20,40,1,1,0.9\n2,5,103,52,20,40,1,1,0.9\n'
INFO = '[Sequence]\nframeRate=25\nseqLength=4\nimWidth=640\nimHeight=480\n'

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def places(value, path=()):
    """Every place in a record."""
    yield path
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in inner:
        yield from places(item, (*path, key))


def changed(data, record):
    """The record with anything in one to three places of it."""
    records = json.loads(json.dumps(record))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from([one for one in places(records) if one]))
        inner = records
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = data.draw(JSON)
    return records


def damaged(data, content):
    """The bytes with one to eight of them changed."""
    records = bytearray(content)
    for _ in range(data.draw(st.integers(1, 8))):
        records[data.draw(st.integers(0, len(records) - 1))] = data.draw(st.integers(0, 255))
    return bytes(records)


@pytest.mark.parametrize('name', list(RECORDS))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_record_with_anything_anywhere_is_an_example_or_a_fault(tmp_path_factory, name, data):
    path = tmp_path_factory.mktemp('fuzz') / 'a.jsonl'
    path.write_text(json.dumps(changed(data, RECORDS[name])) + '\n' + json.dumps(RECORDS[name]))

    examples, faults = read_all(name, path)

    # A task that is not evaluated is neither; a copy of a record is a fault.
    assert 1 <= len(examples) + len(faults) <= 2
    assert len(examples) >= 1


@pytest.mark.parametrize('record', [COCO, VIDEOS], ids=['pictures', 'videos'])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_plain_json_with_anything_anywhere_is_read_to_its_end(tmp_path_factory, record, data):
    path = tmp_path_factory.mktemp('fuzz') / 'a.json'
    path.write_text(json.dumps(changed(data, record)))

    records = list(read_annotated('coco', path))

    assert all(one.file == str(path) for one in records)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_bytes_changed_anywhere_in_json_lines_are_read_past(tmp_path_factory, data):
    content = '\n'.join(json.dumps(trackeval(name)) for name in 'abc').encode()
    path = tmp_path_factory.mktemp('fuzz') / 'a.jsonl'
    path.write_bytes(damaged(data, content))

    examples, faults = read_all('videotrackeval', path)

    assert examples or faults


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_bytes_changed_anywhere_in_lines_of_boxes_are_read_past(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp('fuzz')
    (folder / 'gt').mkdir()
    (folder / 'gt' / 'gt.txt').write_bytes(damaged(data, TRUTH.encode()))
    (folder / 'seqinfo.ini').write_bytes(damaged(data, INFO.encode()))

    assert list(read_annotated('mot', folder))
