# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boxes of MOTChallenge: SEQUENCE/seqinfo.ini and SEQUENCE/gt/gt.txt.

A line holds frame, id, left, top, width, height, whether it counts, class and visibility. Frames
and pixels are numbered from 1 there and from 0 here (motchallenge.net, instructions, data format).
Lines that do not count are left out. A broken line is a BadRecord, and its object is hidden on that
frame.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, BoxTrack, Media
from molmo_ground_ros.benchmarks.datasets.expression_examples import label_expressions
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record
from molmo_ground_ros.errors import BadField, BadRecord, BadSetting

Box = tuple[float, float, float, float]

_TRUTH = 'gt/gt.txt'
_INFO = 'seqinfo.ini'
_CLASSES = {
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


def mot(path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
    """Every sequence: the folder itself, those in it, and those in its folders of splits.

    Raises BadSetting if there is none.
    """
    truths = sorted({truth for way in ('', '*/', '*/*/') for truth in path.glob(way + _TRUTH)})
    if not truths:
        raise BadSetting('data', str(path), f'holds no {_TRUTH}')
    names: set[str] = set()
    for truth in truths:
        folder = truth.parent.parent
        try:
            fps, frames, width, height = _info(folder / _INFO)
            if folder.name in names:
                raise BadField('sequence', folder.name, 'was there before')
        except (BadField, OSError) as error:
            yield bad_record(str(folder / _INFO), 0, error)
            continue
        names.add(folder.name)
        faults, tracks = _tracks(truth, frames)
        yield from faults
        yield AnnotatedVideo(
            folder.name,
            Media(folder.name, fps=fps),
            width,
            height,
            frames,
            fps,
            tracks,
            label_expressions(tracks),
            str(truth),
        )


def _tracks(truth: Path, frames: int) -> tuple[list[BadRecord], tuple[BoxTrack, ...]]:
    """The tracks in a gt.txt in the order of their ids, and an error for each broken line."""
    faults: list[BadRecord] = []
    labels: dict[int, str] = {}
    boxes: dict[int, dict[int, Box]] = {}
    for line in _lines(truth, frames):
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


def _lines(path: Path, frames: int) -> Iterator[tuple[int, int, int, str, Box] | BadRecord]:
    """(line, frame, id, label, box) of each line that counts."""
    try:
        lines = text_lines(path)
    except (BadField, OSError) as error:
        yield bad_record(str(path), 0, error)
        return
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                annotation = _line(line, frames)
            except BadField as error:
                yield bad_record(str(path), number, error)
                continue
            if annotation is not None:
                yield number, *annotation


def _line(line: str, frames: int) -> tuple[int, int, str, Box] | None:
    """(frame, id, label, box) of a line; None if it does not count."""
    numbers = numbers_of(line, 'line', 6)
    frame = fields.integer(numbers[0], 'frame', 1, frames) - 1
    number = fields.integer(numbers[1], 'id', 0, 2**53)
    left, top = (fields.number(value, 'box', -_FAR, _FAR) - 1 for value in numbers[2:4])
    width, height = (fields.number(value, 'box', 0, _FAR) for value in numbers[4:6])
    if not width or not height:
        raise fields.bad_field('box', numbers[2:6], 'is empty')
    if len(numbers) > 6 and not numbers[6]:
        return None
    kind = fields.integer(numbers[7], 'class', -1, 10**6) if len(numbers) > 7 else 1
    return (
        frame,
        number,
        _CLASSES.get(kind, _CLASSES[1] if kind < 0 else f'class {kind}'),
        (left, top, width, height),
    )
