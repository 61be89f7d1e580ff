# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is kept in memory and on disk: a bounded cache, whole files, JSON Lines, folder locks."""
