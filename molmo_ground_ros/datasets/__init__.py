# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks and training data in the formats of the field, read from local folders."""

from molmo_ground_ros.datasets.annotated import example_of
from molmo_ground_ros.datasets.formats import ANNOTATED, FORMATS, read, read_annotated
from molmo_ground_ros.datasets.write import write

__all__ = ['ANNOTATED', 'FORMATS', 'example_of', 'read', 'read_annotated', 'write']
