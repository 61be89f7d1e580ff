# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('mcap', reason='needs mcap: see requirements/dev.txt')

from tools import fuzz_bags


@pytest.fixture(scope='session')
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small sound recording of every kind, by name; not to be changed."""
    written = fuzz_bags.write_samples(tmp_path_factory.mktemp('samples'))
    return {path.name: path for path in written}
