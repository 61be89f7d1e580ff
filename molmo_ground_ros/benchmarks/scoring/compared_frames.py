# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The frames on which masks are compared with the truth."""

from __future__ import annotations

import numpy as np

from molmo_ground_ros.benchmarks.datasets.examples import TrackTruth


def compared_frames(truth: TrackTruth) -> range:
    """The evenly spaced frames that the data annotates with masks.

    Some data has masks on every fifth frame only, and a frame without visible objects has none. So
    the least distance between two frames with masks is taken as the step. truth: with masks.
    """
    masked = np.array(sorted({frame for tracked in truth.objects for frame in tracked.masks}))
    step = int(np.diff(masked).min()) if len(masked) > 1 else 1
    return range(int(masked[0]) % step, truth.frames, step)
