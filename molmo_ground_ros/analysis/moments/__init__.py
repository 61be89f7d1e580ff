# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The answers about many recordings in one SQLite file, and the moments that are looked up there.

database.py   the file: its tables, its transactions, its errors
identity.py   which recording a path holds, by its content
answers.py    the answers of the model, so that nothing is asked twice
places.py     which recording lies at which path
asking.py     asks windows here or on Ray, and stores each answer
writing.py    what was merged of a recording: its moments, with their thumbnails
indexing.py   asks about all recordings below a folder
lookup.py     moments by words, time, camera and recording
"""
