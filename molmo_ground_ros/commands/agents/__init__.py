# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `molmo-ground mcp` serves to agents.

    source    what a server asks: a running node, or recordings
    folders   the folders that recordings may lie in, and no others
    recorded  recordings as a source
    server    the tools of the Model Context Protocol; the only file that imports mcp

A running node as a source is `client/agents.py`, which the command loads by its name: this room
knows no ROS.
"""
