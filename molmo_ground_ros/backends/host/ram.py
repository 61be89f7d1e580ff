# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How much memory this process may still take: the machine's, and its control group's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_ROOT = Path('/')
# Files of a control group: its folder in /sys/fs/cgroup, its limit, its use, and the line of
# memory.stat with pages of files that can be dropped. Version 2, then version 1.
_GROUPS = (
    ('', 'memory.max', 'memory.current', 'inactive_file'),
    ('memory', 'memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'),
)


def available_bytes(root: Path = _ROOT) -> int | None:
    """Bytes that can be taken without swapping; None where the system does not say.

    The least of MemAvailable and what is left in each control group this process is in, pages of
    files that can be dropped counted as free. root: of the file system, for tests.
    """
    found = [*_machine(root), *_groups(root)]
    return max(min(found), 0) if found else None


def total_bytes(root: Path = _ROOT) -> int | None:
    """Memory of the machine, None where the system does not say."""
    return next(_meminfo(root, 'MemTotal'), None)


def _machine(root: Path) -> Iterator[int]:
    return _meminfo(root, 'MemAvailable')


def _meminfo(root: Path, name: str) -> Iterator[int]:
    for line in _lines(root / 'proc/meminfo'):
        key, _, value = line.partition(':')
        if key == name and value.split()[:1] and value.split()[0].isdigit():
            yield int(value.split()[0]) * 1024


def _groups(root: Path) -> Iterator[int]:
    """What is left in this process's control groups and in all above them."""
    for line in _lines(root / 'proc/self/cgroup'):
        _, controllers, path = [*line.split(':', 2), '', ''][:3]
        for folder, limit, use, droppable in _GROUPS:
            if controllers.split(',') != [folder]:
                continue
            mount = root / 'sys/fs/cgroup' / folder
            inside = PurePosixPath(path).relative_to('/') if path.startswith('/') else None
            for one in [] if inside is None else [inside, *inside.parents]:
                yield from _left(mount / one, limit, use, droppable)


def _left(group: Path, limit: str, use: str, droppable: str) -> Iterator[int]:
    most, used = _number(group / limit), _number(group / use)
    if most is None or used is None:  # 'max', or a group without a limit of its own
        return
    dropped = 0
    for line in _lines(group / 'memory.stat'):
        key, _, value = line.partition(' ')
        if key == droppable and value.isdigit():
            dropped = int(value)
    yield most - used + dropped


def _number(path: Path) -> int | None:
    text = ''.join(_lines(path)).strip()
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding='utf-8', errors='replace').splitlines()
    except OSError:
        return []
