# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rehearses all that a user does with a released model, on a random one of the same size."""
