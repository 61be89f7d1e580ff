# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Masks as run lengths in JSON, a list by frame for each object: MeViS, ReVOS; and SA-V's training.

`mask_dict.json` holds a list of masks by the number of an annotation. `meta_expressions.json` holds
the frames of each video, and the numbers of the annotations that each expression means. Neither is
held in memory as a whole but for the words. SA-V's VIDEO_manual.json holds the masks of one video,
every fourth of its frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.examples import (
    AnnotatedVideo,
    Expression,
    MaskTrack,
    Media,
)
from molmo_ground_ros.benchmarks.datasets.expression_examples import label_expressions
from molmo_ground_ros.benchmarks.datasets.json_members import JsonFile, Member
from molmo_ground_ros.benchmarks.datasets.packed_records import PackedRecords
from molmo_ground_ros.benchmarks.datasets.path_list import found_below
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record, read_json
from molmo_ground_ros.errors import BadField, BadRecord, BadSetting
from molmo_ground_ros.frames.masks import Mask, read_rle

_MASKS = 'mask_dict.json'
_WAYS = ('', '*/')
_MASKLETS = '*_manual.json'


@dataclass(frozen=True, slots=True)
class MaskLists:
    """Where a source with lists of masks has its files."""

    fps: float = 6.0
    words: str = 'meta_expressions.json'

    def videos(self, path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
        """Every video of a split, or of the splits in a folder.

        A split without `mask_dict.json` is a BadRecord: the truth of MeViS valid is not public.
        Raises BadSetting if there are no words.
        """
        files = [file for way in _WAYS for file in sorted(path.glob(way + self.words))]
        if not files:
            raise BadSetting('data', str(path), f'holds no {self.words}')
        names: set[str] = set()
        for file in files:
            try:
                yield from _split(self, file, names)
            except (BadRecord, BadField, OSError) as error:
                yield error if isinstance(error, BadRecord) else bad_record(str(file), 0, error)


def _split(layout: MaskLists, file: Path, names: set[str]) -> Iterator[AnnotatedVideo | BadRecord]:
    videos = _records(file)
    masks_path = file.parent / _MASKS
    if not masks_path.is_file():
        why = f'there is no {_MASKS} beside it: the truth of this split is not public'
        raise bad_record(str(file), 0, why)
    with JsonFile(masks_path) as masks:
        places = {member.names[0]: member._replace(names=()) for member in masks.members(1)}
        for name in videos:
            try:
                if name in names:
                    raise BadField('video', name, 'was there before')
                names.add(name)
                record = fields.mapping(videos[name], name)
                yield _video(layout, name, record, masks, places, str(file))
            except (BadField, BadSetting) as error:
                yield bad_record(str(file), 0, f'{name}: {error}')
            except BadRecord as error:
                yield error


def _records(file: Path) -> PackedRecords:
    """The record of each video."""
    content = fields.mapping(read_json(file), 'file')
    return PackedRecords(fields.mapping(fields.field(content, 'videos'), 'videos').items())


def _video(
    layout: MaskLists,
    name: str,
    record: Mapping[str, Any],
    masks: JsonFile,
    places: Mapping[str, Member],
    file: str,
) -> AnnotatedVideo:
    frames = len(fields.items(fields.field(record, 'frames'), 'frames'))
    expressions = tuple(_expressions(record))
    numbers = dict.fromkeys(number for expression in expressions for number in expression.ids)
    tracks = []
    size = (0, 0)
    for number in numbers:
        if str(number) not in places:
            raise fields.bad_field('anno_id', number, f'is not in {_MASKS}')
        place = places[str(number)]._replace(names=(str(number),))
        of_object = fields.items(masks.read(place), f'{_MASKS}[{number}]')
        fields.same_length({'frames': frames, f'{_MASKS}[{number}]': len(of_object)})
        of_frames, size = _masks(of_object, size, f'{_MASKS}[{number}]')
        tracks.append(MaskTrack(number, '', of_frames))
    media = Media(name, fps=layout.fps)
    return AnnotatedVideo(
        name, media, size[1], size[0], frames, layout.fps, tuple(tracks), expressions, file
    )


def _expressions(record: Mapping[str, Any]) -> Iterator[Expression]:
    """The expressions of a video. Those of ReVOS about nothing have no annotation."""
    items = fields.mapping(fields.field(record, 'expressions'), 'expressions')
    for key, value in items.items():
        name = f'expressions[{key}]'
        expression = fields.mapping(value, name)
        text = fields.text(fields.field(expression, 'exp', f'{name}.'), f'{name}.exp')
        ids = fields.items(fields.field(expression, 'anno_id', f'{name}.'), f'{name}.anno_id')
        numbers = tuple(fields.integer(number, f'{name}.anno_id', 0, 2**53) for number in ids)
        yield Expression(text, numbers, key)


def _masks(
    of_object: list[Any] | tuple[Any, ...], size: tuple[int, int], name: str
) -> tuple[dict[int, Mask], tuple[int, int]]:
    """The masks of one object by frame, and the height and width. size: of others, or (0, 0)."""
    masks = {}
    for k, item in enumerate(of_object):
        if item is None:
            continue
        mask = read_rle(item)
        if size not in ((0, 0), (mask.height, mask.width)):
            why = f'is another size than the others, {size}'
            raise fields.bad_field(f'{name}[{k}]', (mask.height, mask.width), why)
        size = mask.height, mask.width
        masks[k] = mask
    return masks, size


@dataclass(frozen=True, slots=True)
class Masklets:
    """SA-V's training set: VIDEO.mp4 at 24 frames a second, masks of every fourth frame."""

    fps: float = 24.0
    step: int = 4  # frames between two with masks
    called: str = 'object'

    def videos(self, path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
        """Every video with manual masks. Raises BadSetting if there is none."""
        files = found_below(path, (way + _MASKLETS for way in _WAYS))
        if not files:
            raise BadSetting('data', str(path), f'holds no {_MASKLETS}')
        for video in found_below(path, (f'{way}*.mp4' for way in _WAYS)):
            if not video.with_name(f'{video.stem}_manual.json').exists():
                yield bad_record(str(video), 0, f'there is no {video.stem}_manual.json beside it')
        for file in files:
            try:
                yield _masklets(self, file)
            except BadRecord as error:
                yield error
            except (BadField, BadSetting) as error:
                yield bad_record(str(file), 0, error)


def _masklets(layout: Masklets, file: Path) -> AnnotatedVideo:
    record = fields.mapping(read_json(file), 'file')
    name = fields.text(fields.field(record, 'video_id'), 'video_id')
    width, height = fields.size(record, 'video_width', 'video_height')
    count = fields.field(record, 'video_frame_count')
    frames = fields.integer(count, 'video_frame_count', 1, fields.MOST_FRAMES)
    ids = fields.items(fields.field(record, 'masklet_id'), 'masklet_id')
    masks: list[dict[int, Mask]] = [{} for _ in ids]
    for at, of_frame in fields.numbered(fields.field(record, 'masklet'), 'masklet'):
        k = layout.step * int(at.rpartition('[')[2][:-1])
        fields.same_length({'masklet_id': len(ids), at: len(fields.items(of_frame, at))})
        for of_object, item in zip(masks, of_frame, strict=True):
            mask = fields.mask(item, at, width, height)
            if mask is not None and mask.area:
                of_object[k] = mask
    tracks = tuple(
        MaskTrack(fields.integer(number, 'masklet_id', 0, 2**53) + 1, layout.called, of_object)
        for number, of_object in zip(ids, masks, strict=True)
    )
    media = Media(name, fps=layout.fps)
    return AnnotatedVideo(
        name, media, width, height, frames, layout.fps, tracks, label_expressions(tracks), str(file)
    )
