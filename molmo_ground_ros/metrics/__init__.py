# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a prediction is worth: numbers from counts, points, tracks and masks. Reads no file.

    counting.py   an answer's count against the true one
    inside.py     which points lie in which masks
    assign.py     which prediction stands for which object
    pointing.py   points in videos and pictures
    tracking.py   points that follow objects
    hota.py       HOTA and its parts, as TrackEval computes them
    regions.py    J and F of masks, as DAVIS computes them
    bootstrap.py  how far a mean may be off
    summary.py    all examples to the rows of a table

Where the reference (molmo2 f3cb108) has a quirk, `parity=True` follows it and the default does what
is right; each function says how they differ. The default needs scipy no less than parity does.
"""
