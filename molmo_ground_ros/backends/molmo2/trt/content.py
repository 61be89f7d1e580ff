# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Hashes of files, which tell whether a file's content has changed.

Fine-tuned weights can have the same header and size as the weights they came from, so a hash covers
all bytes of a file. That takes some seconds for a model of 8 GB, so hashes are remembered in a file
beside the plans. A remembered hash is used while the file's size and time of change (ns) are the
same, as `make` and `rsync` do.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from molmo_ground_ros.storage.atomic import write_atomically

# Bytes: of a sample, from one to the next, and of a file that is read completely.
_SAMPLE, _STEP, _WHOLE = 2**14, 2**22, 2**26


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal. Raises OSError."""
    with path.open('rb') as stream:
        return hashlib.file_digest(stream, 'sha256').hexdigest()


def sampled_sha256(path: Path) -> str:
    """The SHA-256 of a file's size and of 16 KiB of every 4 MiB; of all bytes of a smaller file.

    Training changes every matrix, and those of the released models are larger than the step: so it
    tells other weights from these, and reads a 256th of the file. Raises OSError.
    """
    size = path.stat().st_size
    step = _SAMPLE if size <= _WHOLE else _STEP
    content = hashlib.sha256(str(size).encode())
    with path.open('rb') as stream:
        for start in range(0, size, step):
            stream.seek(start)
            content.update(stream.read(_SAMPLE))
    return content.hexdigest()


def file_hashes(folder: Path, names: Iterable[str], memory: Path) -> dict[str, str]:
    """The sha256, by name, of files in a folder; '' for a file that does not exist.

    memory: the file that remembers hashes. It may be missing, damaged or read-only; then the files
    are read again next time. Raises OSError for a file that cannot be read.
    """
    entries, hashes, changed = _remembered(memory), {}, False
    for name in sorted(names):
        path = folder / name
        if not path.is_file():
            hashes[name] = ''
            continue
        status = path.stat()
        stamp = {'bytes': status.st_size, 'changed_ns': status.st_mtime_ns}
        if entries.get(name, {}) | stamp != entries.get(name):
            entries[name], changed = stamp | {'sha256': sha256(path)}, True
        hashes[name] = str(entries[name]['sha256'])
    if changed:
        with contextlib.suppress(OSError):
            write_atomically(memory, json.dumps(entries, indent=1).encode())
    return hashes


def _remembered(memory: Path) -> dict[str, dict[str, Any]]:
    """The entries that an earlier call wrote; none if the file is missing or damaged."""
    try:
        entries = json.loads(memory.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return {
        name: entry
        for name, entry in entries.items()
        if isinstance(entry, dict) and 'sha256' in entry
    }
