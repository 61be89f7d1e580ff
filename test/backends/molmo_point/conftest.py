# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tiny checkpoints of `support.molmo_point_cases`, and our backends on them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.molmo_point import write_checkpoint
from support.molmo_point_cases import CASES

from molmo_ground_ros.backends import BackendSettings, load


@pytest.fixture(scope='session')
def point_folders(tmp_path_factory) -> dict[str, Path]:
    """A folder for each of CASES. Read only: copy one to change it."""
    return {
        name: write_checkpoint(tmp_path_factory.mktemp('molmo_point'), case.tiny)
        for name, case in CASES.items()
    }


@pytest.fixture
def load_point(point_folders):
    """Load a case's checkpoint with a backend."""

    def loaded(name, backend, **settings):
        folder = str(point_folders[name])
        return load(backend, BackendSettings(folder, device='cpu', threads=1, **settings))

    return loaded
