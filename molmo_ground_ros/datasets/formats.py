# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every format by its name, and examples from a folder of one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from molmo_ground_ros.datasets import video_points, video_tracks
from molmo_ground_ros.datasets.rows import Row, rows
from molmo_ground_ros.datasets.values import Example
from molmo_ground_ros.errors import BadRecord, BadSetting

Found = Iterator[Example | BadRecord]

_HUB = 'molmo2-'  # how the hub's names begin, and ours do not


def read(name: str, folder: str | Path) -> Found:
    """The examples of a data set, in its order, one in memory at a time.

    name: one of FORMATS, or as the hub writes it (`allenai/Molmo2-VideoPointEval`). folder: see
    `rows.rows`. A record that cannot be used is given as a BadRecord in its place, and so is a
    file. Raises BadSetting for an unknown name and where there is no data, MissingPackage.
    """
    return FORMATS[known(name, FORMATS)](Path(folder))


def known(name: str, formats: Mapping[str, object]) -> str:
    """The format that a name means, one of `formats`. Raises BadSetting."""
    plain = name.strip().lower().rpartition('/')[2]
    for wanted in (plain, plain.removeprefix(_HUB)):
        if wanted in formats:
            return wanted
    raise BadSetting('format', name, f'is none of {", ".join(formats)}')


def _of_rows(
    example: Callable[[Row, int], Example], own_id: bool = False
) -> Callable[[Path], Found]:
    """A reader of rows. own_id: the rows have ids, else they get theirs from what they say."""

    def read_rows(folder: Path) -> Found:
        ids = _Ids()
        index = -1
        for row in rows(folder):
            index += row.row > 0
            if isinstance(row, BadRecord):
                yield row
                continue
            try:
                found = example(row, index)
                unique = found.id if own_id else ids.unlike(found.id, row)
                ids.take(unique)
            except BadSetting as error:
                yield row.bad(error)
                continue
            yield found if unique == found.id else replace(found, id=unique)

    return read_rows


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

    def unlike(self, wanted: str, row: Row) -> str:
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


FORMATS: dict[str, Callable[[Path], Found]] = {
    'videopoint': _of_rows(video_points.videopoint),
    'videopointeval': _of_rows(video_points.videopointeval),
    'videocounteval': _of_rows(video_points.videocounteval),
    'videotrack': _of_rows(video_tracks.videotrack, own_id=True),
    'videotrackeval': _of_rows(video_tracks.videotrackeval, own_id=True),
}
