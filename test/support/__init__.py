# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Helpers that tests of several rooms share: recordings, clips, records and doubles."""
