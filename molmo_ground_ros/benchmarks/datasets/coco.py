# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""COCO's JSON: the objects of images, and of videos as YouTube-VIS writes them.

A file is scanned once, and the objects of one image or video are in memory (`json_members`).
Objects that are crowds (`iscrowd`) are left out. An image or video with a broken object is a
BadRecord: without that object its truth would be wrong.
Sources: cocodataset.org, format of data; YouTube-VIS 2019, format of annotations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.coco_content import CocoContent, coco_content
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, BoxTrack, MaskTrack, Media
from molmo_ground_ros.benchmarks.datasets.expression_examples import label_expressions
from molmo_ground_ros.benchmarks.datasets.json_members import JsonFile
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record
from molmo_ground_ros.errors import BadField, BadRecord, BadSetting
from molmo_ground_ros.frames.masks import Mask, mask_of_polygons

# YouTube-VIS has every fifth frame of 30 a second, and its files do not hold a rate.
VIDEO_FPS = 6.0
# The files of objects. Captions and keypoints of the same images may lie beside them.
_OBJECTS = 'instances*.json'

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class CocoFiles:
    """Where a source of images, or of videos with lists by frame, has its files."""

    fps: float = VIDEO_FPS  # of a video whose record holds none
    # Patterns of its files; the first that has any is used.
    files: tuple[str, ...] = (_OBJECTS, f'annotations/{_OBJECTS}', '*.json', 'annotations/*.json')

    def videos(self, path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
        """Every image or video of one JSON file, or of those in a folder.

        Raises BadSetting if there is no file.
        """
        for file in coco_files(path, self.files):
            try:
                with JsonFile(file) as content:
                    yield from _videos(self, coco_content(content))
            except (BadField, BadRecord, BadSetting) as error:
                yield error if isinstance(error, BadRecord) else bad_record(str(file), 0, error)


def coco_files(path: Path, patterns: tuple[str, ...]) -> list[Path]:
    """The file itself, or those of the first pattern that has any. Raises BadSetting."""
    if path.is_file():
        return [path]
    for pattern in patterns:
        files = sorted(path.glob(pattern))
        if files:
            return files
    raise BadSetting('data', str(path), f'holds no JSON file: {" or ".join(patterns)}')


def _videos(layout: CocoFiles, content: CocoContent) -> Iterator[AnnotatedVideo | BadRecord]:
    kind = content.kind
    yield from content.strays()
    of_media, faults = content.annotations_of(f'{kind[:-1]}_id', content.ids())
    yield from faults
    names: set[str] = set()
    ids: set[str] = set()
    file = str(content.file.path)
    for row, place in enumerate(content.places[kind], start=1):
        name = f'{kind}[{row - 1}]'
        try:
            record = fields.mapping(content.file.read(place), name)
            number = fields.key(fields.field(record, 'id', f'{name}.'), f'{name}.id')
            objects = [content.annotation(k) for k in of_media.get(number, ())]
            read = _video if kind == 'videos' else _image
            video = read(record, name, objects, content.labels, file, row, layout.fps)
            if video.name in names or number in ids:
                raise fields.bad_field('id', number, f"or '{video.name}' was there before")
        except (BadField, BadSetting) as error:
            yield bad_record(file, row, error)
            continue
        names.add(video.name)
        ids.add(number)
        yield video


def _image(
    record: Mapping[str, Any],
    name: str,
    objects: list[Mapping[str, Any]],
    labels: Mapping[str, str],
    file: str,
    row: int,
    fps: float,
) -> AnnotatedVideo:
    """An image. fps: of no use here."""
    del fps
    width, height = fields.size(record)
    tracks: list[MaskTrack | BoxTrack] = []
    for item, at, number, label in _objects(objects, labels):
        mask = _mask(item.get('segmentation'), f'{at}.segmentation', width, height)
        if mask is not None:
            tracks.append(MaskTrack(number, label, {0: mask}))
        else:
            tracks.append(BoxTrack(number, label, {0: box_of(fields.field(item, 'bbox', at), at)}))
    file_name = fields.text(fields.field(record, 'file_name', f'{name}.'), f'{name}.file_name')
    return _annotated(file_name, Media(file_name), (width, height), 1, 1.0, tracks, file, row)


def _video(
    record: Mapping[str, Any],
    name: str,
    objects: list[Mapping[str, Any]],
    labels: Mapping[str, str],
    file: str,
    row: int,
    fps: float,
) -> AnnotatedVideo:
    """A video. fps: if its record holds none."""
    width, height = fields.size(record)
    file_names = fields.items(fields.field(record, 'file_names', f'{name}.'), f'{name}.file_names')
    if not file_names:
        raise fields.bad_field(f'{name}.file_names', file_names, 'is an empty video')
    fps = fields.rate(record.get('fps', fps), f'{name}.fps')
    tracks: list[MaskTrack | BoxTrack] = []
    for item, at, number, label in _objects(objects, labels):
        if item.get('segmentations') is not None:
            of_frame = fields.items(item['segmentations'], f'{at}.segmentations')
            fields.same_length({f'{name}.file_names': len(file_names), at: len(of_frame)})
            read = (
                _mask(value, f'{at}.segmentations[{k}]', width, height)
                for k, value in enumerate(of_frame)
            )
            masks = {k: mask for k, mask in enumerate(read) if mask is not None}
            tracks.append(MaskTrack(number, label, masks))
        else:
            of_frame = fields.items(fields.field(item, 'bboxes', f'{at}.'), f'{at}.bboxes')
            fields.same_length({f'{name}.file_names': len(file_names), at: len(of_frame)})
            boxes = {
                k: box_of(value, f'{at}.bboxes[{k}]') for k, value in enumerate(of_frame) if value
            }
            tracks.append(BoxTrack(number, label, boxes))
    video = PurePosixPath(fields.text(file_names[0], f'{name}.file_names[0]')).parent.as_posix()
    media = Media(video, fps=fps)
    return _annotated(video, media, (width, height), len(file_names), fps, tracks, file, row)


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
    """(object, its path in messages, its id, its label) of each object that is no crowd."""
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
    """A mask from run lengths or polygons; None if the value is empty."""
    if not isinstance(value, list | tuple):
        return fields.mask(value, name, width, height)
    if not value:
        return None
    outlines = []
    for at, item in fields.numbered(value, name):
        outline = [
            fields.number(coordinate, at, -2.0 * max(width, height), 3.0 * max(width, height))
            for coordinate in fields.items(item, at)
        ]
        if len(outline) < 6 or len(outline) % 2:
            raise fields.bad_field(at, outline, 'is no polygon of x and y')
        outlines.append(outline)
    return mask_of_polygons(outlines, height, width)


def box_of(value: object, name: str) -> Box:
    """Left, top, width and height of a box that is not empty. Raises BadField."""
    sides = [fields.number(side, name, -1e7, 1e7) for side in fields.items(value, name)]
    if len(sides) != 4 or sides[2] <= 0 or sides[3] <= 0:
        raise fields.bad_field(name, value, 'is no x, y, width and height')
    return sides[0], sides[1], sides[2], sides[3]
