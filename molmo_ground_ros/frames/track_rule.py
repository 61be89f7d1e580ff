# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The rate at which frames are sampled for tracks: higher than for other questions.

Molmo2 is trained and evaluated on tracks with frames from the first on, at the highest rate that is
a multiple of the rate it is asked for, at most 10 a second, divides the video's rate, and fits the
clip into the model's frames; no newest frame is added (molmo2 f3cb108,
olmo/data/academic_video_track_datasets.py:211-223,527-532 and olmo/data/video_loader.py:60-104).
A camera has no rate that could be divided, so what counts is how much of the grid its frames fill.
Knows nothing of images or models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from molmo_ground_ros.frames.windows import MAX_FRAMES, SAMPLE_PERIOD_NS

# The rate that tracks are asked for: see `language.prompts`.
ASKED_HZ = 1_000_000_000 // SAMPLE_PERIOD_NS
# molmo2 f3cb108, olmo/data/academic_video_track_datasets.py:78. Labels of one decimal fit it.
MOST_TRACK_HZ = 10
# A camera delivers a rate if it fills this share of the grid that it could.
_FILLED = 0.9


@dataclass(frozen=True, slots=True)
class TrackRule:
    """How dense frames for tracks may be. `windows.sample` takes the rate."""

    most_hz: int = MOST_TRACK_HZ
    # The longest window has as many at 2 a second: tracks need no larger context than that.
    most_frames: int = MAX_FRAMES

    def rate(self, stamps_ns: Sequence[int]) -> int:
        """Times a second of the grid for a window with these stamps (ns, ascending).

        The highest multiple of 2 up to `most_hz` that the camera delivers and that gives no more
        than `most_frames` frames; 2 where there is none.
        """
        filled = {
            hz: len({round((stamp_ns - stamps_ns[0]) * hz / 1e9) for stamp_ns in stamps_ns})
            for hz in range(ASKED_HZ, min(self.most_hz, MOST_TRACK_HZ) + 1, ASKED_HZ)
        }
        steps = filled[ASKED_HZ] - 1
        fitting = [
            hz
            for hz, frames in filled.items()
            # Another anchor of the grid may give one more.
            if frames < self.most_frames and frames - 1 >= _FILLED * steps * hz / ASKED_HZ
        ]
        return max(fitting, default=ASKED_HZ)

    def step(self, fps: float, query_fps: float, frames: int) -> int:
        """The step between the frames that are shown of a video of constant rate.

        fps, frames: of the clip. query_fps: what the question asks for. A rate that is no whole
        number is cut off to one, as in the reference. If no rate fits, the lowest is taken, and the
        clip's end is to be cut off.
        """
        video, query_rate = int(fps), max(int(query_fps), 1)
        rates = [
            rate
            for rate in range(query_rate, min(video, self.most_hz) + 1, query_rate)
            if video % rate == 0
        ]
        steps = [max(int(fps / rate), 1) for rate in rates] or [max(int(fps / query_rate), 1)]
        fitting = (step for step in reversed(steps) if frames // step <= self.most_frames)
        return next(fitting, steps[0])
