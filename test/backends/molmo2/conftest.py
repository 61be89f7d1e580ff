# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tiny checkpoints of both norm styles, and the reference backend on each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from molmo2_styles import STYLES


@pytest.fixture(scope='session')
def folders(make_checkpoint) -> dict[str, Path]:
    """One checkpoint a style."""
    return {
        style: make_checkpoint(nested=False, seed=seed, text=text)
        for seed, (style, text) in enumerate(STYLES.items(), start=3)
    }


@pytest.fixture(scope='session')
def with_graphs(folders, tmp_path_factory) -> Path:
    """A checkpoint with its float32 graphs. Read only: copy it to change it."""
    for package in ('onnxscript', 'torch'):
        pytest.importorskip(package, reason="needs pip install '.[export]'")
    from molmo_ground_ros.backends.molmo2.export import export_graphs

    folder = shutil.copytree(folders['qwen3'], tmp_path_factory.mktemp('graphs') / 'm')
    export_graphs(str(folder), folder)
    return folder
