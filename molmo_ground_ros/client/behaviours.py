# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""For trees of py_trees: `from molmo_ground_ros.client.behaviours import AskQuestion`."""

from molmo_ground_ros.ros.behaviours import AskQuestion, Condition, count_at_least, has_point

__all__ = ['AskQuestion', 'Condition', 'count_at_least', 'has_point']
