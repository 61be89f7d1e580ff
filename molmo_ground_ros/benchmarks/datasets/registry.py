# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The formats by their names, and a reader of examples for each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from molmo_ground_ros.benchmarks.datasets import academic, pointbench, video_points, video_tracks
from molmo_ground_ros.benchmarks.datasets.burst import burst_counts
from molmo_ground_ros.benchmarks.datasets.examples import AnnotatedVideo, Example
from molmo_ground_ros.benchmarks.datasets.expression_examples import example_of
from molmo_ground_ros.benchmarks.datasets.row_reader import DatasetRow, bad_record, rows
from molmo_ground_ros.benchmarks.datasets.sources import source_readers
from molmo_ground_ros.errors import BadField, BadRecord, BadSetting

Examples = Iterator[Example | BadRecord]
Reader = Callable[[Path], Examples]
# A row with the function that makes its example, or a row that cannot be read.
_PendingExample = tuple[DatasetRow, Callable[[], Example]] | BadRecord

_HUB = 'molmo2-'  # the hub's names begin with it, and ours do not


def read(name: str, folder: str | Path, *, in_boxes: bool = False) -> Examples:
    """The examples of a data set in its order, one in memory at a time.

    name: one of FORMATS, or the hub's name (`allenai/Molmo2-VideoPointEval`). folder: see
    `row_reader.rows`. in_boxes: see `example_of`. A record or file that cannot be used is yielded
    as a BadRecord in its place. Raises BadSetting for an unknown name and if there is no data,
    MissingPackage.
    """
    plain = format_name(name, FORMATS)
    if plain in ANNOTATED:
        return _of_annotated(ANNOTATED[plain], in_boxes)(Path(folder))
    return FORMATS[plain](Path(folder))


def format_name(name: str, formats: Mapping[str, object]) -> str:
    """The one of `formats` that a name means. Raises BadSetting."""
    plain = name.strip().lower().rpartition('/')[2]
    for candidate in (plain, plain.removeprefix(_HUB)):
        if candidate in formats:
            return candidate
    raise BadSetting('format', name, f'is none of {", ".join(formats)}')


def read_annotated(name: str, folder: str | Path) -> Iterator[AnnotatedVideo | BadRecord]:
    """The videos or images of a data set of masks or boxes, as they are annotated.

    name: one of ANNOTATED. Otherwise like `read`.
    """
    return ANNOTATED[format_name(name, ANNOTATED)](Path(folder))


def _of_rows(example: Callable[[DatasetRow, int], Example], own_id: bool = False) -> Reader:
    """A reader of rows. own_id: the rows hold ids; else ids are made of their values."""

    def pending(folder: Path) -> Iterator[_PendingExample]:
        index = -1
        for row in rows(folder):
            index += row.row > 0
            yield row if isinstance(row, BadRecord) else (row, partial(example, row, index))

    return lambda folder: _examples(pending(folder), own_id)


def _academic_tracks(folder: Path) -> Examples:
    return _examples(
        (
            row if isinstance(row, BadRecord) else (row[0], partial(academic.track, *row))
            for row in academic.tracks(folder)
        ),
        own_id=True,
    )


def _pointbench(folder: Path) -> Examples:
    """PointBench's questions. Those without a mask are skipped, as the reference's loader does."""
    path = folder / pointbench.DATA if folder.is_dir() else folder
    masked_rows = (
        row for row in rows(path) if isinstance(row, BadRecord) or 'mask_filename' in row.values
    )
    return _examples(
        (
            row if isinstance(row, BadRecord) else (row, partial(pointbench.pointbench, row, 0))
            for row in masked_rows
        ),
        own_id=False,
    )


def _examples(pending: Iterator[_PendingExample], own_id: bool) -> Examples:
    ids = _UniqueIds()
    for item in pending:
        if isinstance(item, BadRecord):
            yield item
            continue
        row, make_example = item
        try:
            example = make_example()
            unique = example.id if own_id else ids.numbered(example.id, row)
            ids.add(unique)
        except (BadField, BadSetting) as error:
            yield row.bad(error)
            continue
        yield example if unique == example.id else replace(example, id=unique)


def _of_annotated(
    reader: Callable[[Path], Iterator[AnnotatedVideo | BadRecord]], in_boxes: bool = False
) -> Reader:
    """A reader of annotated videos or images: one example for each of their expressions."""

    def read_expressions(folder: Path) -> Examples:
        index = 0
        for video in reader(folder):
            if isinstance(video, BadRecord):
                yield video
                continue
            if video.tracks and not video.expressions:
                why = f'{video.name}: there are no words for its objects'
                yield bad_record(video.file, video.row, why)
            for expression in video.expressions:
                yield example_of(video, expression, index, in_boxes=in_boxes)
                index += 1

    return read_expressions


class _UniqueIds:
    """Keeps the ids of one data set unique."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._digests: set[bytes] = set()  # of rows that hold no id

    def add(self, example_id: str) -> None:
        """Record an id. Raises BadField if an earlier example has it."""
        if example_id in self._ids:
            raise BadField('id', example_id, 'was there before')
        self._ids.add(example_id)

    def numbered(self, base: str, row: DatasetRow) -> str:
        """The id of a row that holds none: `base`, with a number if an earlier example has it.

        Raises BadField if an earlier row has the same values.
        """
        values = json.dumps(row.values, sort_keys=True, default=repr).encode('utf-8', 'replace')
        digest = hashlib.blake2b(values, digest_size=16).digest()
        if digest in self._digests:
            raise BadField('row', base, 'is the same as one before')
        self._digests.add(digest)
        unique, number = base, 1
        while unique in self._ids:
            number += 1
            unique = f'{base}#{number}'
        return unique


ANNOTATED: dict[str, Callable[[Path], Iterator[AnnotatedVideo | BadRecord]]] = source_readers()
FORMATS: dict[str, Reader] = {
    'videopoint': _of_rows(video_points.videopoint),
    'videopointeval': _of_rows(video_points.videopointeval),
    'videocounteval': _of_rows(video_points.videocounteval),
    'videotrack': _of_rows(video_tracks.videotrack, own_id=True),
    'videotrackeval': _of_rows(video_tracks.videotrackeval, own_id=True),
    'academic-points': _of_rows(academic.points),
    'academic-tracks': _academic_tracks,
    'burst-videocount': burst_counts,
    'pointbench': _pointbench,
    **{name: _of_annotated(reader) for name, reader in ANNOTATED.items()},
}
