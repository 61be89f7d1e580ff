# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a rosbag2 folder's metadata.yaml says that its files do not: how much there should be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from molmo_ground_ros.errors import MissingPackage
from molmo_ground_ros.recording.cdr import COMPRESSED, RAW

NAME = 'metadata.yaml'

_LIMIT = 1 << 20  # bytes; ten thousand topics take that


@dataclass(frozen=True, slots=True)
class Stated:
    """What a recorder wrote when it closed the recording."""

    files: tuple[str, ...]  # names, without their folder
    messages: dict[str, int]  # by image topic


def read(folder: Path) -> Stated:
    """Raises FileNotFoundError, ValueError for what cannot be understood, MissingPackage."""
    try:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError
    except ImportError as err:
        raise MissingPackage('ruamel.yaml', 'bag') from err
    path = folder / NAME
    if path.stat().st_size > _LIMIT:
        raise ValueError(f'larger than {_LIMIT} bytes')
    text = path.read_bytes().decode(errors='replace')
    try:
        return _stated(YAML(typ='safe', pure=True).load(text)['rosbag2_bagfile_information'])
    except (YAMLError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as err:
        raise ValueError(' '.join(f'{type(err).__name__}: {err}'.split())) from err


def _stated(information: Any) -> Stated:
    files = tuple(PurePath(str(path)).name for path in information['relative_file_paths'])
    messages: dict[str, int] = {}
    for topic in information['topics_with_message_count']:
        about = topic['topic_metadata']
        if about['type'] not in (RAW, COMPRESSED):
            continue
        name = str(about['name'])
        messages[name] = messages.get(name, 0) + int(topic['message_count'])
    return Stated(files, messages)
