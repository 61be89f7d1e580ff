# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tiny checkpoints of both norm styles, and the reference backend on each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.molmo2_styles import STYLES


@pytest.fixture(scope='session')
def folders(make_checkpoint) -> dict[str, Path]:
    """One checkpoint a style."""
    return {
        style: make_checkpoint(nested=False, seed=seed, text=text)
        for seed, (style, text) in enumerate(STYLES.items(), start=3)
    }


@pytest.fixture(scope='session')
def exported(folders, tmp_path_factory) -> dict[str, Path]:
    """Copies with float32 graphs beside the weights; torch may know them already. Read only."""
    from molmo_ground_ros.backends.molmo2.export import export_graphs

    copies = {}
    for style, folder in folders.items():
        copies[style] = shutil.copytree(folder, tmp_path_factory.mktemp('exported') / 'm')
        export_graphs(str(folder), copies[style])
    return copies
