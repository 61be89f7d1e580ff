# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`make try-recordings`: asks the shipped model about recordings as other programs write them.

Each recording shows the example bag's scene. A trial asks `molmo-ground analyze` how often the red
block was grasped, and compares the answer with what was simulated, and every stamp and some images
with what was written.

__main__.py  makes the recordings, tries them, prints a table
film.py      the scene: its images, times and truth
writers.py   a ROS 1 bag, an mp4 with B-frames and rotation, an AV1 mp4, a protobuf MCAP
lerobot.py   a data set of lerobot, which runs in an environment of its own
trial.py     one recording asked and compared
"""
