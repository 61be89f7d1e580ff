# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measures answers: data sets, metrics, scoring, conversions, and feedback of persons."""
