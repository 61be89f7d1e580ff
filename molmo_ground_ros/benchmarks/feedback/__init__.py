# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns the labels that people give to answers into training data.

labels.py          checks one labelled record
training_data.py   labelled answers to records of Molmo2-VideoPoint and Molmo2-VideoTrack
clip_videos.py     the videos of those records, cut out of a recording
clip_masks.py      masks for their points, with a segmenter
"""
