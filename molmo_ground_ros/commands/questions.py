# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads the questions of `--questions` from a file: a YAML list, or text with one question a line.

An entry of a YAML list is a text, or a mapping with the key `query` and, optionally, `task`:

    - How many times was the red block grasped?
    - query: the blue cup
      task: track
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from molmo_ground_ros.errors import BadSetting, MissingPackage, UnknownTask
from molmo_ground_ros.types import Query, Task

YAML = ('.yaml', '.yml')


def read_questions(path: str, task: Task) -> list[Query]:
    """Read the questions of a file; `task` is the task of the questions that name none.

    In a text file, blank lines and lines that begin with '#' are skipped. Raises OSError for a
    file that cannot be read, BadSetting for one without questions or in another format,
    UnknownTask, and MissingPackage where a YAML file needs ruamel.yaml.
    """
    try:
        text = Path(path).read_text(encoding='utf-8')
    except UnicodeDecodeError as err:
        raise BadSetting('questions', path, f'it is not UTF-8: {err}') from err
    if path.endswith(YAML):
        queries = [_query(path, entry, task) for entry in _entries(path, text)]
    else:
        lines = [line.strip() for line in text.splitlines()]
        queries = [Query(line, task) for line in lines if line and not line.startswith('#')]
    if not queries:
        raise BadSetting('questions', path, 'it holds no question')
    return queries


def _entries(path: str, text: str) -> list[Any]:
    try:
        from ruamel import yaml
        from ruamel.yaml.error import YAMLError
    except ModuleNotFoundError as err:
        raise MissingPackage('ruamel.yaml', 'bag') from err
    try:
        entries = yaml.YAML(typ='safe', pure=True).load(text)
    except YAMLError as err:
        raise BadSetting('questions', path, f'it is not YAML: {err}') from err
    if not isinstance(entries, list):
        raise BadSetting('questions', path, 'it is not a list')
    return entries


def _query(path: str, entry: Any, task: Task) -> Query:
    if isinstance(entry, str):
        return Query(entry, task)
    if not isinstance(entry, dict) or not isinstance(entry.get('query'), str):
        raise BadSetting('questions', path, f"neither a text nor a 'query': {entry!r}")
    unknown = sorted(map(str, set(entry) - {'query', 'task'}))
    if unknown:
        raise BadSetting('questions', path, f'unknown keys {unknown}')
    name = entry.get('task', task.name.lower())
    names = [task_value.name.lower() for task_value in Task]
    if name not in names:
        raise UnknownTask(name, names)
    return Query(entry['query'], Task[name.upper()])
