# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A clip and a question to an answer, and the worker that answers questions one by one."""
