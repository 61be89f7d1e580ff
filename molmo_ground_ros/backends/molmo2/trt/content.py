# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether files still hold what they held: their sha256, remembered by size and time of change.

A header or a sample does not tell fine-tuned weights from those they came from, so all bytes are
read, once: some seconds for a model of 8 GB. What was read is remembered beside the plans, and
believed as long as the file's size and time of change (ns) are the same, as `make` and `rsync` do.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from molmo_ground_ros.storage.atomic import write_atomically


def sha256(path: Path) -> str:
    """Of all bytes of a file. Raises OSError."""
    with path.open('rb') as stream:
        return hashlib.file_digest(stream, 'sha256').hexdigest()


def contents(folder: Path, names: Iterable[str], memory: Path) -> dict[str, str]:
    """The sha256 of each of these files of a folder; '' for one that is not there.

    memory: the file in which what was read is remembered; it need not be there, nor writable.
    """
    known, found, read = _remembered(memory), {}, False
    for name in sorted(names):
        path = folder / name
        if not path.is_file():
            found[name] = ''
            continue
        state = path.stat()
        held = known.get(name, {})
        if [held.get('bytes'), held.get('changed_ns')] != [state.st_size, state.st_mtime_ns]:
            held = {'bytes': state.st_size, 'changed_ns': state.st_mtime_ns, 'sha256': sha256(path)}
            known[name], read = held, True
        found[name] = str(held['sha256'])
    if read:
        with contextlib.suppress(OSError):  # a read-only folder is read again next time
            write_atomically(memory, json.dumps(known, indent=1).encode())
    return found


def _remembered(memory: Path) -> dict[str, dict[str, Any]]:
    """What was written before; nothing where that cannot be read."""
    try:
        found = json.loads(memory.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return {name: one for name, one in found.items() if isinstance(one, dict) and 'sha256' in one}
