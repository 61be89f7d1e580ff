# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns annotated videos into training records of Molmo2-VideoPoint and Molmo2-VideoTrack.

mask_points.py   points inside a mask: the central one, and random ones
points.py        masks to pointing records
tracks.py        masks to tracking records
boxes.py         boxes to masks, with a segmenter
expressions.py   the tracks that an expression refers to
upsample.py      repeats records with many points
"""
