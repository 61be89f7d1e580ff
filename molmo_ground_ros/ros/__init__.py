# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 shell: the only place that imports rclpy and message types."""
