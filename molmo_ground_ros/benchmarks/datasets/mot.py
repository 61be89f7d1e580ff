# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Boxes of MOTChallenge: SEQUENCE/seqinfo.ini and SEQUENCE/gt/gt.txt.

A line is frame, id, left, top, width, height, whether it counts, class, visibility. Frames, ids and
pixels are numbered from 1 there and from 0 here (motchallenge.net, instructions, data format).
Lines that do not count are left out. A broken line is a BadRecord, and its object is hidden there.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, BoxTrack, Media
from molmo_ground_ros.benchmarks.datasets.expression_examples import label_expressions
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record
from molmo_ground_ros.errors import BadRecord, BadSetting

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
_FAR = 1e6  # pixels of a box's sides and place


def mot(path: Path) -> Iterator[AnnotatedVideo | BadRecord]:
    """Every sequence: the folder, those in it, and those in its folders of splits.

    Raises BadSetting where there is none.
    """
    found = sorted({one for way in ('', '*/', '*/*/') for one in path.glob(way + _TRUTH)})
    if not found:
        raise BadSetting('data', str(path), f'holds no {_TRUTH}')
    names: set[str] = set()
    for truth in found:
        folder = truth.parent.parent
        try:
            fps, frames, width, height = _info(folder / _INFO)
            if folder.name in names:
                raise BadSetting('sequence', folder.name, 'was there before')
        except (BadSetting, OSError) as error:
            yield bad_record(str(folder / _INFO), 0, error)
            continue
        names.add(folder.name)
        labels: dict[int, str] = {}
        boxes: dict[int, dict[int, Box]] = {}
        for line in _lines(truth, frames):
            if isinstance(line, BadRecord):
                yield line
                continue
            row, frame, number, label, box = line
            if frame in boxes.setdefault(number, {}):
                yield bad_record(str(truth), row, f'object {number} is twice on frame {frame + 1}')
                continue
            labels.setdefault(number, label)
            boxes[number][frame] = box
        tracks = tuple(BoxTrack(number, labels[number], boxes[number]) for number in sorted(labels))
        media = Media(folder.name, fps=fps)
        yield AnnotatedVideo(
            folder.name,
            media,
            width,
            height,
            frames,
            fps,
            tracks,
            label_expressions(tracks),
            str(truth),
        )


def numbers_of(line: str, name: str, least: int) -> list[float]:
    """The numbers of a line, at least so many, parted by commas or blanks. Raises BadSetting."""
    parts = line.replace(',', ' ').split()
    try:
        found = [float(part) for part in parts]
    except ValueError:
        raise fields.bad_field(name, line, 'is no line of numbers') from None
    if len(found) < least:
        raise fields.bad_field(name, line, f'has fewer than {least} numbers')
    return found


def text_lines(path: Path) -> list[str]:
    """The lines of a text file. Raises BadSetting for one that is no UTF-8, OSError."""
    try:
        return path.read_bytes().decode('utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        raise BadSetting('file', str(path), f'is no UTF-8: {error}') from error


def _info(path: Path) -> tuple[float, int, int, int]:
    """(frames a second, frames, width, height)."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string('\n'.join(text_lines(path)))
        section = parser['Sequence']
        told = {name: float(section[name]) for name in _STATED}
    except (configparser.Error, KeyError, TypeError, ValueError) as error:
        raise BadSetting(
            'seqinfo', str(path), f'lacks one of {", ".join(_STATED)}: {error}'
        ) from error
    width, height = fields.size(told, 'imWidth', 'imHeight')
    frames = fields.integer(told['seqLength'], 'seqLength', 1, fields.MOST_FRAMES)
    return fields.rate(told['frameRate'], 'frameRate'), frames, width, height


_STATED = ('frameRate', 'seqLength', 'imWidth', 'imHeight')


def _lines(path: Path, frames: int) -> Iterator[tuple[int, int, int, str, Box] | BadRecord]:
    """(line, frame, id, label, box) of each that counts."""
    try:
        lines = text_lines(path)
    except (BadSetting, OSError) as error:
        yield bad_record(str(path), 0, error)
        return
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found = _line(line, frames)
            except BadSetting as error:
                yield bad_record(str(path), number, error)
                continue
            if found is not None:
                yield number, *found


def _line(line: str, frames: int) -> tuple[int, int, str, Box] | None:
    """(frame, id, label, box); None where it does not count."""
    told = numbers_of(line, 'line', 6)
    frame = fields.integer(told[0], 'frame', 1, frames) - 1
    number = fields.integer(told[1], 'id', 0, 2**53)
    left, top = (fields.number(value, 'box', -_FAR, _FAR) - 1 for value in told[2:4])
    width, height = (fields.number(value, 'box', 0, _FAR) for value in told[4:6])
    if not width or not height:
        raise fields.bad_field('box', told[2:6], 'is empty')
    if len(told) > 6 and not told[6]:
        return None
    kind = fields.integer(told[7], 'class', -1, 10**6) if len(told) > 7 else 1
    return (
        frame,
        number,
        _CLASSES.get(kind, _CLASSES[1] if kind < 0 else f'class {kind}'),
        (
            left,
            top,
            width,
            height,
        ),
    )
