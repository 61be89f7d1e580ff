# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The runtimes of MolmoPoint's heads, a file each, imported when chosen."""
