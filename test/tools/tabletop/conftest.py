# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What several tests of the tabletop need."""

from collections.abc import Iterator

import pytest

from tools.tabletop.footage import camera_stage
from tools.tabletop.render import RendererMissingError, Stage


@pytest.fixture(scope='session')
def stage() -> Iterator[Stage]:
    """A renderer of training pictures, or a skip that says what to install."""
    try:
        stage = Stage(168, 168)
    except RendererMissingError as err:
        pytest.skip(str(err))
    yield stage
    stage.close()


@pytest.fixture(scope='session')
def camera() -> Iterator[Stage]:
    """A renderer of the camera's pictures, or a skip that says what to install."""
    try:
        stage = camera_stage()
    except RendererMissingError as err:
        pytest.skip(str(err))
    yield stage
    stage.close()
