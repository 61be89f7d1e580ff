# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`make planners`: all that planners and agents call, against the real node, model and recording.

table    the simulated table: the node in a process of its own, and the recording that is played
mission  a behaviour tree that places until the block was grasped three times
calls    the client, the shell, the program of the README
topics   what the node publishes for other packages
agents   the Model Context Protocol, by the client of its own SDK
row      one row of the table that is printed
"""
