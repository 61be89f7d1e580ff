# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Masks and boxes of plain data to records of Molmo2-VideoPoint and Molmo2-VideoTrack.

inside.py        a pixel of a mask, near its centre
points.py        masks -> pointing records
tracks.py        masks -> tracking records
boxes.py         boxes -> masks, through a segmenter
expressions.py   words for objects, from their labels
upsample.py      rare counts more often
"""
