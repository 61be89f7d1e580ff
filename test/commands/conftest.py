# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A clip to ask about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from molmo_ground_ros.types import Clip, Frame


@pytest.fixture
def make_clip() -> Callable[[], Clip]:
    """Make a clip of two grey frames."""

    def make() -> Clip:
        frames = tuple(Frame(i, np.full((48, 64, 3), 99, np.uint8)) for i in (0, 500_000_000))
        return Clip('cam', frames, (0.0, 0.5), 0, 500_000_000, 2)

    return make
