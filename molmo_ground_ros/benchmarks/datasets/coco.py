# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""COCO's JSON: objects of pictures, and of videos as YouTube-VIS writes them.

A file is read whole: that is how it is written. Objects that are crowds (`iscrowd`) are left out.
A broken object costs its picture or video, whose truth would be wrong without it.
Sources: cocodataset.org, format of data; YouTube-VIS 2019, format of annotations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, BoxTrack, MaskTrack, Media
from molmo_ground_ros.benchmarks.datasets.expression_examples import label_expressions
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record, read_json
from molmo_ground_ros.errors import BadRecord, BadSetting
from molmo_ground_ros.frames.masks import Mask, mask_of_polygons

VIDEO_FPS = 6.0  # YouTube-VIS has every fifth frame of 30 a second, and its files tell no rate
_OBJECTS = 'instances*.json'  # beside captions and keypoints of the same pictures

_Box = tuple[float, float, float, float]


def coco(path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
    """Every picture or video of the JSON files in a folder or its `annotations`, or of one file.

    Raises BadSetting where there is none.
    """
    for file in _files(path):
        try:
            yield from _whole(file)
        except (BadRecord, BadSetting) as error:
            yield error if isinstance(error, BadRecord) else bad_record(str(file), 0, error)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    for pattern in (_OBJECTS, f'annotations/{_OBJECTS}', '*.json', 'annotations/*.json'):
        found = sorted(path.glob(pattern))
        if found:
            return found
    raise BadSetting('data', str(path), 'holds no JSON file')


def _whole(file: Path) -> Iterator[AnnotatedVideo | BadRecord]:
    found = fields.mapping(read_json(file), 'file')
    kind = 'videos' if 'videos' in found else 'images'
    labels = _labels(found)
    of_media: dict[str, list[Mapping[str, Any]]] = {}
    media = list(fields.numbered(fields.field(found, kind), kind))
    known = {str(item.get('id')) for _, item in media if isinstance(item, Mapping)}
    for name, item in fields.numbered(fields.field(found, 'annotations'), 'annotations'):
        target = item.get(f'{kind[:-1]}_id') if isinstance(item, Mapping) else None
        if str(target) not in known:
            why = f'{kind[:-1]}_id = {target!r} is none of {kind}'
            yield bad_record(str(file), 0, f'{name}: {why}')
        else:
            of_media.setdefault(str(target), []).append(item)
    names: set[str] = set()
    ids: set[str] = set()
    for row, (name, item) in enumerate(media, start=1):
        try:
            record = fields.mapping(item, name)
            number = fields.key(fields.field(record, 'id', f'{name}.'), f'{name}.id')
            objects = of_media.get(number, [])
            read = _video if kind == 'videos' else _picture
            one = read(record, name, objects, labels, str(file), row)
            if one.name in names or number in ids:
                raise fields.bad_field('id', number, f"or '{one.name}' was there before")
        except BadSetting as error:
            yield bad_record(str(file), row, error)
            continue
        names.add(one.name)
        ids.add(number)
        yield one


def _labels(found: Mapping[str, Any]) -> dict[str, str]:
    labels = {}
    for name, item in fields.numbered(fields.field(found, 'categories'), 'categories'):
        record = fields.mapping(item, name)
        number = fields.key(fields.field(record, 'id', f'{name}.'), f'{name}.id')
        labels[number] = fields.text(fields.field(record, 'name', f'{name}.'), f'{name}.name')
    return labels


def _picture(
    record: Mapping[str, Any],
    name: str,
    objects: list[Mapping[str, Any]],
    labels: Mapping[str, str],
    file: str,
    row: int,
) -> AnnotatedVideo:
    width, height = fields.size(record)
    tracks: list[MaskTrack | BoxTrack] = []
    for item, at, number, label in _objects(objects, labels):
        mask = _mask(item.get('segmentation'), f'{at}.segmentation', width, height)
        if mask is not None:
            tracks.append(MaskTrack(number, label, {0: mask}))
        else:
            tracks.append(BoxTrack(number, label, {0: _box(fields.field(item, 'bbox', at), at)}))
    shown = fields.text(fields.field(record, 'file_name', f'{name}.'), f'{name}.file_name')
    return _annotated(shown, Media(shown), (width, height), 1, 1.0, tracks, file, row)


def _video(
    record: Mapping[str, Any],
    name: str,
    objects: list[Mapping[str, Any]],
    labels: Mapping[str, str],
    file: str,
    row: int,
) -> AnnotatedVideo:
    width, height = fields.size(record)
    shown = fields.items(fields.field(record, 'file_names', f'{name}.'), f'{name}.file_names')
    if not shown:
        raise fields.bad_field(f'{name}.file_names', shown, 'is an empty video')
    fps = fields.rate(record.get('fps', VIDEO_FPS), f'{name}.fps')
    tracks: list[MaskTrack | BoxTrack] = []
    for item, at, number, label in _objects(objects, labels):
        if item.get('segmentations') is not None:
            of_frame = fields.items(item['segmentations'], f'{at}.segmentations')
            fields.same_length({f'{name}.file_names': len(shown), at: len(of_frame)})
            read = (
                _mask(one, f'{at}.segmentations[{k}]', width, height)
                for k, one in enumerate(of_frame)
            )
            masks = {k: mask for k, mask in enumerate(read) if mask is not None}
            tracks.append(MaskTrack(number, label, masks))
        else:
            of_frame = fields.items(fields.field(item, 'bboxes', f'{at}.'), f'{at}.bboxes')
            fields.same_length({f'{name}.file_names': len(shown), at: len(of_frame)})
            boxes = {k: _box(one, f'{at}.bboxes[{k}]') for k, one in enumerate(of_frame) if one}
            tracks.append(BoxTrack(number, label, boxes))
    video = PurePosixPath(fields.text(shown[0], f'{name}.file_names[0]')).parent.as_posix()
    media = Media(video, fps=fps)
    return _annotated(video, media, (width, height), len(shown), fps, tracks, file, row)


def _annotated(
    name: str,
    media: Media,
    size: tuple[int, int],
    frames: int,
    fps: float,
    tracks: list[MaskTrack | BoxTrack],
    file: str,
    row: int,
) -> AnnotatedVideo:
    numbers = [track.id for track in tracks]
    if len(set(numbers)) < len(numbers):
        raise fields.bad_field('annotations', numbers, 'have an id twice')
    of_all = tuple(tracks)
    return AnnotatedVideo(
        name, media, *size, frames, fps, of_all, label_expressions(of_all), file, row
    )


def _objects(
    objects: list[Mapping[str, Any]], labels: Mapping[str, str]
) -> Iterator[tuple[Mapping[str, Any], str, int, str]]:
    """(object, its name in messages, its id, its label) of each that is no crowd."""
    for item in objects:
        number = fields.integer(fields.field(item, 'id', 'annotation.'), 'annotation.id', 0, 2**62)
        at = f'annotation {number}'
        if item.get('iscrowd'):
            continue
        category = fields.key(fields.field(item, 'category_id', f'{at}.'), f'{at}.category_id')
        if category not in labels:
            raise fields.bad_field(f'{at}.category_id', category, 'is none of categories')
        yield item, at, number, labels[category]


def _mask(value: object, name: str, width: int, height: int) -> Mask | None:
    """Of runs, or of polygons; None where there is none."""
    if not isinstance(value, list | tuple):
        return fields.mask(value, name, width, height)
    if not value:
        return None
    outlines = []
    for at, item in fields.numbered(value, name):
        outline = [
            fields.number(one, at, -2.0 * max(width, height), 3.0 * max(width, height))
            for one in fields.items(item, at)
        ]
        if len(outline) < 6 or len(outline) % 2:
            raise fields.bad_field(at, outline, 'is no polygon of x and y')
        outlines.append(outline)
    return mask_of_polygons(outlines, height, width)


def _box(value: object, name: str) -> _Box:
    sides = [fields.number(one, name, -1e7, 1e7) for one in fields.items(value, name)]
    if len(sides) != 4 or sides[2] <= 0 or sides[3] <= 0:
        raise fields.bad_field(name, value, 'is no x, y, width and height')
    return sides[0], sides[1], sides[2], sides[3]
