# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a JSON file of COCO holds: its classes, and the places of all other records."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.json_members import JsonFile, Member
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record
from molmo_ground_ros.errors import BadRecord

_PARTS = ('videos', 'images', 'annotations', 'categories')


@dataclass(slots=True)
class CocoContent:
    """The places of the records of one file, which stays open."""

    file: JsonFile
    kind: str = 'images'  # or 'videos', if the file holds videos
    places: dict[str, list[Member]] = field(default_factory=dict)  # by part
    lists: dict[str, Member] = field(default_factory=dict)  # the parts as a whole
    labels: dict[str, str] = field(default_factory=dict)  # classes by number

    def strays(self) -> Iterator[BadRecord]:
        """An error for each place of the parts where something is no record."""
        for part in (self.kind, 'annotations'):
            for k in self.file.strays(self.lists[part], self.places[part]):
                row = k + 1 if part == self.kind else 0
                why = f'{part}[{k}]: is no record, and so is none of {self.kind}'
                yield bad_record(str(self.file.path), row, why)

    def ids(self) -> set[str]:
        """The ids of all videos or images."""
        records = (self.file.read(place) for place in self.places[self.kind])
        return {str(record.get('id')) for record in records if isinstance(record, Mapping)}

    def annotations_of(
        self, name: str, ids: Collection[str]
    ) -> tuple[dict[str, list[Member]], list[BadRecord]]:
        """The places of annotations by the id in their field `name`, and errors for other ids."""
        of_media: dict[str, list[Member]] = {}
        faults = []
        for k, place in enumerate(self.places['annotations']):
            item = self.file.read(place)
            target = item.get(name) if isinstance(item, Mapping) else None
            if str(target) in ids:
                of_media.setdefault(str(target), []).append(place)
            else:
                why = f'annotations[{k}]: {name} = {target!r} is none of {self.kind}'
                faults.append(bad_record(str(self.file.path), 0, why))
        return of_media, faults


def coco_content(file: JsonFile) -> CocoContent:
    """Scan a file. Raises BadField for one without the parts of COCO, BadRecord."""
    content = CocoContent(file, places={part: [] for part in _PARTS})
    for member in file.members(2):
        part = member.names[0]
        if len(member.names) == 1:
            content.lists[part] = member
        elif part in content.places:
            # Without its name, of which there may be millions.
            content.places[part].append(member._replace(names=()))
    content.kind = 'videos' if 'videos' in content.lists else 'images'
    for part in (content.kind, 'annotations', 'categories'):
        if part not in content.lists or not file.is_list(content.lists[part]):
            raise fields.bad_field(part, None, 'is no list of records')
    content.labels = dict(_labels(file, content.places['categories']))
    return content


def _labels(file: JsonFile, places: list[Member]) -> Iterator[tuple[str, str]]:
    """(number, name) of each class. Raises BadField, BadRecord."""
    for k, place in enumerate(places):
        name = f'categories[{k}]'
        record: Mapping[str, Any] = fields.mapping(file.read(place), name)
        number = fields.key(fields.field(record, 'id', f'{name}.'), f'{name}.id')
        yield number, fields.text(fields.field(record, 'name', f'{name}.'), f'{name}.name')
