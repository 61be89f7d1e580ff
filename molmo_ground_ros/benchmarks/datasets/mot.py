# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boxes of many objects, a line for each box: MOTChallenge and what is written like it.

MOTChallenge has SEQUENCE/seqinfo.ini and SEQUENCE/gt/gt.txt. A line holds frame, id, left, top,
width, height, whether it counts, class and visibility. Frames and pixels are numbered from 1 there
and from 0 here (motchallenge.net, instructions, data format). Lines that do not count are left out.
A broken line is a BadRecord, and its object is hidden on that frame. Other sources have no
seqinfo.ini, and the truth of all sequences in one folder.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, BoxTrack, Media
from molmo_ground_ros.benchmarks.datasets.expression_examples import label_expressions
from molmo_ground_ros.benchmarks.datasets.frame_files import (
    FrameFiles,
    check_consecutive,
    frame_files,
    pictures,
    without_named_truth,
    without_truth,
)
from molmo_ground_ros.benchmarks.datasets.path_list import PathList, found_below
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record
from molmo_ground_ros.errors import BadField, BadRecord, BadSetting

Box = tuple[float, float, float, float]

_INFO = 'seqinfo.ini'
_WAYS = ('', '*/', '*/*/', '*/*/*/')
MOT_CLASSES = {
    1: 'pedestrian',
    2: 'person on vehicle',
    3: 'car',
    4: 'bicycle',
    5: 'motorbike',
    6: 'non motorized vehicle',
    7: 'static person',
    8: 'distractor',
    9: 'occluder',
    10: 'occluder on the ground',
    11: 'occluder full',
    12: 'reflection',
    13: 'crowd',
}
# The largest side and coordinate of a box in pixels. Larger ones are damage.
_FAR = 1e6
_COUNTS, _CLASS = 6, 7  # columns of MOTChallenge, from 0


@dataclass(frozen=True, slots=True)
class SequenceBoxes:
    """Where a source with lines of boxes has its files, and what its columns mean."""

    fps: float | None = None  # None: seqinfo.ini has it
    truth: str = 'gt/gt.txt'  # with a `*` and what follows it for the name of a sequence
    # Where the frames of a sequence are, from the folder of its truth; {name} is the sequence
    # and {split} the folder of its truth.
    frames: tuple[str, ...] = ()  # (): beside seqinfo.ini
    classes: Mapping[int, str] = field(default_factory=dict)  # by the number in `class_column`
    class_column: int = _CLASS
    called: str = ''  # the class of every object, if there are no `classes`
    named: str = ''  # a pattern of a sequence's name, whose first group is the class
    counts_column: int | None = _COUNTS  # of a 0 for boxes that do not count; None: all count
    origin: int = 1  # the number of the first column and row of pixels

    def videos(self, path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
        """Every sequence: the folder itself, those in it, and those in its folders of splits.

        Raises BadSetting if there is none.
        """
        truths = found_below(path, (way + self.truth for way in _WAYS))
        if not truths:
            raise BadSetting('data', str(path), f'holds no {self.truth}')
        yield from _unannotated(self, path, truths)
        names: set[str] = set()
        for truth in truths:
            name = _sequence(self, truth)
            try:
                if name in names:
                    raise BadField('sequence', name, 'was there before')
                annotated, faults = _annotated(self, name, truth)
            except (BadField, OSError) as error:
                yield bad_record(_blamed(self, truth), 0, error)
                continue
            names.add(name)
            yield from faults
            yield annotated


def _unannotated(layout: SequenceBoxes, path: Path, truths: PathList) -> Iterator[BadRecord]:
    """An error for each sequence with frames and without truth, beside those with truth."""
    if not layout.frames:
        yield from without_truth(path, truths, layout.truth, ('img1', 'img1.mp4'))
        return
    folders = {
        (truth.parent / place.format(name='_', split=truth.parent.name)).parent
        for truth in truths
        for place in layout.frames
    }
    names = {_sequence(layout, truth) for truth in truths}
    yield from without_named_truth(folders, names, layout.truth)


def _blamed(layout: SequenceBoxes, truth: Path) -> str:
    """The file that is named where a sequence cannot be used."""
    return str(truth if layout.frames else truth.parent.parent / _INFO)


def _sequence(layout: SequenceBoxes, truth: Path) -> str:
    """The name of a sequence."""
    _, star, ending = layout.truth.rpartition('*')
    return truth.name.removesuffix(ending) if star else truth.parent.parent.name


def _annotated(
    layout: SequenceBoxes, name: str, truth: Path
) -> tuple[AnnotatedVideo, list[BadRecord]]:
    fps, files = _facts(layout, name, truth)
    faults, tracks = _tracks(layout, name, truth, files)
    video = AnnotatedVideo(
        name,
        Media(name, fps=fps),
        files.width,
        files.height,
        files.frames,
        fps,
        tracks,
        label_expressions(tracks),
        str(truth),
    )
    return video, faults


def _facts(layout: SequenceBoxes, name: str, truth: Path) -> tuple[float, FrameFiles]:
    """The rate of a sequence, and its frames. Raises BadField, OSError."""
    if layout.frames:
        places = [
            truth.parent / place.format(name=name, split=truth.parent.name)
            for place in layout.frames
        ]
        for place in places:
            check_consecutive(place)
        return fields.rate(layout.fps, 'fps'), frame_files(places)
    info = truth.parent.parent / _INFO
    fps, frames, width, height = _info(info)
    images = len(pictures(info.parent / 'img1'))
    if images:
        fields.same_length({'pictures': images, 'seqLength': frames})
    return fps, FrameFiles(frames, width, height)


def _tracks(
    layout: SequenceBoxes, name: str, truth: Path, files: FrameFiles
) -> tuple[list[BadRecord], tuple[BoxTrack, ...]]:
    """The tracks in a gt.txt in the order of their ids, and an error for each broken line."""
    faults: list[BadRecord] = []
    labels: dict[int, str] = {}
    boxes: dict[int, dict[int, Box]] = {}
    for line in _lines(layout, name, truth, files):
        if isinstance(line, BadRecord):
            faults.append(line)
            continue
        row, frame, number, label, box = line
        if frame in boxes.setdefault(number, {}):
            why = f'object {number} is twice on frame {frame + 1}'
            faults.append(bad_record(str(truth), row, why))
            continue
        labels.setdefault(number, label)
        boxes[number][frame] = box
    numbers = sorted(labels)
    return faults, tuple(BoxTrack(number, labels[number], boxes[number]) for number in numbers)


def numbers_of(line: str, name: str, least: int) -> list[float]:
    """The numbers of a line, separated by commas or blanks.

    least: how many there must be. Raises BadField, in which `name` names the line.
    """
    parts = line.replace(',', ' ').split()
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        raise fields.bad_field(name, line, 'is no line of numbers') from None
    if len(numbers) < least:
        raise fields.bad_field(name, line, f'has fewer than {least} numbers')
    return numbers


def on_image(box: Box, files: FrameFiles) -> Box:
    """The box. Raises BadField for one that is off the image, as swapped columns make it."""
    left, top, width, height = box
    if left >= files.width or top >= files.height or left + width <= 0 or top + height <= 0:
        raise fields.bad_field('box', box, f'is off the image of {files.width} x {files.height}')
    return box


def text_lines(path: Path) -> list[str]:
    """The lines of a text file. Raises BadField for a file that is no UTF-8, OSError."""
    try:
        return path.read_bytes().decode('utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        raise BadField('file', str(path), f'is no UTF-8: {error}') from error


def _info(path: Path) -> tuple[float, int, int, int]:
    """(frames a second, number of frames, width, height) of a sequence."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string('\n'.join(text_lines(path)))
        section = parser['Sequence']
        values = {name: float(section[name]) for name in _STATED}
    except (configparser.Error, KeyError, TypeError, ValueError) as error:
        raise BadField(
            'seqinfo', str(path), f'lacks one of {", ".join(_STATED)}: {error}'
        ) from error
    width, height = fields.size(values, 'imWidth', 'imHeight')
    frames = fields.integer(values['seqLength'], 'seqLength', 1, fields.MOST_FRAMES)
    return fields.rate(values['frameRate'], 'frameRate'), frames, width, height


_STATED = ('frameRate', 'seqLength', 'imWidth', 'imHeight')


def _lines(
    layout: SequenceBoxes, name: str, path: Path, files: FrameFiles
) -> Iterator[tuple[int, int, int, str, Box] | BadRecord]:
    """(line, frame, id, label, box) of each line that counts.

    All lines have as many numbers as the first: a line that is cut off has fewer.
    """
    try:
        lines = text_lines(path)
    except (BadField, OSError) as error:
        yield bad_record(str(path), 0, error)
        return
    if not any(line.strip() for line in lines):
        yield bad_record(str(path), 0, 'has no line')
    columns = 6
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                numbers = numbers_of(line, 'line', columns)
                columns = max(columns, len(numbers))
                annotation = _line(layout, name, numbers, files)
            except BadField as error:
                yield bad_record(str(path), number, error)
                continue
            if annotation is not None:
                yield number, *annotation


def _line(
    layout: SequenceBoxes, name: str, numbers: list[float], files: FrameFiles
) -> tuple[int, int, str, Box] | None:
    """(frame, id, label, box) of a line; None if it does not count."""
    frame = fields.integer(numbers[0], 'frame', 1, files.frames) - 1
    number = fields.integer(numbers[1], 'id', 0, 2**53)
    left, top = (fields.number(value, 'box', -_FAR, _FAR) - layout.origin for value in numbers[2:4])
    width, height = (fields.number(value, 'box', 0, _FAR) for value in numbers[4:6])
    if not width or not height:
        raise fields.bad_field('box', numbers[2:6], 'is empty')
    column = layout.counts_column
    if column is not None and len(numbers) > column and not numbers[column]:
        return None
    box = on_image((left, top, width, height), files)
    return frame, number, _label(layout, name, numbers), box


def _label(layout: SequenceBoxes, name: str, numbers: list[float]) -> str:
    """The class of the object of a line. Raises BadField for a number that is no class."""
    if layout.named:
        match = re.match(layout.named, name)
        if match is None:
            raise BadField('sequence', name, f'does not begin with its class: {layout.named}')
        return match[1].replace('_', ' ')
    if not layout.classes:
        return layout.called
    column = layout.class_column
    kind = fields.integer(numbers[column], 'class', -1, 10**6) if len(numbers) > column else -1
    if kind < 0:
        return next(iter(layout.classes.values()))
    return layout.classes.get(kind, f'class {kind}')
