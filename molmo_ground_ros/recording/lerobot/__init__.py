# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""LeRobot data sets (v2.0, v2.1, v3.0) as recordings: each camera of each episode is a camera.

dataset.py      what the folder meta/ says: episodes, cameras, and the files that hold them
choice.py       the cameras that a person names by episodes and features
episodes.py     the sources of a data set
times.py        the times of the frames of its episodes
videos.py       a video of one or many episodes
images.py       a Parquet file with the pictures of one or many episodes
tables.py       columns of Parquet files
notes.py        events, subtask spans and traces, frame by frame
forms.py        the same as columns, in the forms that lerobot reads
copy.py         a copy of a data set with them
"""
