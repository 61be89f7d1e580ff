# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The folders that recordings may lie in. Nothing outside them has a name or can be opened.

A recording is named by its path below its folder, after the folder's own name where there are
several. Links are followed only where they end inside one of the folders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from molmo_ground_ros.errors import BadRequest, BadSetting
from molmo_ground_ros.recording.below import recordings_below


class AllowedFolders:
    """Finds and opens recordings by name."""

    def __init__(self, folders: Sequence[str]) -> None:
        """Raise BadSetting for what is no folder, and for two folders of one name."""
        self._roots: dict[str, Path] = {}
        for folder in folders:
            root = Path(folder).resolve()
            if not root.is_dir():
                raise BadSetting('folder', folder, 'is no folder')
            if root.name in self._roots:
                raise BadSetting('folder', folder, f"another folder is named '{root.name}' too")
            self._roots[root.name] = root

    def recordings(self) -> Mapping[str, Path]:
        """Every recording that may be opened, by name, in order. Raises OSError."""
        named = {}
        for root in self._roots.values():
            for path in recordings_below(root):
                if self._is_inside(path):
                    named[self._name(root, path)] = path
        return named

    def named(self, name: str) -> tuple[str, Path]:
        """The name of a recording, and where it lies; '' is the only one.

        A name is looked up, and never made a path. Raises BadRequest, OSError.
        """
        recordings = self.recordings()
        if not name and len(recordings) == 1:
            return next(iter(recordings.items()))
        if name not in recordings:
            which = f"no recording '{name[:200]}'" if name else f'{len(recordings)} recordings'
            raise BadRequest(f'{which}: name one that find_recordings lists')
        return name, recordings[name]

    def without_roots(self, text: str) -> str:
        """A message in which paths are as agents know them."""
        for root in self._roots.values():
            text = text.replace(f'{root.parent}/' if len(self._roots) > 1 else f'{root}/', '')
        return text

    def _name(self, root: Path, path: Path) -> str:
        below = path.relative_to(root).as_posix()
        if below == '.':
            return root.name
        return f'{root.name}/{below}' if len(self._roots) > 1 else below

    def _is_inside(self, path: Path) -> bool:
        """Whether a recording, with every file that belongs to it, lies in one of the folders."""
        return all(self._holds(each.resolve()) for each in _parts(path))

    def _holds(self, real: Path) -> bool:
        return any(real.is_relative_to(root) for root in self._roots.values())


def _parts(path: Path) -> Iterable[Path]:
    yield path
    if path.is_dir():
        yield from path.rglob('*')
