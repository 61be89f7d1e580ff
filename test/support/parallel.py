# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which tests share a worker when several run at once, and which start first. Used by conftest.py.

A file's tests stay on one worker, where they share what its fixtures make. Some files share one,
too: those that start nodes, since discovery of many nodes by several processes at once is slow, and
those that use the graphs of one fixture, which take half a minute to export.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

# Files and folders that share a worker.
SHARED = {
    'nodes': (
        'test/packaging/test_setup.py',
        'test/ros',
        'test/tools/test_node_faults.py',
        'test/tools/test_planners.py',
        'test/tools/test_soak.py',
    ),
    'exported graphs': tuple(
        f'test/backends/molmo2/{name}.py'
        for name in (
            *('runtimes/test_onnx', 'runtimes/test_tensorrt', 'test_engines', 'test_exported'),
            'trt/test_reference',
        )
    ),
}


def group(file: str) -> str:
    """The name of the group that a file's tests belong to. file: relative to the root."""
    path = Path(file)
    for name, entries in SHARED.items():
        if any(path.is_relative_to(entry) for entry in entries):
            return name
    return path.as_posix()


def as_utf8(text: str) -> str:
    """The text with lone surrogates written out: pytest-xdist ends at a report that has some."""
    return text.encode(errors='backslashreplace').decode()


def scheduler(config: pytest.Config, log: Any) -> Any:
    """What gives tests to processes: all of a group to the same.

    Groups are not told to pytest-xdist by marks, which 3.8 loses with pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class GroupScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid.partition('::')[0])

    return GroupScheduling(config, log)


def slow_groups_first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests by group, groups with slow tests first: one that starts last would run alone."""
    groups: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        groups[group(item.nodeid.partition('::')[0])].append(item)
    by_slowness = sorted(groups.values(), key=_slow_tests, reverse=True)
    return [item for members in by_slowness for item in members]


def _slow_tests(items: Sequence[pytest.Item]) -> int:
    return sum(item.get_closest_marker('slow') is not None for item in items)
