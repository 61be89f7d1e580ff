# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pixels to places in metres: depth images, camera models and transforms. Knows no ROS."""
