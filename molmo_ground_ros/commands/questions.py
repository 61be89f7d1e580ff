# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Questions from a file: a YAML list, or plain text with one a line.

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
    """The questions of a file; `task` is that of those which name none.

    In plain text blank lines are skipped, and those that begin with '#'. Raises OSError,
    BadSetting, UnknownTask, MissingPackage.
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
        found = yaml.YAML(typ='safe', pure=True).load(text)
    except YAMLError as err:
        raise BadSetting('questions', path, f'it is not YAML: {err}') from err
    if not isinstance(found, list):
        raise BadSetting('questions', path, 'it is not a list')
    return found


def _query(path: str, entry: Any, task: Task) -> Query:
    if isinstance(entry, str):
        return Query(entry, task)
    if not isinstance(entry, dict) or not isinstance(entry.get('query'), str):
        raise BadSetting('questions', path, f"neither a text nor a 'query': {entry!r}")
    unknown = sorted(map(str, set(entry) - {'query', 'task'}))
    if unknown:
        raise BadSetting('questions', path, f'unknown keys {unknown}')
    name = entry.get('task', task.name.lower())
    known = [one.name.lower() for one in Task]
    if name not in known:
        raise UnknownTask(name, known)
    return Query(entry['query'], Task[name.upper()])
