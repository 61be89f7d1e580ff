# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks and training data in the formats of the field, read from local folders."""

from molmo_ground_ros.datasets.formats import FORMATS, read

__all__ = ['FORMATS', 'read']
