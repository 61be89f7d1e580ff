# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""For tools that still ask for a setup.py. Everything is stated in pyproject.toml."""

from setuptools import setup

setup()
