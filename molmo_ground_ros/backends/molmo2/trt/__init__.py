# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TensorRT: which one is installed, graphs to plans, plans kept on disk, plans run on a GPU."""
