# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Masks of DAVIS and YouTube-VOS, one PNG file for each frame, with expressions for their objects.

`Annotations/[480p/]VIDEO/00000.png` holds the number of the object at each pixel: 0 means none, and
255 in DAVIS means a pixel that does not count. A grey image of 0 and 255 only shows one object.
Frames are numbered by the images in `JPEGImages/[480p/]VIDEO` if they exist, else by the masks. An
object is hidden on a frame whose PNG does not show it, and on a frame without a PNG.

Expressions come from `meta_expressions*.json` (Ref-DAVIS and Ref-YouTube-VOS: a sentence and an
`obj_id`, which may be a list), else from `meta.json` (YouTube-VOS: the category of each object).
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
from molmo_ground_ros.benchmarks.datasets.png import BadIndexedImage, read_indices
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record, read_json
from molmo_ground_ros.errors import BadField, BadRecord, BadSetting
from molmo_ground_ros.frames.masks import Mask, mask_of

# Frames a second at which the reference plays both (academic_video_track_datasets.py:762, :888,
# molmo2 f3cb108): YouTube-VOS has every fifth of 30; DAVIS was filmed at 24 and is slowed down.
FPS = 6.0
VOID = 255
_RESOLUTIONS = ('480p', 'Full-Resolution')
_IMAGES = frozenset({'.jpeg', '.jpg', '.png'})


def davis(path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
    """Every video in a folder, or in its folders of splits, one at a time.

    A video with a broken PNG is a BadRecord. Raises BadSetting if there is no `Annotations`,
    MissingPackage.
    """
    roots = [root for root in (path, *sorted(path.glob('*/'))) if (root / 'Annotations').is_dir()]
    if not roots:
        raise BadSetting('data', str(path), "holds no folder 'Annotations'")
    words, faults = _words(path)
    yield from faults
    names: set[str] = set()
    for root in roots:
        masks, images = _resolution(root / 'Annotations'), _resolution(root / 'JPEGImages')
        for folder in sorted(path for path in masks.iterdir() if path.is_dir()):
            try:
                if folder.name in names:
                    raise BadField('video', folder.name, 'was there before')
                names.add(folder.name)
                yield _video(folder, images / folder.name, words.get(folder.name, {}))
            except (BadField, BadIndexedImage, OSError) as error:
                yield bad_record(str(folder), 0, error)
    for name in sorted(words):
        if name not in names:
            yield bad_record(str(path), 0, f"video '{name}' has words and no masks in Annotations")


def _resolution(folder: Path) -> Path:
    return next((folder / name for name in _RESOLUTIONS if (folder / name).is_dir()), folder)


def _video(folder: Path, images: Path, words: Mapping[str, Any]) -> AnnotatedVideo:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == '.png')
    if not files:
        raise BadField('video', folder.name, 'is an empty video: there is no PNG')
    stems = [path.stem for path in files]
    if images.is_dir():
        stems = sorted(path.stem for path in images.iterdir() if path.suffix.lower() in _IMAGES)
    frames = {stem: k for k, stem in enumerate(stems)}
    masks: dict[int, dict[int, Mask]] = {}
    first_shape = None
    for file in files:
        if file.stem not in frames:
            raise BadField('mask', file.name, f'is of no picture in {images}')
        numbers = _numbers(file)
        if first_shape is not None and numbers.shape != first_shape:
            raise BadField('mask', file.name, f'is another size than the others: {numbers.shape}')
        first_shape = numbers.shape
        for number in np.unique(numbers).tolist():
            if number:
                masks.setdefault(number, {})[frames[file.stem]] = mask_of(numbers == number)
    height, width = numbers.shape
    labels = _labels(words)
    tracks = tuple(MaskTrack(k, labels.get(k, ''), masks[k]) for k in sorted(masks))
    expressions = _expressions(words, set(masks)) or label_expressions(tracks)
    media = Media(folder.name, fps=FPS)
    return AnnotatedVideo(
        folder.name, media, width, height, len(frames), FPS, tracks, expressions, str(folder)
    )


def _numbers(file: Path) -> Any:
    """(H, W) the number of the object at each pixel, 0 for none."""
    image = read_indices(file)
    if not image.palette and set(np.unique(image.pixels).tolist()) <= {0, VOID}:
        return (image.pixels == VOID).astype(np.uint8)
    return np.where(image.pixels == VOID, 0, image.pixels)


def _words(path: Path) -> tuple[dict[str, Mapping[str, Any]], list[BadRecord]]:
    """The records of all videos by name, and an error for each broken file of expressions."""
    faults = []
    for name in ('meta_expressions*.json', 'meta.json'):
        words: dict[str, Mapping[str, Any]] = {}
        for pattern in (name, f'*/{name}', f'*/*/{name}'):
            for file in sorted(path.glob(pattern)):
                try:
                    content = fields.mapping(read_json(file), 'file')
                    videos = fields.mapping(fields.field(content, 'videos'), 'videos')
                    words |= {key: fields.mapping(value, key) for key, value in videos.items()}
                except (BadRecord, BadField) as error:
                    record = error if isinstance(error, BadRecord) else None
                    faults.append(record or bad_record(str(file), 0, error))
        if words:
            return words, faults
    faults.append(bad_record(str(path), 0, 'no meta_expressions.json or meta.json: no words'))
    return {}, faults


def _labels(words: Mapping[str, Any]) -> dict[int, str]:
    """The category of each object, from YouTube-VOS's `meta.json`."""
    labels = {}
    for key, value in fields.mapping(words.get('objects', {}), 'objects').items():
        record = fields.mapping(value, f'objects[{key}]')
        labels[_id(key, 'objects')] = fields.text(
            fields.field(record, 'category', f'objects[{key}].'), f'objects[{key}].category'
        )
    return labels


def _expressions(words: Mapping[str, Any], objects: set[int]) -> tuple[Expression, ...]:
    expressions = []
    for key, value in fields.mapping(words.get('expressions', {}), 'expressions').items():
        name = f'expressions[{key}]'
        record = fields.mapping(value, name)
        text = fields.text(fields.field(record, 'exp', f'{name}.'), f'{name}.exp')
        object_id = fields.field(record, 'obj_id', f'{name}.')
        ids = [
            _id(number, f'{name}.obj_id')
            for number in (object_id if isinstance(object_id, list) else [object_id])
        ]
        if not objects.issuperset(ids):
            raise fields.bad_field(
                f'{name}.obj_id', object_id, f'is none of the objects {sorted(objects)}'
            )
        expressions.append(Expression(text, tuple(ids)))
    return tuple(expressions)


def _id(value: object, name: str) -> int:
    text = fields.key(value, name)
    if not text.isdecimal():
        raise fields.bad_field(name, value, 'is no number of an object')
    return fields.integer(int(text[:9]), name, 1, VOID - 1)
