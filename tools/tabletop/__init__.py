# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tabletop: a simulated world whose every frame and event is known, and its model."""
