# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The clips and questions that are measured, from the images of the shipped bag, 640x480."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from molmo_ground_ros.frames.image import decode
from molmo_ground_ros.recording import open_recording
from molmo_ground_ros.types import Clip, Frame

ROOT = Path(__file__).resolve().parents[1]
BAG = ROOT / 'examples' / 'tabletop.mcap'
FRAMES = 64
PERIOD_S = 0.5  # between the labels of a clip
COUNTS = tuple(
    f'How many times was the {name} grasped?'
    for name in ('red block', 'purple ball', 'white dog', 'white cup')
)
TRACKS = ('Track the red block.', 'Track the white dog.')
DEMO_QUESTION = 'how many times was the red block grasped?'  # of tools/demo.py
_TRACK_STARTS_S = (0.0, 4.0, 8.0, 12.0)
_TRACK_LENGTH_S = 10.0


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that is shown to a model."""

    frames: int  # of a window
    windows: tuple[Clip, ...]  # each slid by one frame from the one before
    tracked: tuple[Clip, ...]  # as the node would cut them

    def fresh(self, number: int) -> Clip:
        """The first window with images that no side has been shown before."""
        return fresh(self.windows[0], number)


def read_inputs(frames: int, slides: int, tracked: int) -> Inputs:
    """Cut the bag into `slides` + 1 windows of so many frames, and clips to track on.

    The bag holds 241 images of 24 s. A window's images are taken evenly from it and labelled
    every half second, as if it had been played slower: 64 frames at 2 fps would take 32 s.
    """
    with open_recording(BAG) as recording:
        messages = list(recording.messages())
        clips = tuple(
            recording.clip_of_seconds(start, start + _TRACK_LENGTH_S)
            for start in _TRACK_STARTS_S[:tracked]
        )
    count = frames + slides
    chosen = [messages[i * (len(messages) - 1) // (count - 1)] for i in range(count)]
    frames_read = [Frame(item.stamp_ns, decode(item.image), item.frame_id) for item in chosen]
    for frame in frames_read:
        # A clip's images are read-only.
        frame.image.flags.writeable = False
    windows = tuple(_clip(frames_read[i : i + frames]) for i in range(slides + 1))
    return Inputs(frames, windows, clips)


def fresh(clip: Clip, number: int) -> Clip:
    """The clip with copies of its images in which a corner is changed, so that no cache has them.

    number: 0 to 254; another number gives other images. The corner is large enough to be seen in
    what a model reads of 640x480: a single value would be passed over.
    """
    frames = []
    for frame in clip.frames:
        image = frame.image.copy()
        image[:8, :8, 0] ^= 1 + number
        image.flags.writeable = False
        frames.append(replace(frame, image=image))
    return replace(clip, frames=tuple(frames))


def _clip(frames: Sequence[Frame]) -> Clip:
    seconds = tuple(PERIOD_S * i for i in range(len(frames)))
    first, last = frames[0].stamp_ns, frames[-1].stamp_ns
    return Clip('camera', tuple(frames), seconds, first, last, len(frames))
