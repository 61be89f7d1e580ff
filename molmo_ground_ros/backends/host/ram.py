# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads how much memory this process may still take, of the machine and of its control groups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_ROOT = Path('/')
# For version 2 and version 1 of control groups: the folder in /sys/fs/cgroup, the files with the
# limit and the use, and the line of memory.stat that counts the file cache Linux can give up.
_GROUPS = (
    ('', 'memory.max', 'memory.current', 'inactive_file'),
    ('memory', 'memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'),
)


def available_bytes(root: Path = _ROOT) -> int | None:
    """Bytes that this process can take without swapping; None where the system does not say.

    This is the least of MemAvailable and of what is left in each control group of this process.
    File cache counts as free, because Linux gives it up when memory is asked for.
    root: the folder that stands for `/`, for tests.
    """
    limits = [*_machine(root), *_groups(root)]
    return max(min(limits), 0) if limits else None


def total_bytes(root: Path = _ROOT) -> int | None:
    """Bytes of memory that the machine has; None where the system does not say."""
    return next(_meminfo(root, 'MemTotal'), None)


def _machine(root: Path) -> Iterator[int]:
    return _meminfo(root, 'MemAvailable')


def _meminfo(root: Path, name: str) -> Iterator[int]:
    for line in _lines(root / 'proc/meminfo'):
        key, _, value = line.partition(':')
        if key == name and value.split()[:1] and value.split()[0].isdigit():
            yield int(value.split()[0]) * 1024


def _groups(root: Path) -> Iterator[int]:
    """Bytes left in each control group of this process, and in each group above it."""
    for line in _lines(root / 'proc/self/cgroup'):
        _, controllers, path = [*line.split(':', 2), '', ''][:3]
        for folder, limit_file, usage_file, droppable in _GROUPS:
            if controllers.split(',') != [folder]:
                continue
            mount = root / 'sys/fs/cgroup' / folder
            inside = PurePosixPath(path).relative_to('/') if path.startswith('/') else None
            for group in [] if inside is None else [inside, *inside.parents]:
                yield from _left(mount / group, limit_file, usage_file, droppable)


def _left(group: Path, limit: str, use: str, droppable: str) -> Iterator[int]:
    """Bytes left in one control group; yields nothing where the group has no limit."""
    limit_bytes, used_bytes = _number(group / limit), _number(group / use)
    # Without a limit, the file is missing or holds 'max'.
    if limit_bytes is None or used_bytes is None:
        return
    droppable_bytes = 0
    for line in _lines(group / 'memory.stat'):
        key, _, value = line.partition(' ')
        if key == droppable and value.isdigit():
            droppable_bytes = int(value)
    yield limit_bytes - used_bytes + droppable_bytes


def _number(path: Path) -> int | None:
    text = ''.join(_lines(path)).strip()
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding='utf-8', errors='replace').splitlines()
    except OSError:
        return []
