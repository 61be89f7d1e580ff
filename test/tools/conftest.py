# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What several tests of the tabletop need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='session')
def model_folder() -> Path:
    """The checkpoint that ships."""
    return ROOT / 'models' / 'tabletop'


@pytest.fixture(scope='session')
def bag_path() -> Path:
    """The bag that ships."""
    return ROOT / 'examples' / 'tabletop.mcap'


@pytest.fixture(scope='session')
def stage() -> Iterator[object]:
    """A renderer, or a skip that says what to install."""
    from tools.tabletop.render import RendererMissingError, Stage

    try:
        made = Stage()
        made.check()
    except RendererMissingError as err:
        pytest.skip(str(err))
    yield made
    made.close()
