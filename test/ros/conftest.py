# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes the `start` fixture known to the tests of this folder."""

from support.world import start  # noqa: F401 - a fixture
