# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`make faults`: does to the running node what a robot's day does, and looks what comes of it.

The node runs in a process of its own, the client in another, over DDS on loopback.

fault.py           one fault, what the node does about it, and the row that came of it
table.py           all faults, in the order of the rows
harness.py         runs faults one after the other, each on a node that is well
trial.py           what a fault has in hand: the node, a camera, a planner, and what it found
node_process.py    the node: its settings, its process, its log
planner.py         the client: asks, cancels, changes parameters and states, hears diagnostics
camera.py          a camera that the harness controls
scripted_node.py   what the node's process runs: the real node with a scripted model
scripted_model.py  the model: does what a question or a file says, and else answers right
report.py          rows for people, and the table of docs/faults.md

of_*.py            the faults, by kind
"""
