# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes a virtual environment with ROS 2 and this package. Needs the standard library alone."""
