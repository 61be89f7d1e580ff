# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Masks as PNG files, a file a frame: DAVIS and YouTube-VOS, with words for their objects.

`Annotations/[480p/]VIDEO/00000.png` holds the objects' numbers, 0 for none and, of DAVIS, 255 for
pixels that count for nothing; grey pictures of 0 and 255 alone show one object. Frames are numbered
by the pictures in `JPEGImages/[480p/]VIDEO`, where they are, else by the masks. An object that a
frame's PNG does not show is hidden there, and so is one on a frame without a PNG.

Words: `meta_expressions*.json` (of Ref-DAVIS and Ref-YouTube-VOS: a sentence and `obj_id`), else
`meta.json` (of YouTube-VOS: the category of each object). Their `obj_id` may be a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.examples import (
    AnnotatedVideo,
    Expression,
    MaskTrack,
    Media,
)
from molmo_ground_ros.benchmarks.datasets.expression_examples import label_expressions
from molmo_ground_ros.benchmarks.datasets.png import read_indices
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record, read_json
from molmo_ground_ros.errors import BadRecord, BadSetting
from molmo_ground_ros.frames.masks import Mask, mask_of

# Frames a second at which the reference plays both (academic_video_track_datasets.py:762, :888,
# molmo2 f3cb108): YouTube-VOS has every fifth of 30; DAVIS was filmed at 24 and is slowed down.
FPS = 6.0
VOID = 255
_RESOLUTIONS = ('480p', 'Full-Resolution')
_PICTURES = frozenset({'.jpeg', '.jpg', '.png'})


def davis(path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
    """Every video below a folder, or below its folders of splits, one at a time.

    A broken PNG costs its video. Raises BadSetting where there is no `Annotations`, MissingPackage.
    """
    roots = [root for root in (path, *sorted(path.glob('*/'))) if (root / 'Annotations').is_dir()]
    if not roots:
        raise BadSetting('data', str(path), "holds no folder 'Annotations'")
    words, faults = _words(path)
    yield from faults
    names: set[str] = set()
    for root in roots:
        masks, pictures = _resolution(root / 'Annotations'), _resolution(root / 'JPEGImages')
        for folder in sorted(one for one in masks.iterdir() if one.is_dir()):
            try:
                if folder.name in names:
                    raise BadSetting('video', folder.name, 'was there before')
                names.add(folder.name)
                yield _video(folder, pictures / folder.name, words.get(folder.name, {}))
            except (BadSetting, OSError) as error:
                yield bad_record(str(folder), 0, error)
    for name in sorted(words):
        if name not in names:
            yield bad_record(str(path), 0, f"video '{name}' has words and no masks in Annotations")


def _resolution(folder: Path) -> Path:
    return next((folder / name for name in _RESOLUTIONS if (folder / name).is_dir()), folder)


def _video(folder: Path, pictures: Path, words: Mapping[str, Any]) -> AnnotatedVideo:
    files = sorted(one for one in folder.iterdir() if one.suffix.lower() == '.png')
    if not files:
        raise BadSetting('video', folder.name, 'is an empty video: there is no PNG')
    shown = [one.stem for one in files]
    if pictures.is_dir():
        shown = sorted(one.stem for one in pictures.iterdir() if one.suffix.lower() in _PICTURES)
    frames = {stem: k for k, stem in enumerate(shown)}
    masks: dict[int, dict[int, Mask]] = {}
    size = None
    for file in files:
        if file.stem not in frames:
            raise BadSetting('mask', file.name, f'is of no picture in {pictures}')
        numbers = _numbers(file)
        if size is not None and numbers.shape != size:
            raise BadSetting('mask', file.name, f'is another size than the others: {numbers.shape}')
        size = numbers.shape
        for number in np.unique(numbers).tolist():
            if number:
                masks.setdefault(number, {})[frames[file.stem]] = mask_of(numbers == number)
    height, width = numbers.shape
    labels = _labels(words)
    tracks = tuple(MaskTrack(k, labels.get(k, ''), masks[k]) for k in sorted(masks))
    said = _expressions(words, set(masks)) or label_expressions(tracks)
    media = Media(folder.name, fps=FPS)
    return AnnotatedVideo(
        folder.name, media, width, height, len(frames), FPS, tracks, said, str(folder)
    )


def _numbers(file: Path) -> Any:
    """(H, W) the objects' numbers, 0 for none."""
    found = read_indices(file)
    if not found.palette and set(np.unique(found.pixels).tolist()) <= {0, VOID}:
        return (found.pixels == VOID).astype(np.uint8)
    return np.where(found.pixels == VOID, 0, found.pixels)


def _words(path: Path) -> tuple[dict[str, Mapping[str, Any]], list[BadRecord]]:
    """What is said of each video: by name, what its file holds; and the files that are broken."""
    faults = []
    for name in ('meta_expressions*.json', 'meta.json'):
        words: dict[str, Mapping[str, Any]] = {}
        for pattern in (name, f'*/{name}', f'*/*/{name}'):
            for file in sorted(path.glob(pattern)):
                try:
                    found = fields.mapping(read_json(file), 'file')
                    videos = fields.mapping(fields.field(found, 'videos'), 'videos')
                    words |= {key: fields.mapping(value, key) for key, value in videos.items()}
                except (BadRecord, BadSetting) as error:
                    one = error if isinstance(error, BadRecord) else None
                    faults.append(one or bad_record(str(file), 0, error))
        if words:
            return words, faults
    faults.append(bad_record(str(path), 0, 'no meta_expressions.json or meta.json: no words'))
    return {}, faults


def _labels(words: Mapping[str, Any]) -> dict[int, str]:
    """Of YouTube-VOS: the category of each object."""
    labels = {}
    for key, value in fields.mapping(words.get('objects', {}), 'objects').items():
        record = fields.mapping(value, f'objects[{key}]')
        labels[_id(key, 'objects')] = fields.text(
            fields.field(record, 'category', f'objects[{key}].'), f'objects[{key}].category'
        )
    return labels


def _expressions(words: Mapping[str, Any], known: set[int]) -> tuple[Expression, ...]:
    found = []
    for key, value in fields.mapping(words.get('expressions', {}), 'expressions').items():
        name = f'expressions[{key}]'
        record = fields.mapping(value, name)
        said = fields.text(fields.field(record, 'exp', f'{name}.'), f'{name}.exp')
        told = fields.field(record, 'obj_id', f'{name}.')
        ids = [_id(one, f'{name}.obj_id') for one in (told if isinstance(told, list) else [told])]
        if not known.issuperset(ids):
            raise fields.bad_field(
                f'{name}.obj_id', told, f'is none of the objects {sorted(known)}'
            )
        found.append(Expression(said, tuple(ids)))
    return tuple(found)


def _id(value: object, name: str) -> int:
    told = fields.key(value, name)
    if not told.isdecimal():
        raise fields.bad_field(name, value, 'is no number of an object')
    return fields.integer(int(told[:9]), name, 1, VOID - 1)
