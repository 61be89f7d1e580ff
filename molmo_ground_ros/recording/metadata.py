# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a rosbag2 folder's metadata.yaml adds to its files: how many messages there should be.

It is read line by line, in the one layout that recorders write. A YAML library raises and warns
nearly anything on a damaged file, and takes seconds for a recording of a thousand files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from molmo_ground_ros.recording.formats import FORMATS, kind_of_type

NAME = 'metadata.yaml'

_ROOT = 'rosbag2_bagfile_information:'
_LIMIT = 1 << 24  # bytes; a hundred thousand files take that
_SECTION = re.compile(r' {2}(\w+):')
_ITEM = re.compile(r'( *)- (.*)')
_FIELD = re.compile(r' *(?:- )?(name|type|message_count): (.+)')


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a recorder wrote when it closed the recording."""

    files: tuple[str, ...]  # names, without their folder
    messages: dict[str, int]  # by image topic


def read(folder: Path) -> Metadata:
    """Read the metadata.yaml of a folder.

    Raises FileNotFoundError, and ValueError where it cannot be understood.
    """
    path = folder / NAME
    if path.stat().st_size > _LIMIT:
        raise ValueError(f'larger than {_LIMIT} bytes')
    lines = path.read_bytes().decode(errors='replace').splitlines()
    if _ROOT not in lines:
        raise ValueError(f"no line '{_ROOT}'")
    sections = _sections(lines[lines.index(_ROOT) + 1 :])
    if 'relative_file_paths' not in sections:
        raise ValueError('it names no file')
    items = map(_ITEM.fullmatch, sections['relative_file_paths'])
    files = tuple(PurePath(_unquoted(item[2])).name for item in items if item)
    messages: dict[str, int] = {}
    for topic in _topics(sections.get('topics_with_message_count', [])):
        if kind_of_type(topic.get('type', '')) in FORMATS and 'name' in topic:
            count = int(topic.get('message_count', '0'))
            messages[topic['name']] = messages.get(topic['name'], 0) + count
    return Metadata(files, messages)


def _sections(lines: list[str]) -> dict[str, list[str]]:
    """The lines below each key of the file."""
    sections: dict[str, list[str]] = {}
    for line in lines:
        if key := _SECTION.match(line):
            sections[key[1]] = below = list[str]()
        elif sections:
            below.append(line)
    return sections


def _topics(lines: list[str]) -> Iterator[dict[str, str]]:
    """The fields name, type and message_count of each topic, as far as it has them."""
    first = next(filter(None, map(_ITEM.match, lines)), None)
    indent = first[1] if first else ''
    topic: dict[str, str] = {}
    for line in lines:
        if line.startswith(f'{indent}- ') and topic:
            yield topic
            topic = {}
        if field := _FIELD.fullmatch(line):
            topic.setdefault(field[1], _unquoted(field[2]))
    yield topic


def _unquoted(text: str) -> str:
    return text.strip().strip('\'"')
