# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Loads the frames of one window that sampling picks, from a buffer or a recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from molmo_ground_ros.errors import ImageError, NoFrames
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.frames.windows import sample
from molmo_ground_ros.types import Clip, Frame


def sampled_clip(
    camera: str,
    stamps: Sequence[int],
    load: Callable[[int], Frame],
    span_ns: tuple[int, int],
    anchor_ns: int,
    failed: dict[int, ImageError],
    tracks: TrackRule | None = None,
) -> Clip:
    """Load the frames of a window that sampling picks, and no others.

    stamps: of the images in the window, ns, strictly ascending.
    failed: takes the ImageErrors that `load` raises, by stamp. Sampling goes on without such an
    image: its neighbour takes its place (within 0.25 s of the grid time), or the grid time is left
    out. tracks: how frames for tracks are sampled; None as for every other question.
    Raises NoFrames, naming the last ImageError, if no image is left.
    """
    frames: dict[int, Frame] = {}  # by stamp
    usable = list(stamps)
    track_hz = tracks.rate(usable) if tracks else 0
    while True:
        samples, expected = sample(usable, *span_ns, anchor_ns, track_hz)
        chosen = [usable[entry.index] for entry in samples]
        for stamp_ns in chosen:
            if stamp_ns not in frames:
                _load(stamp_ns, load, frames, failed)
        if failed.keys().isdisjoint(chosen):
            break
        usable = [stamp_ns for stamp_ns in usable if stamp_ns not in failed]
    if not samples:
        why = f'none of {len(failed)} could be decoded; the last one: {list(failed.values())[-1]}'
        raise NoFrames(camera, why)
    return Clip(
        camera=camera,
        frames=tuple(frames[stamp_ns] for stamp_ns in chosen),
        seconds=tuple(entry.seconds for entry in samples),
        start_ns=span_ns[0],
        end_ns=span_ns[1],
        frames_expected=expected,
    )


def _load(
    stamp_ns: int,
    load: Callable[[int], Frame],
    frames: dict[int, Frame],
    failed: dict[int, ImageError],
) -> None:
    """Put the frame of a stamp into `frames`, or why there is none into `failed`."""
    try:
        frame = load(stamp_ns)
    except ImageError as err:
        failed[stamp_ns] = err
        return
    # Several readers may hold the image, and caches know an image by its identity.
    frame.image.flags.writeable = False
    frames[stamp_ns] = frame
