# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All sources as parameters of a test, of which most are slow."""

import pytest

from molmo_ground_ros.benchmarks.datasets.sources import SOURCES

# One source for each of the eight layouts, and those whose rules differ most. `make sources` and
# the slow tests take all.
FAST = (
    *('coco', 'davis', 'vipseg', 'sa-v', 'reasonvos', 'mevis', 'burst', 'got10k', 'lasot'),
    *('mot20', 'bft', 'seadronessee', 'personpath22', 'moca'),
)
EACH_SOURCE = [
    name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in SOURCES
]
