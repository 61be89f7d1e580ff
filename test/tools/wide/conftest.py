# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What several tests of the wider tabletop need."""

from collections.abc import Iterator

import pytest

from tools.wide_tabletop.render import RendererMissingError, Stage


@pytest.fixture(scope='session')
def wide_stage() -> Iterator[Stage]:
    """A renderer of training pictures, or a skip that says what to install."""
    try:
        stage = Stage(168, 168)
    except RendererMissingError as err:
        pytest.skip(str(err))
    yield stage
    stage.close()
