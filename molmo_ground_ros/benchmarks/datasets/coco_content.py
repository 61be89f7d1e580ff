# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a JSON file of COCO holds: its classes, and the places of all other records."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from molmo_ground_ros.benchmarks.datasets import field_checks as fields
from molmo_ground_ros.benchmarks.datasets.json_members import JsonFile, Member, MemberList
from molmo_ground_ros.benchmarks.datasets.row_reader import bad_record
from molmo_ground_ros.errors import BadRecord

_PARTS = ('videos', 'images', 'annotations', 'categories')


@dataclass(slots=True)
class CocoContent:
    """The places of the records of one file, which stays open."""

    file: JsonFile
    kind: str = 'images'  # or 'videos', if the file holds videos
    places: dict[str, MemberList] = field(default_factory=dict)  # by part
    lists: dict[str, Member] = field(default_factory=dict)  # the parts as a whole
    labels: dict[str, str] = field(default_factory=dict)  # classes by number

    def strays(self) -> Iterator[BadRecord]:
        """An error for each place of the parts where something is no record."""
        for part in (self.kind, 'annotations'):
            for k in self.file.strays(self.lists[part], self.places[part]):
                row = k + 1 if part == self.kind else 0
                why = f'{part}[{k}]: is no record, and so is none of {self.kind}'
                yield bad_record(str(self.file.path), row, why)

    def ids(self) -> dict[str, str]:
        """The ids of all videos or images, each by itself."""
        records = (self.file.read(place) for place in self.places[self.kind])
        ids = (str(record.get('id')) for record in records if isinstance(record, Mapping))
        return {number: number for number in ids}

    def annotations_of(
        self, name: str, groups: Mapping[str, str]
    ) -> tuple[dict[str, array[int]], list[BadRecord]]:
        """The numbers of the annotations of each group, and errors for those of none.

        name: of the field whose value decides the group. groups: by that value.
        """
        of_group: dict[str, array[int]] = {}
        faults = []
        for k, place in enumerate(self.places['annotations']):
            item = self.file.read(place)
            target = item.get(name) if isinstance(item, Mapping) else None
            group = groups.get(str(target))
            if group is not None:
                of_group.setdefault(group, array('L')).append(k)
            else:
                why = f'annotations[{k}]: {name} = {target!r} is none of {self.kind}'
                faults.append(bad_record(str(self.file.path), 0, why))
        return of_group, faults

    def annotation(self, number: int) -> Any:
        """The value of an annotation. Raises BadRecord."""
        return self.file.read(self.places['annotations'][number])


def coco_content(file: JsonFile) -> CocoContent:
    """Scan a file. Raises BadField for one without the parts of COCO, BadRecord."""
    content = CocoContent(file, places={part: MemberList() for part in _PARTS})
    for member in file.members(2):
        part = member.names[0]
        if len(member.names) == 1:
            content.lists[part] = member
        elif part in content.places:
            content.places[part].append(member)
    content.kind = 'videos' if 'videos' in content.lists else 'images'
    for part in (content.kind, 'annotations', 'categories'):
        if part not in content.lists or not file.is_list(content.lists[part]):
            raise fields.bad_field(part, None, 'is no list of records')
    content.labels = dict(_labels(file, content.places['categories']))
    return content


def _labels(file: JsonFile, places: MemberList) -> Iterator[tuple[str, str]]:
    """(number, name) of each class. Raises BadField, BadRecord."""
    for k, place in enumerate(places):
        name = f'categories[{k}]'
        record: Mapping[str, Any] = fields.mapping(file.read(place), name)
        number = fields.key(fields.field(record, 'id', f'{name}.'), f'{name}.id')
        yield number, fields.text(fields.field(record, 'name', f'{name}.'), f'{name}.name')
