# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Damage small recordings of every kind, and read what is left.

`python -m tools.fuzz_recordings --count 100000` reads each case in a child process that may take
1 GiB more memory than it starts with, and a few seconds. A case is its number: the same one is the
same bytes. A case is bad if anything but an error of ours is raised, if it takes longer or more, or
if pictures of a bag are missing and no loss is told.

__main__.py  hands the cases to child processes, keeps what was done, prints the figures
child.py     reads cases within the limits
cases.py     a damaged copy of a sample, how it is read, and whether the outcome is a fault
damage.py    what is done to the bytes of a file
samples.py   a small sound recording of every kind, written by:
             bags.py, topics.py, videos.py, folders.py, lerobot.py
"""
