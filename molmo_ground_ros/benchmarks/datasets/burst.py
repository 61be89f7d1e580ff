# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""BURST: masks of the videos of TAO, and the questions for counts that are made of them.

A JSON file holds `sequences` and `categories`. A sequence names all its images and those that are
annotated, with a mask for each visible track.
Source: BURST-benchmark, ANNOTATION_FORMAT.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets import queries
from molmo_ground_ros.benchmarks.datasets.examples import (
    AnnotatedVideo,
    CountTruth,
    Example,
    Expression,
    MaskTrack,
    Media,
)
from molmo_ground_ros.benchmarks.datasets.json_members import JsonFile, Member
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record
from molmo_ground_ros.errors import BadField, BadRecord, BadSetting
from molmo_ground_ros.frames.masks import Mask
from molmo_ground_ros.frames.windows import MAX_WINDOW_S
from molmo_ground_ros.types import Task

_FILE = 'all_classes.json'
_WAYS = ('', '*/', '*/*/')


@dataclass(frozen=True, slots=True)
class Burst:
    """BURST, one of its annotation files or the `all_classes.json` of each split in a folder."""

    fps: None = None  # the data says it for each sequence

    def videos(self, path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
        """Every sequence. Raises BadSetting if there is no file."""
        for _, video in _sequences(path):
            yield video


def burst_counts(path: Path) -> Iterator[Example | BadRecord]:
    """A question for the number of objects of each class in each sequence.

    The paper has 2.2k such examples of the test set, from its tracks (arXiv 2601.10611v4, section
    4.2); which they are is not published. Ours: each class of each sequence, but for those that the
    data says are not exhaustively annotated, and sequences over 63 s. An object counts if a mask
    shows it. Raises BadSetting if there is no file.
    """
    for record, video in _sequences(path):
        if isinstance(video, BadRecord):
            yield video
            continue
        duration = video.frames / video.fps
        if duration > MAX_WINDOW_S:
            why = f'{video.name}: is {duration:g} s long, over {MAX_WINDOW_S:g} s'
            yield bad_record(video.file, video.row, why)
            continue
        try:
            partial = _partial(record)
        except BadField as error:
            yield bad_record(video.file, video.row, f'{video.name}: {error}')
            continue
        for expression in video.expressions:
            if expression.key not in partial:
                yield _count(video, expression, duration)


def _partial(record: Mapping[str, Any]) -> set[str]:
    """The classes of which not all objects are annotated. Raises BadField."""
    name = 'not_exhaustive_category_ids'
    return {fields.key(number, name) for number in fields.items(record.get(name) or [], name)}


def _count(video: AnnotatedVideo, expression: Expression, duration: float) -> Example:
    visible = {track.id for track in video.tracks if isinstance(track, MaskTrack) and track.masks}
    return Example(
        id=f'{video.name}_{expression.text}',
        query=queries.count(expression.text),
        task=Task.COUNT,
        label=expression.text,
        category='',
        media=video.media,
        truth=CountTruth(len(visible & set(expression.ids))),
        duration_s=duration,
        file=video.file,
        row=video.row,
    )


def _sequences(path: Path) -> Iterator[tuple[Mapping[str, Any], AnnotatedVideo | BadRecord]]:
    """(record, video) of every sequence of every file."""
    found_files = [file for way in _WAYS for file in sorted(path.glob(way + _FILE))]
    files = [path] if path.is_file() else found_files
    if not files:
        raise BadSetting('data', str(path), f'holds no {_FILE}')
    for file in files:
        try:
            with JsonFile(file) as content:
                yield from _of_file(content)
        except (BadRecord, BadField) as error:
            yield {}, error if isinstance(error, BadRecord) else bad_record(str(file), 0, error)


def _of_file(
    content: JsonFile,
) -> Iterator[tuple[Mapping[str, Any], AnnotatedVideo | BadRecord]]:
    sequences: list[Member] = []
    labels: dict[str, str] = {}
    for member in content.members(2):
        if len(member.names) < 2:
            continue
        if member.names[0] == 'sequences':
            sequences.append(member)
        elif member.names[0] == 'categories':
            record = fields.mapping(content.read(member), 'categories')
            number = fields.key(fields.field(record, 'id', 'categories.'), 'categories.id')
            labels[number] = fields.text(fields.field(record, 'name', 'categories.'), 'name')
    if not sequences or not labels:
        raise bad_record(str(content.path), 0, 'holds no sequences and categories of BURST')
    for row, member in enumerate(sequences, start=1):
        record = {}
        try:
            record = fields.mapping(content.read(member), f'sequences[{row - 1}]')
            yield record, _video(record, labels, str(content.path), row)
        except (BadField, BadSetting) as error:
            yield record, bad_record(str(content.path), row, error)
        except BadRecord as error:
            yield record, error


def _video(
    record: Mapping[str, Any], labels: Mapping[str, str], file: str, row: int
) -> AnnotatedVideo:
    width, height = fields.size(record)
    source = fields.text(fields.field(record, 'dataset'), 'dataset')
    name = f'{source}/{fields.text(fields.field(record, "seq_name"), "seq_name")}'
    fps = fields.rate(fields.field(record, 'fps'), 'fps')
    frames = _frames(record)
    masks = _masks(record, frames, (width, height))
    of_class = _classes(record, labels)
    for number in masks:
        if number not in of_class:
            raise fields.bad_field('segmentations', number, 'is no track of track_category_ids')
    tracks = tuple(
        MaskTrack(number, labels[kind], masks.get(number, {})) for number, kind in of_class.items()
    )
    expressions = tuple(
        Expression(label, tuple(k for k, of in of_class.items() if of == kind), kind)
        for kind, label in labels.items()
        if kind in of_class.values()
    )
    media = Media(name, fps=fps)
    return AnnotatedVideo(
        name, media, width, height, len(frames), fps, tracks, expressions, file, row
    )


def _frames(record: Mapping[str, Any]) -> dict[str, int]:
    """The number of each image of a sequence from 0, by its name."""
    paths = fields.items(fields.field(record, 'all_image_paths'), 'all_image_paths')
    frames = {fields.text(path, 'all_image_paths'): k for k, path in enumerate(paths)}
    if not frames:
        raise fields.bad_field('all_image_paths', paths, 'is an empty video')
    fields.same_length({'all_image_paths': len(paths), 'different ones': len(frames)})
    return frames


def _classes(record: Mapping[str, Any], labels: Mapping[str, str]) -> dict[int, str]:
    """The class of each track, both by number. Raises BadField."""
    name = 'track_category_ids'
    of_class = {}
    for key, kind in fields.mapping(fields.field(record, name), name).items():
        if not str(key).isdecimal():
            raise fields.bad_field(name, key, 'is no number of a track')
        if fields.key(kind, name) not in labels:
            raise fields.bad_field(f'{name}[{key}]', kind, 'is none of categories')
        of_class[int(key)] = fields.key(kind, name)
    return of_class


def _masks(
    record: Mapping[str, Any], frames: Mapping[str, int], size: tuple[int, int]
) -> dict[int, dict[int, Mask]]:
    """The masks by track and frame. size: width, height."""
    annotated = fields.items(fields.field(record, 'annotated_image_paths'), 'annotated_image_paths')
    of_frames = fields.items(fields.field(record, 'segmentations'), 'segmentations')
    fields.same_length({'annotated_image_paths': len(annotated), 'segmentations': len(of_frames)})
    masks: dict[int, dict[int, Mask]] = {}
    for k, (image, of_frame) in enumerate(zip(annotated, of_frames, strict=True)):
        at = f'segmentations[{k}]'
        if fields.text(image, 'annotated_image_paths') not in frames:
            raise fields.bad_field('annotated_image_paths', image, 'is not in all_image_paths')
        for key, item in fields.mapping(of_frame, at).items():
            rle = fields.field(fields.mapping(item, f'{at}.{key}'), 'rle', f'{at}.{key}.')
            entry = {'size': [size[1], size[0]], 'counts': rle}
            mask = fields.mask(entry, f'{at}.{key}.rle', *size)
            if not str(key).isdecimal():
                raise fields.bad_field(at, key, 'is no number of a track')
            if mask is not None and mask.area:
                masks.setdefault(int(key), {})[frames[image]] = mask
    return masks
