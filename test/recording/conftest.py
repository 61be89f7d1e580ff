# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small sound recording of every kind, by name; not to be changed."""
    from tools import fuzz_samples  # needs rosbags and mcap, without which its users are skipped

    written = fuzz_samples.write_samples(tmp_path_factory.mktemp('samples'))
    return {path.name: path for path in written}
