# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boxes of LaSOT: one object for each video, one line for each frame.

VIDEO/groundtruth.txt holds left, top, width and height. full_occlusion.txt and out_of_view.txt hold
a 1 for each frame on which the object is hidden, nlp.txt a sentence, and img/ the images. Boxes are
used as they are written: the data set does not say whether its first pixel is 0 or 1. A video has
the size of its first image, and 0 x 0 if its images are missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.examples import (
    AnnotatedVideo,
    BoxTrack,
    Expression,
    Media,
)
from molmo_ground_ros.benchmarks.datasets.mot import Box, numbers_of, text_lines
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record
from molmo_ground_ros.errors import BadField, BadRecord, BadSetting

FPS = 30.0  # LaSOT, arXiv:1809.07845, section 3
_TRUTH = 'groundtruth.txt'
_HIDDEN = ('full_occlusion.txt', 'out_of_view.txt')
_WORDS = 'nlp.txt'
_IMAGES = ('*.jpg', '*.png')
_NUMBER = re.compile(r'-\d+\Z')
# The largest side and coordinate of a box in pixels. Larger ones are damage.
_FAR = 1e6


def lasot(path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
    """Every video: the folder itself, those in it, and those in its folders of categories.

    A broken line is a BadRecord, and the object is hidden on that frame. If a list of hidden frames
    has another length, the video is a BadRecord. Raises BadSetting if there is no video.
    """
    truths = sorted({truth for way in ('', '*/', '*/*/') for truth in path.glob(way + _TRUTH)})
    if not truths:
        raise BadSetting('data', str(path), f'holds no {_TRUTH}')
    names: set[str] = set()
    for truth in truths:
        faults: list[BadRecord] = []
        try:
            if truth.parent.name in names:
                raise BadField('video', truth.parent.name, 'was there before')
            annotated = _video(truth, faults)
        except (BadField, OSError) as error:
            yield bad_record(str(truth), 0, error)
            continue
        names.add(annotated.name)
        yield from faults
        yield annotated


def _video(truth: Path, faults: list[BadRecord]) -> AnnotatedVideo:
    folder = truth.parent
    lines = text_lines(truth)
    if not lines:
        raise BadField('video', folder.name, 'is an empty video')
    hidden = {k for name in _HIDDEN for k in _flagged(folder / name, len(lines))}
    boxes: dict[int, Box] = {}
    for number, line in enumerate(lines):
        try:
            box = _box(line)
        except BadField as error:
            faults.append(bad_record(str(truth), number + 1, error))
            continue
        if box is not None and number not in hidden:
            boxes[number] = box
    label = _NUMBER.sub('', folder.name)
    words = _text(folder / _WORDS) or label
    width, height = _size(folder / 'img')
    return AnnotatedVideo(
        folder.name,
        Media(folder.name, fps=FPS),
        width,
        height,
        len(lines),
        FPS,
        (BoxTrack(1, label, boxes),),
        (Expression(words, (1,)),),
        str(truth),
    )


def _box(line: str) -> Box | None:
    """The box of a line; None if it is empty, which means that the object is not visible."""
    numbers = numbers_of(line, 'box', 4)
    left, top = (fields.number(value, 'box', -_FAR, _FAR) for value in numbers[:2])
    width, height = (fields.number(value, 'box', 0, _FAR) for value in numbers[2:4])
    return (left, top, width, height) if width and height else None


def _flagged(path: Path, frames: int) -> list[int]:
    """The frames that a file marks with 1; none if there is no such file."""
    if not path.is_file():
        return []
    flags = numbers_of(' '.join(text_lines(path)), path.name, 0)
    fields.same_length({_TRUTH: frames, path.name: len(flags)})
    return [k for k, flag in enumerate(flags) if flag]


def _text(path: Path) -> str:
    """The words of a file on one line; '' if there is no such file."""
    return ' '.join(' '.join(text_lines(path)).split()) if path.is_file() else ''


def _size(folder: Path) -> tuple[int, int]:
    first = min((path for pattern in _IMAGES for path in folder.glob(pattern)), default=None)
    image = cv2.imread(str(first)) if first else None
    if image is None:
        return 0, 0
    return image.shape[1], image.shape[0]
