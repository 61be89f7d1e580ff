# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boxes of one object for each video, one line for each frame: LaSOT, GOT-10k and others.

LaSOT's VIDEO/groundtruth.txt holds left, top, width and height. full_occlusion.txt and
out_of_view.txt hold a 1 for each frame on which the object is hidden, nlp.txt a sentence, and img/
the images. Boxes are used as they are written: the data sets do not say whether the first pixel is
0 or 1. A video has the size of its first image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.examples import (
    AnnotatedVideo,
    BoxTrack,
    Expression,
    Media,
)
from molmo_ground_ros.benchmarks.datasets.frame_files import (
    FrameFiles,
    check_count,
    frame_files,
    without_named_truth,
    without_truth,
)
from molmo_ground_ros.benchmarks.datasets.mot import Box, numbers_of, on_image, text_lines
from molmo_ground_ros.benchmarks.datasets.path_list import PathList, found_below
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record
from molmo_ground_ros.errors import BadField, BadRecord, BadSetting

# Where videos begin: the folder itself, and folders of splits and of categories in it.
_WAYS = ('', '*/', '*/*/', '*/*/*/')
_NUMBER = re.compile(r'-\d+\Z')
_RATE = re.compile(r'\s*([0-9.]+)')
# The largest side and coordinate of a box in pixels. Larger ones are damage.
_FAR = 1e6


@dataclass(frozen=True, slots=True)
class SingleBoxes:
    """Where a source with one object for each video has its files."""

    fps: float | None = 30.0  # None: `info` has it
    truth: str = 'groundtruth.txt'  # with a `*` for the name of a video, else in a folder of it
    # Folder of images beside the truth, `|` between two possible ones; {name} is that of the video.
    frames: str = 'img'
    hidden: tuple[str, ...] = ()  # files with a 1 for each frame on which the object is hidden
    visible: str = ''  # the file with a 0 for each frame on which the object is hidden
    words: str = ''  # the file of a sentence; '': the object is called by its class
    called: str = ''  # the class of every object, if neither `info` nor the name has it
    named: bool = False  # a video is named by its class and a number
    info: str = ''  # GOT-10k's file of a video's class and rate

    def videos(self, path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
        """Every video: the folder itself, those in it, and those in its folders of categories.

        A broken line is a BadRecord, and the object is hidden on that frame. A video is a BadRecord
        if its words or images are missing, or if a list of frames has another length. Raises
        BadSetting if there is no video.
        """
        truths = found_below(path, (way + self.truth for way in _WAYS))
        if not truths:
            raise BadSetting('data', str(path), f'holds no {self.truth}')
        yield from _unannotated(self, path, truths)
        names: set[str] = set()
        for truth in truths:
            faults: list[BadRecord] = []
            try:
                if _name(self, truth) in names:
                    raise BadField('video', _name(self, truth), 'was there before')
                annotated = _video(self, truth, faults)
            except (BadField, OSError) as error:
                yield bad_record(str(truth), 0, error)
                continue
            names.add(annotated.name)
            yield from faults
            yield annotated


def _unannotated(layout: SingleBoxes, path: Path, truths: PathList) -> Iterator[BadRecord]:
    """An error for each video with frames and without truth, beside those with truth."""
    places = layout.frames.split('|')
    if '*' not in layout.truth:
        yield from without_truth(path, truths, layout.truth, places)
        return
    folders = {(truth.parent / place).parent for truth in truths for place in places}
    names = {_name(layout, truth) for truth in truths}
    yield from without_named_truth(folders, names, layout.truth)


def _name(layout: SingleBoxes, truth: Path) -> str:
    return truth.stem if '*' in layout.truth else truth.parent.name


def _video(layout: SingleBoxes, truth: Path, faults: list[BadRecord]) -> AnnotatedVideo:
    folder, name = truth.parent, _name(layout, truth)
    lines = text_lines(truth)
    if not lines:
        raise BadField('video', name, 'is an empty video')
    hidden = {k for file in layout.hidden for k in _flagged(folder / file, truth, len(lines))}
    if layout.visible:
        visible = _flagged(folder / layout.visible, truth, len(lines))
        hidden |= set(range(len(lines))).difference(visible)
    facts = _facts(folder / layout.info) if layout.info else {}
    label = facts.get('object_class', '') or (_NUMBER.sub('', name) if layout.named else '')
    label = label or layout.called
    words = _text(folder / layout.words) if layout.words else label
    if not words:
        raise BadField('words', str(folder / layout.info), 'has no object_class')
    fps = _rate(facts) if layout.fps is None else layout.fps
    places = [folder / place.format(name=name) for place in layout.frames.split('|')]
    files = frame_files([*places, folder / f'{name}.mp4'])
    check_count(files, len(lines), truth)
    return AnnotatedVideo(
        name,
        Media(name, fps=fps),
        files.width,
        files.height,
        len(lines),
        fps,
        (BoxTrack(1, label, _boxes(lines, hidden, truth, files, faults)),),
        (Expression(words, (1,)),),
        str(truth),
    )


def _boxes(
    lines: list[str], hidden: set[int], truth: Path, files: FrameFiles, faults: list[BadRecord]
) -> dict[int, Box]:
    boxes: dict[int, Box] = {}
    for number, line in enumerate(lines):
        try:
            box = None if number in hidden else _box(line)
            if box is not None:
                boxes[number] = on_image(box, files)
        except BadField as error:
            faults.append(bad_record(str(truth), number + 1, error))
    return boxes


def _box(line: str) -> Box | None:
    """The box of a line; None if it is empty, which means that the object is not visible."""
    numbers = numbers_of(line, 'box', 4)
    left, top = (fields.number(value, 'box', -_FAR, _FAR) for value in numbers[:2])
    width, height = (fields.number(value, 'box', 0, _FAR) for value in numbers[2:4])
    return (left, top, width, height) if width and height else None


def _flagged(path: Path, truth: Path, frames: int) -> list[int]:
    """The frames that a file marks with 1. Raises BadField, OSError if there is no such file."""
    flags = numbers_of(' '.join(text_lines(path)), path.name, 0)
    fields.same_length({truth.name: frames, path.name: len(flags)})
    return [k for k, flag in enumerate(flags) if flag]


def _facts(path: Path) -> dict[str, str]:
    """The lines `name: value` of GOT-10k's meta_info.ini."""
    pairs = (line.partition(':') for line in text_lines(path))
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def _rate(facts: dict[str, str]) -> float:
    """The rate at which images and boxes are given: `anno_fps: 10Hz`."""
    value = facts.get('anno_fps', '')
    match = _RATE.match(value)
    return fields.rate(float(match[1]) if match else None, 'anno_fps')


def _text(path: Path) -> str:
    """The words of a file on one line. Raises BadField for a file without any, OSError."""
    text = ' '.join(' '.join(text_lines(path)).split()) if path.is_file() else ''
    if not text:
        raise BadField('words', str(path), 'is missing' if not path.is_file() else 'has no word')
    return text
