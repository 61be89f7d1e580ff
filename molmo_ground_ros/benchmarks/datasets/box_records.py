# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boxes as records in JSON and CSV, one for each box: BDD100K, PersonPath22 and MoCA.

BDD100K        box_track_20/VIDEO.json, a list of frames with labels (doc/format.md of bdd100k)
PersonPath22   anno_visible_2022.json, the format of gluoncv's motion data sets
MoCA           Annotations/annotations.csv, as the VGG image annotator writes it
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.coco import Box, box_of
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, BoxTrack, Media
from molmo_ground_ros.benchmarks.datasets.expression_examples import label_expressions
from molmo_ground_ros.benchmarks.datasets.frame_files import (
    FrameFiles,
    check_consecutive,
    frame_files,
    pictures,
)
from molmo_ground_ros.benchmarks.datasets.json_members import JsonFile
from molmo_ground_ros.benchmarks.datasets.mot import text_lines
from molmo_ground_ros.benchmarks.datasets.path_list import found_below
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record, read_json
from molmo_ground_ros.errors import BadField, BadRecord, BadSetting

_WAYS = ('', '*/', '*/*/', '*/*/*/')
_BDD_SIZE = 1280, 720  # of all its videos
_MOCA_TRUTH = 'Annotations/annotations.csv'
_RECTANGLE = 2  # the number of that shape
_NUMBER = '_0123456789'


@dataclass(slots=True)
class _Boxes:
    """The boxes of a video by object and frame, with the class of each object."""

    boxes: dict[int, dict[int, Box]] = field(default_factory=dict)
    labels: dict[int, str] = field(default_factory=dict)

    def add(self, number: int, label: str, frame: int, box: Box) -> None:
        """Add a box. Raises BadField if the object has one on that frame."""
        if frame in self.boxes.setdefault(number, {}):
            raise fields.bad_field('id', number, f'is twice on frame {frame}')
        self.boxes[number][frame] = box
        self.labels.setdefault(number, label)

    def video(
        self, name: str, files: FrameFiles, fps: float, file: str, row: int = 0
    ) -> AnnotatedVideo:
        """The video that the boxes are of."""
        tracks = tuple(
            BoxTrack(number, self.labels[number], self.boxes[number])
            for number in sorted(self.boxes)
        )
        return AnnotatedVideo(
            name,
            Media(name, fps=fps),
            files.width,
            files.height,
            files.frames,
            fps,
            tracks,
            label_expressions(tracks),
            file,
            row,
        )


@dataclass(frozen=True, slots=True)
class FrameLabels:
    """BDD100K: one JSON file for each video, with the labels of each frame."""

    fps: float = 5.0
    files: str = 'box_track_20/*/*.json'

    def videos(self, path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
        """Every video. Boxes of crowds are left out. Raises BadSetting if there is none."""
        files = found_below(path, (way + self.files for way in _WAYS))
        if not files:
            raise BadSetting('data', str(path), f'holds no {self.files}')
        for file in files:
            try:
                yield _of_frames(self, file)
            except BadRecord as error:
                yield error
            except BadField as error:
                yield bad_record(str(file), 0, error)


def _of_frames(layout: FrameLabels, file: Path) -> AnnotatedVideo:
    boxes = _Boxes()
    numbers: dict[str, int] = {}
    count = 0
    for name, item in fields.numbered(read_json(file), 'frames'):
        record = fields.mapping(item, name)
        index = record.get('frameIndex', record.get('index'))
        frame = fields.integer(index, f'{name}.frameIndex', 0, fields.MOST_FRAMES)
        count = max(count, frame + 1)
        for at, label in fields.numbered(record.get('labels') or [], f'{name}.labels'):
            _add_label(boxes, fields.mapping(label, at), at, frame, numbers)
    if not count:
        raise fields.bad_field('frames', 0, 'is an empty video')
    return boxes.video(file.stem, FrameFiles(count, *_BDD_SIZE), layout.fps, str(file))


def _add_label(
    boxes: _Boxes, label: Mapping[str, Any], at: str, frame: int, numbers: dict[str, int]
) -> None:
    """Add the box of a label that is no crowd. numbers: of objects by their id in the data."""
    attributes = fields.mapping(label.get('attributes') or {}, f'{at}.attributes')
    if attributes.get('crowd') or attributes.get('Crowd'):
        return
    key = fields.key(fields.field(label, 'id', f'{at}.'), f'{at}.id')
    kind = fields.text(fields.field(label, 'category', f'{at}.'), f'{at}.category')
    sides = fields.mapping(fields.field(label, 'box2d', f'{at}.'), f'{at}.box2d')
    x1, y1, x2, y2 = (
        fields.number(fields.field(sides, side, f'{at}.'), f'{at}.{side}', -1e6, 1e6)
        for side in ('x1', 'y1', 'x2', 'y2')
    )
    box = box_of([x1, y1, x2 - x1, y2 - y1], f'{at}.box2d')
    boxes.add(numbers.setdefault(key, len(numbers) + 1), kind, frame, box)


@dataclass(frozen=True, slots=True)
class Entities:
    """PersonPath22: one JSON file, with the entities of each sample."""

    fps: None = None  # each sample says it
    file: str = 'anno_visible_2022.json'

    def videos(self, path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
        """Every sample, one in memory at a time. Raises BadSetting if there is no file."""
        files = [path] if path.is_file() else []
        files = files or [file for way in _WAYS for file in sorted(path.glob(way + self.file))]
        if not files:
            raise BadSetting('data', str(path), f'holds no {self.file}')
        for file in files:
            try:
                with JsonFile(file) as content:
                    yield from _samples(content)
            except BadRecord as error:
                yield error


def _samples(content: JsonFile) -> Iterator[AnnotatedVideo | BadRecord]:
    row = 0
    for member in content.members(2):
        if len(member.names) < 2 or member.names[0] != 'samples':
            continue
        row += 1
        try:
            yield _sample(member.names[1], content.read(member), str(content.path), row)
        except (BadField, BadSetting) as error:
            yield bad_record(str(content.path), row, f'{member.names[1]}: {error}')
    if not row:
        raise bad_record(str(content.path), 0, 'holds no samples of gluoncv')


def _sample(name: str, value: object, file: str, row: int) -> AnnotatedVideo:
    record = fields.mapping(value, name)
    facts = fields.mapping(fields.field(record, 'metadata'), 'metadata')
    size = fields.size(fields.mapping(fields.field(facts, 'resolution', 'metadata.'), 'resolution'))
    fps = fields.rate(fields.field(facts, 'fps', 'metadata.'), 'fps')
    number = fields.field(facts, 'number_of_frames', 'metadata.')
    frames = fields.integer(number, 'number_of_frames', 1, fields.MOST_FRAMES)
    boxes = _Boxes()
    for at, item in fields.numbered(fields.field(record, 'entities'), 'entities'):
        _add_entity(boxes, fields.mapping(item, at), at, frames, fps)
    return boxes.video(PurePosixPath(name).stem, FrameFiles(frames, *size), fps, file, row)


def _add_entity(boxes: _Boxes, entity: Mapping[str, Any], at: str, frames: int, fps: float) -> None:
    """Add the box of an entity with an identity; those without are crowds and reflections.

    Its frame is `blob.frame_idx`, else that of its `time` in milliseconds, as gluoncv reads it.
    """
    kinds = list(fields.mapping(entity.get('labels') or {'person': 1}, f'{at}.labels'))
    if entity.get('id') is None or 'person' not in kinds or 'crowd' in kinds:
        return
    blob = fields.mapping(entity.get('blob') or {}, f'{at}.blob')
    if 'frame_idx' in blob:
        frame = fields.integer(blob['frame_idx'], f'{at}.blob.frame_idx', 0, frames - 1)
    else:
        time = fields.number(fields.field(entity, 'time', f'{at}.'), f'{at}.time', 0, 1e12)
        frame = fields.integer(round(time / 1000 * fps), f'{at}.time', 0, frames - 1)
    number = fields.integer(entity['id'], f'{at}.id', 0, 2**53)
    boxes.add(number, 'person', frame, box_of(fields.field(entity, 'bb', f'{at}.'), f'{at}.bb'))


@dataclass(frozen=True, slots=True)
class AnnotatorTable:
    """MoCA: one CSV file, with a row for each box. A video is called by its animal."""

    fps: float = 24.0

    def videos(self, path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
        """Every video. Raises BadSetting if there is no file."""
        files = sorted(file for way in _WAYS for file in path.glob(way + _MOCA_TRUTH))
        if not files:
            raise BadSetting('data', str(path), f'holds no {_MOCA_TRUTH}')
        for file in files:
            videos: dict[str, _Boxes] = {}
            stems: dict[str, dict[str, int]] = {}
            yield from _rows(file, videos, stems)
            for name, boxes in videos.items():
                try:
                    images = file.parents[1] / 'JPEGImages' / name
                    check_consecutive(images)
                    files_of = frame_files([images])
                    yield boxes.video(name, files_of, self.fps, str(file))
                except BadField as error:
                    yield bad_record(str(file), 0, f'{name}: {error}')


def _rows(
    file: Path, videos: dict[str, _Boxes], stems: dict[str, dict[str, int]]
) -> Iterator[BadRecord]:
    """Read the boxes into `videos`, and yield an error for each broken row."""
    try:
        lines = text_lines(file)
    except (BadField, OSError) as error:
        yield bad_record(str(file), 0, error)
        return
    header: list[str] = []
    for row, line in enumerate(csv.reader(lines), start=1):
        if not header and 'file_list' in line:
            header = line
        elif header and line:
            try:
                _add_row(dict(zip(header, line, strict=False)), file, videos, stems)
            except (BadField, ValueError) as error:
                yield bad_record(str(file), row, error)
    if not header:
        yield bad_record(str(file), 0, 'has no line of the columns file_list ...')


def _add_row(
    record: dict[str, str],
    file: Path,
    videos: dict[str, _Boxes],
    stems: dict[str, dict[str, int]],
) -> None:
    """Add the box of a row. Raises BadField, and ValueError for what is no JSON."""
    image = PurePosixPath(fields.text(record.get('file_list'), 'file_list').strip('[]" '))
    name = image.parent.name
    if name not in stems:
        files = pictures(file.parents[1] / 'JPEGImages' / name)
        stems[name] = {path.stem: k for k, path in enumerate(files)}
    if image.stem not in stems[name]:
        raise fields.bad_field('file_list', str(image), 'is of no picture in JPEGImages')
    shape = fields.items(json.loads(record.get('spatial_coordinates', '')), 'spatial_coordinates')
    if len(shape) != 5 or shape[0] != _RECTANGLE:
        raise fields.bad_field('spatial_coordinates', shape, 'is no rectangle')
    boxes = videos.setdefault(name, _Boxes())
    number = 1
    while stems[name][image.stem] in boxes.boxes.get(number, {}):
        number += 1
    label = name.rstrip(_NUMBER).replace('_', ' ')
    boxes.add(number, label, stems[name][image.stem], box_of(shape[1:], 'spatial_coordinates'))
