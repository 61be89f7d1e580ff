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
IN_USE = 'another run is writing to this folder'

_log = logging.getLogger(__name__)


def lock(folder: Path) -> IO[bytes]:
    """Make the folder and lock it, until the file is closed or the process ends.

    Raises BlockingIOError where another run holds it, and other OSErrors.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / LOCK).open('ab')
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise
    except OSError as err:
        # Some network file systems have no locks.
        _log.warning('%s cannot be locked (%s): let no other run write to it', folder, err)
    return file
