# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The prompts of the reference's evaluation. Source: molmo2 f3cb108."""

from __future__ import annotations

import numpy as np

# olmo/preprocessing/data_formatter.py:556-571. The model was trained and is evaluated with these
# words, so their mistakes stay.
_TRACK = (
    'Track {label} in {fps} FPS.',
    'Track {label} at {fps} FPS',
    'Track the {label} in {fps} FPS',
    (
        "Track all instances of '{label}' in this video, sampling at {fps} frames per second. "
        'Show the position coordinates at each timestamp.'
    ),
    (
        'Follow the {label} throughout this video. Sample positions at {fps} FPS and mark '
        'each with coordinates.'
    ),
    (
        'Identify and track each {label} in this video clip. Sample at {fps} frames per '
        'second and provide point coordinates.'
    ),
    (
        'Monitor the movement of all {label} in this video. Sample at {fps} FPS and output '
        'their positions as coordinates.'
    ),
    (
        'For each {label} in the video, track its position throughout the clip sampling at '
        '{fps} FPS. Return coordinates at each sampled frame.'
    ),
    (
        "Track all instances of '{label}' in this video, sampling at {fps} frames per second. "
        'Show the position coordinates at each timestamp, given as <track coords="t id x '
        'y">label</tracks>.'
    ),
    (
        'For each {label} in the video, track its position throughout the clip sampling at '
        '{fps} FPS. Return coordinates at each sampled frame, given as <track coords="t id x '
        'y">label</tracks>.'
    ),
)


def count(label: str) -> str:
    """The prompt for pointing and counting in a video (olmo/data/molmo2_datasets.py:1108)."""
    return f'How many "{label}" are there in the video?'


def point_in_image(label: str) -> str:
    """The prompt for pointing in an image, the first of several (data_formatter.py:258)."""
    return f"Point to {label}\nPlease say 'There are none.' if it is not in the image."


def track(label: str, fps: int, index: int) -> str:
    """The prompt for tracking, one of ten.

    index: of the example in its data set, from 0. It is the seed with which the reference draws the
    prompt, and that is its first draw (olmo/data/dataset.py:68-80, olmo/data/utils.py:213-215,
    data_formatter.py:1476).
    """
    drawn = np.random.MT19937(np.random.SeedSequence(index, spawn_key=(0,)))
    number = np.random.RandomState(drawn).randint(0, len(_TRACK))
    return _TRACK[number].replace('{fps}', str(fps)).replace('{label}', label)
