# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Masks and boxes of plain data to records of Molmo2-VideoPoint and Molmo2-VideoTrack."""
