# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tells by the names of files which sources a folder may be. Opens no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from molmo_ground_ros.benchmarks.datasets.sources.data_source import DataSource
from molmo_ground_ros.errors import BadSetting, listed

# How far below the folder its videos may begin, and how many folders of one folder are looked at.
_DEPTH = 4
_MOST = 12


def check_source(path: Path, source: DataSource, sources: Mapping[str, DataSource]) -> None:
    """Raise BadSetting for a folder that does not look like a source, with those it looks like."""
    if not path.is_dir() or has_signs(path, source):
        return
    others = [name for name, other in sources.items() if has_signs(path, other)]
    lacking = _lacking(path, source)
    if lacking and len(lacking) < len(source.signs):
        differs = f': there is no {" and no ".join(map(_text, lacking))}'
    else:
        differs = f', which has {" and ".join(map(_text, source.signs))}'
    why = f'is not laid out as {source.name}{differs}'
    if others:
        why += f'; it looks like {listed(others)}'
    raise BadSetting('data', str(path), why)


def _lacking(path: Path, source: DataSource) -> list[str]:
    """The signs that a folder lacks, or the one of the first below it that lacks fewest."""
    return min(
        ([sign for sign in source.signs if not _is_in(folder, sign)] for folder in _folders(path)),
        key=len,
    )


def has_signs(path: Path, source: DataSource) -> bool:
    """Whether a folder, or one of the first below it, has the signs of a source."""
    return any(
        all(_is_in(folder, sign) for sign in source.signs)
        and not any(_is_in(folder, sign) for sign in source.never)
        for folder in _folders(path)
    )


def _text(sign: str) -> str:
    return sign.replace('|', ' or ')


def _is_in(folder: Path, sign: str) -> bool:
    return any(next(folder.glob(pattern), None) is not None for pattern in sign.split('|'))


def _folders(path: Path) -> Iterator[Path]:
    """The folder itself, then the first folders below it, level by level."""
    level = [path]
    for _ in range(_DEPTH):
        yield from level
        level = [below for folder in level for below in _first_folders(folder)]


def _first_folders(folder: Path) -> list[Path]:
    folders = (Path(entry) for entry in sorted(folder.iterdir()) if entry.is_dir())
    return [below for _, below in zip(range(_MOST), folders, strict=False)]
