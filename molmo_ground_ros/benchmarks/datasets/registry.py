# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every format by its name, and examples from a folder of one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from molmo_ground_ros.benchmarks.datasets import academic, pointbench, video_points, video_tracks
from molmo_ground_ros.benchmarks.datasets.coco import coco
from molmo_ground_ros.benchmarks.datasets.davis import davis
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, Example
from molmo_ground_ros.benchmarks.datasets.expression_examples import example_of
from molmo_ground_ros.benchmarks.datasets.lasot import lasot
from molmo_ground_ros.benchmarks.datasets.mot import mot
from molmo_ground_ros.benchmarks.datasets.row_reader import DatasetRow, rows
from molmo_ground_ros.errors import BadRecord, BadSetting

Found = Iterator[Example | BadRecord]
Reader = Callable[[Path], Found]
_Made = tuple[DatasetRow, Callable[[], Example]] | BadRecord

_HUB = 'molmo2-'  # how the hub's names begin, and ours do not


def read(name: str, folder: str | Path) -> Found:
    """The examples of a data set, in its order, one in memory at a time.

    name: one of FORMATS, or as the hub writes it (`allenai/Molmo2-VideoPointEval`). folder: see
    `rows.rows`. A record that cannot be used is given as a BadRecord in its place, and so is a
    file. Raises BadSetting for an unknown name and where there is no data, MissingPackage.
    """
    return FORMATS[format_name(name, FORMATS)](Path(folder))


def format_name(name: str, formats: Mapping[str, object]) -> str:
    """The format that a name means, one of `formats`. Raises BadSetting."""
    plain = name.strip().lower().rpartition('/')[2]
    for wanted in (plain, plain.removeprefix(_HUB)):
        if wanted in formats:
            return wanted
    raise BadSetting('format', name, f'is none of {", ".join(formats)}')


def read_annotated(name: str, folder: str | Path) -> Iterator[AnnotatedVideo | BadRecord]:
    """The videos or pictures of plain data, as they are annotated: see `read`.

    name: one of ANNOTATED.
    """
    return ANNOTATED[format_name(name, ANNOTATED)](Path(folder))


def _of_rows(example: Callable[[DatasetRow, int], Example], own_id: bool = False) -> Reader:
    """A reader of rows. own_id: the rows have ids, else they get theirs from what they say."""

    def made(folder: Path) -> Iterator[_Made]:
        index = -1
        for row in rows(folder):
            index += row.row > 0
            yield row if isinstance(row, BadRecord) else (row, partial(example, row, index))

    return lambda folder: _examples(made(folder), own_id)


def _academic_tracks(folder: Path) -> Found:
    return _examples(
        (
            one if isinstance(one, BadRecord) else (one[0], partial(academic.track, *one))
            for one in academic.tracks(folder)
        ),
        own_id=True,
    )


def _pointbench(folder: Path) -> Found:
    """Questions without a mask are passed over, as the loader does."""
    path = folder / pointbench.DATA if folder.is_dir() else folder
    asked = (
        row for row in rows(path) if isinstance(row, BadRecord) or 'mask_filename' in row.values
    )
    return _examples(
        (
            row if isinstance(row, BadRecord) else (row, partial(pointbench.pointbench, row, 0))
            for row in asked
        ),
        own_id=False,
    )


def _examples(made: Iterator[_Made], own_id: bool) -> Found:
    ids = _Ids()
    for one in made:
        if isinstance(one, BadRecord):
            yield one
            continue
        row, make = one
        try:
            found = make()
            unique = found.id if own_id else ids.unlike(found.id, row)
            ids.take(unique)
        except BadSetting as error:
            yield row.bad(error)
            continue
        yield found if unique == found.id else replace(found, id=unique)


def _of_annotated(reader: Callable[[Path], Iterator[AnnotatedVideo | BadRecord]]) -> Reader:
    """A reader of plain data: an example for each expression of each video or picture."""

    def read_expressions(folder: Path) -> Found:
        index = 0
        for one in reader(folder):
            if isinstance(one, BadRecord):
                yield one
                continue
            for expression in one.expressions:
                yield example_of(one, expression, index)
                index += 1

    return read_expressions


class _Ids:
    """The ids that were given."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._contents: set[bytes] = set()

    def take(self, id: str) -> None:  # noqa: A002
        """Raise BadSetting if it was there before."""
        if id in self._taken:
            raise BadSetting('id', id, 'was there before')
        self._taken.add(id)

    def unlike(self, wanted: str, row: DatasetRow) -> str:
        """The id of a row that has none: what it says, and a number if others say the same.

        Raises BadSetting if the whole row was there before.
        """
        told = json.dumps(row.values, sort_keys=True, default=repr).encode('utf-8', 'replace')
        content = hashlib.blake2b(told, digest_size=16).digest()
        if content in self._contents:
            raise BadSetting('row', wanted, 'is the same as one before')
        self._contents.add(content)
        found, number = wanted, 1
        while found in self._taken:
            number += 1
            found = f'{wanted}#{number}'
        return found


ANNOTATED: dict[str, Callable[[Path], Iterator[AnnotatedVideo | BadRecord]]] = {
    'coco': coco,
    'davis': davis,
    'youtube-vos': davis,
    'mot': mot,
    'lasot': lasot,
}
FORMATS: dict[str, Reader] = {
    'videopoint': _of_rows(video_points.videopoint),
    'videopointeval': _of_rows(video_points.videopointeval),
    'videocounteval': _of_rows(video_points.videocounteval),
    'videotrack': _of_rows(video_tracks.videotrack, own_id=True),
    'videotrackeval': _of_rows(video_tracks.videotrackeval, own_id=True),
    'academic-points': _of_rows(academic.points),
    'academic-tracks': _academic_tracks,
    'pointbench': _pointbench,
    **{name: _of_annotated(reader) for name, reader in ANNOTATED.items()},
}
