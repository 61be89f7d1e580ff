# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Masks of one object in a folder of PNG files of its own: SA-V, Ref-YouTube-VOS, ReasonVOS.

A pixel of the object is 255, or 1 in a palette. Objects may overlap, as a person and a hand do.

    SA-V              Annotations_6fps/VIDEO/OBJECT/00004.png, JPEGImages_24fps/VIDEO/00004.jpg
    Ref-YouTube-VOS   Annotations/VIDEO/EXPRESSION/00005.png, one folder for each expression
    ReasonVOS         Annotations/SOURCE_VIDEO_OBJECT/00000.png; the words name source and object
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets import video_words
from molmo_ground_ros.benchmarks.datasets.davis import (
    frame_numbers,
    mask_files,
    mask_roots,
    without_masks,
)
from molmo_ground_ros.benchmarks.datasets.examples import (
    AnnotatedVideo,
    Expression,
    MaskTrack,
    Media,
)
from molmo_ground_ros.benchmarks.datasets.expression_examples import label_expressions
from molmo_ground_ros.benchmarks.datasets.frame_files import check_consecutive
from molmo_ground_ros.benchmarks.datasets.png import BadIndexedImage, read_indices
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record
from molmo_ground_ros.benchmarks.datasets.video_words import Words, WordsReader
from molmo_ground_ros.errors import BadField, BadRecord
from molmo_ground_ros.frames.masks import Mask, mask_of

# What a folder of PNG files is of, by number, and the words about it.
_Folders = list[tuple[int, Path]]


@dataclass(frozen=True, slots=True)
class MaskFolders:
    """Where a source with a folder of masks for each object has its files."""

    fps: float
    kind: Literal['objects', 'expressions', 'named']  # what a folder is of, see the top
    masks: str = 'Annotations'
    images: str = 'JPEGImages'
    split: str = ''  # the only one that is read, where the folder holds it
    words: WordsReader = video_words.expressions_json
    called: str = ''  # an object without words; '': there are words

    def videos(self, path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
        """Every video in a folder, or in its folders of splits, one at a time.

        A video with a broken PNG is a BadRecord. Raises BadSetting if there is no folder of masks,
        MissingPackage.
        """
        roots = mask_roots(path, self.masks, self.split)
        words, bad_words = self.words(video_words.folder_of_words(path, self.split))
        yield from bad_words
        if not words and not self.called:
            yield bad_record(str(path), 0, 'no meta_expressions.json: no words')
        for root in roots:
            for name in _names(self, root, words):
                try:
                    faults: list[BadRecord] = []
                    yield _video(self, root, name, words.get(name, {}), faults)
                    yield from faults
                except (BadField, BadIndexedImage, OSError) as error:
                    yield bad_record(str(_place(self, root, name)), 0, error)


def _names(layout: MaskFolders, root: Path, words: Words) -> list[str]:
    """The videos of a split: those with words, or with masks where there are no words."""
    if words and not layout.called:
        return sorted(words)
    return sorted(path.name for path in (root / layout.masks).iterdir() if path.is_dir())


def _place(layout: MaskFolders, root: Path, name: str) -> Path:
    return root / layout.masks / ('' if layout.kind == 'named' else name)


def _video(
    layout: MaskFolders, root: Path, name: str, words: Mapping[str, Any], faults: list[BadRecord]
) -> AnnotatedVideo:
    records = _records(words)
    folders = _folders(layout, root, name, records)
    images = root / layout.images / name
    files = {number: mask_files(folder) for number, folder in folders}
    if not files:
        raise BadField('video', name, 'has no folder of masks')
    longest = max(files.values(), key=len)
    if layout.kind == 'objects':
        check_consecutive(images)
    frames = frame_numbers(longest, images)
    tracks: list[MaskTrack] = []
    size = (0, 0)
    for number, of_object in files.items():
        frame_numbers(of_object, images)
        masks, size = _masks(of_object, frames, size)
        to_the_ends = layout.kind != 'objects'
        faults += without_masks(of_object[0].parent, of_object, frames, to_the_ends=to_the_ends)
        tracks.append(MaskTrack(number, layout.called, masks))
    return AnnotatedVideo(
        name,
        Media(name, fps=layout.fps),
        size[1],
        size[0],
        len(frames),
        layout.fps,
        tuple(tracks),
        _expressions(layout, records) if records else label_expressions(tuple(tracks)),
        str(_place(layout, root, name)),
    )


def _records(words: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The expressions about a video by their names. ReasonVOS writes them as a list."""
    value = words.get('expressions', {})
    if isinstance(value, list):
        items = fields.numbered(value, 'expressions')
        records = (fields.mapping(item, name) for name, item in items)
        source = words.get('source', '')
        return {
            fields.key(fields.field(record, 'exp_id', 'expressions.'), 'exp_id'): {
                'source': source,
                **record,
            }
            for record in records
        }
    return {
        key: fields.mapping(item, f'expressions[{key}]')
        for key, item in fields.mapping(value, 'expressions').items()
    }


def _folders(
    layout: MaskFolders, root: Path, name: str, records: Mapping[str, Mapping[str, Any]]
) -> _Folders:
    """(number, folder of its PNG files) of what has masks. Raises BadField for a missing folder."""
    place = root / layout.masks
    if layout.kind == 'objects':
        objects = sorted(path for path in (place / name).iterdir() if path.is_dir())
        return [(number, folder) for number, folder in enumerate(objects, start=1)]
    if layout.kind == 'expressions':
        named = [(number, place / name / key) for number, key in enumerate(records, start=1)]
    else:
        parts = dict.fromkeys(_object(record) for record in records.values())
        named = [
            (number, place / f'{source}_{name}_{key}')
            for number, (source, key) in enumerate(parts, start=1)
        ]
    for _, folder in named:
        if not folder.is_dir():
            raise BadField('masks', str(folder), 'is no folder')
    return named


def _object(record: Mapping[str, Any]) -> tuple[str, str]:
    """(source, object) that an expression of ReasonVOS is about."""
    source = fields.text(fields.field(record, 'source', 'expressions.'), 'source')
    return source, fields.key(fields.field(record, 'obj_id', 'expressions.'), 'obj_id')


def _expressions(
    layout: MaskFolders, records: Mapping[str, Mapping[str, Any]]
) -> tuple[Expression, ...]:
    """The expressions of a video, each about the object with the number of its folder."""
    numbers: dict[object, int] = {}
    read = []
    for key, record in records.items():
        folder = key if layout.kind == 'expressions' else _object(record)
        number = numbers.setdefault(folder, len(numbers) + 1)
        name = 'exp' if 'exp' in record else 'exp_text'
        text = fields.text(fields.field(record, name, f'expressions[{key}].'), name)
        read.append(Expression(text, (number,), key))
    return tuple(read)


def _masks(
    files: list[Path], frames: Mapping[str, int], size: tuple[int, int]
) -> tuple[dict[int, Mask], tuple[int, int]]:
    """The masks of one object by frame, and the height and width. size: of others, or (0, 0)."""
    masks = {}
    for file in files:
        image = read_indices(file)
        shape = image.pixels.shape[0], image.pixels.shape[1]
        if size not in ((0, 0), shape):
            raise BadField('mask', str(file), f'is another size than the others: {shape}')
        size = shape
        pixels = image.pixels > 0
        if np.any(pixels):
            masks[frames[file.stem]] = mask_of(pixels)
    return masks, size
