# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""For `molmo-ground mcp --node`: a running node as agents ask it."""

from molmo_ground_ros.ros.agent_source import NodeSource

__all__ = ['NodeSource']
