# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The machine that a model runs on: its GPU, memory, packages and device names."""
