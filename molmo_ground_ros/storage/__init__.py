# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Holding things in memory and on disk. Knows nothing of what is held.

atomic.py       replaces a file completely or not at all
closing.py      base class of what is closed at the end of a `with` block
folder_lock.py  one run at a time in a folder of outputs
json_lines.py   entries of a long run on disk, so that an interrupted run goes on
lru.py          a cache that is bounded in bytes
"""
