# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`make soak`: hours of questions, cancels, kills and camera faults in minutes, on one node.

__main__.py   runs it, and prints one line of JSON
askers.py     clients that ask and cancel at random, and check that each answer is their own
trouble.py    cameras that drop out and loop, and a model's process that is killed
events.py     what standing questions publish meanwhile
meter.py      memory, threads and files of the node, and what it leaves behind
"""
