# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which tests share a worker when several run at once, and which start first. Used by conftest.py.

A file's tests stay on one worker, where they share what its fixtures make. Files that start nodes
share one, too: discovery of many nodes by several processes at once is slow, and nothing is gained.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Files and folders of tests that start nodes.
NODES = ('test/packaging/test_setup.py', 'test/ros')


def group(file: str) -> str:
    """The name of the group that a file's tests belong to. file: relative to the root."""
    path = Path(file)
    starts_nodes = any(path.is_relative_to(entry) for entry in NODES)
    return 'nodes' if starts_nodes else path.as_posix()


def in_groups(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests, each marked with its group, in the order in which the groups should start.

    Groups with slow tests start first: one that starts last would run alone at the end.
    """
    groups: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        name = group(item.path.relative_to(ROOT).as_posix())
        item.add_marker(pytest.mark.xdist_group(name))
        groups[name].append(item)
    by_slowness = sorted(groups.values(), key=_slow_tests, reverse=True)
    return [item for members in by_slowness for item in members]


def _slow_tests(items: Sequence[pytest.Item]) -> int:
    return sum(item.get_closest_marker('slow') is not None for item in items)
