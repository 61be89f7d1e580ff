# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What tests of several files of recording/ read and compare."""

from __future__ import annotations

from pathlib import Path

from molmo_ground_ros.recording import LossKind, Recording

TENTHS = [i / 10 for i in range(31)]


def kinds(recording: Recording) -> set[LossKind]:
    """The kinds of its losses."""
    return {loss.kind for loss in recording.loss}


def storage_file(folder: Path) -> Path:
    """The only file of a bag's folder beside metadata.yaml."""
    (file,) = (path for path in folder.iterdir() if path.name != 'metadata.yaml')
    return file
