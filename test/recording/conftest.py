# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small sound recording of every kind, by name; not to be changed."""
    from tools.fuzz_recordings.samples import (
        write_samples,
    )  # needs rosbags and mcap, without which its users are skipped

    written = write_samples(tmp_path_factory.mktemp('samples'))
    return {path.name: path for path in written}
