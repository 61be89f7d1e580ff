# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measures answers against a data set: asks a backend or reads what was said, scores, shows.

values.py       what is asked, heard and found
predictions.py  ready answers from a file
predict.py      asks a backend, keeps what it said, goes on after an interrupt
"""
