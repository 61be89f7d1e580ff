# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scores one prediction against the truth: counts, points, tracks and masks. Reads no file.

    counting.py          the count an answer states, against the true one
    points_in_masks.py   which points lie in which masks
    assign.py            which prediction is paired with which object
    pointing.py          scores of points in videos and images
    tracking.py          scores of points that follow objects
    hota.py              HOTA and its parts, as TrackEval computes them
    regions.py           J and F of masks, as DAVIS computes them
    bootstrap.py         the confidence interval of a mean
    summary.py           the scores of all examples as rows of a table

The reference (molmo2 f3cb108) has quirks. With `parity=True` a function follows them; by default it
does what is right. Each docstring says how the two differ. Both need scipy.
"""
