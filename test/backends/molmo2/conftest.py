# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tiny checkpoints of both norm styles, and the reference backend on each."""

from __future__ import annotations

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
