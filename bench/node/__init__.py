# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node under load, beside a plain node: `make bench-node`.

__main__.py  runs it all and prints the figures
camera.py    the cameras: a process that publishes images
film.py      their pictures, and what decoding their video gives
ours.py      our node, with its callbacks timed
plain.py     a plain rclpy node that decodes every image
asker.py     asks our node questions
usage.py     time of processors and memory of a process
"""
