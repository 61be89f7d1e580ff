# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Keeps a folder of outputs to one run at a time."""

from __future__ import annotations

import fcntl
import logging
from pathlib import Path
from typing import IO

# The run that writes to a folder locks this file in it. The file stays.
LOCK = '.lock'

_log = logging.getLogger(__name__)


class FolderInUse(OSError):
    """Another run holds the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(f"out '{folder}': another run is writing to this folder")


def lock(folder: Path) -> IO[bytes]:
    """Make the folder and lock it, until the file is closed or the process ends.

    Raises FolderInUse, OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / LOCK).open('ab')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        file.close()
        raise FolderInUse(folder) from err
    except OSError as err:
        # Some network file systems have no locks.
        _log.warning('%s cannot be locked (%s): let no other run write to it', folder, err)
    return file
