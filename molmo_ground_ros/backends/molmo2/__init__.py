# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Molmo2 as one graph of our own, and the runtimes that run it."""
