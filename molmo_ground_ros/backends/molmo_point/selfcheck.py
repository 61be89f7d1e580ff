# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks on a fixed clip that a runtime of MolmoPoint computes the same as the reference.

As `molmo2.selfcheck`, whose clip and questions it reads: frames alone and together, the prompt in
one pass, then a patch, a subpatch, a location and a word, then another question on the same frames.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures
from molmo_ground_ros.backends.molmo2.selfcheck import (
    QUESTIONS,
    SECONDS,
    SelfCheck,
    clip_image,
    video_of,
)
from molmo_ground_ros.backends.molmo_point.checkpoint import MolmoPointCheckpoint
from molmo_ground_ros.backends.molmo_point.heads import HeadsReading, HeadsRuntime, PointFeatures
from molmo_ground_ros.backends.pixels import frame_patches
from molmo_ground_ros.errors import BackendError, BadEngine

_LOGITS = 'logits'


def check_heads(
    checkpoint: MolmoPointCheckpoint,
    runtime: HeadsRuntime,
    reference: HeadsRuntime,
    tolerance: float,
) -> SelfCheck:
    """Compare all that the heads give with the reference's. Both caches are overwritten.

    tolerance: in standard deviations of what the reference gives, for logits, queries, locations
    and keys each of its own. Raises BadEngine with the largest difference and its place, also for a
    number that is not finite, and BackendError if a runtime fails.
    """
    ours, theirs = (dict(_outputs(checkpoint, heads)) for heads in (runtime, reference))
    if not all(np.isfinite(values).all() for values in theirs.values()):
        raise BackendError('self-check: the reference gave a number that is not finite')
    apart = {place: _apart(ours[place], values) for place, values in theirs.items()}
    where = max(apart, key=lambda place: apart[place])
    place, name = where
    if not apart[where] <= tolerance:
        raise BadEngine(
            checkpoint.model,
            f'self-check: {name} differ from the reference by {apart[where]:.3g} standard '
            f'deviations, {tolerance:g} are allowed: {place}',
        )
    rows = [key for key in theirs if key[1] == _LOGITS]
    same = sum(ours[row].argmax() == theirs[row].argmax() for row in rows)
    return SelfCheck(apart[where], f'{place}, {name}', tolerance, len(rows), int(same))


def _apart(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> float:
    """The largest difference, in standard deviations; infinite for a number that is not finite."""
    if ours.shape != theirs.shape or not np.isfinite(ours).all():
        return float('inf')
    scale = max(float(theirs.std()), float(np.finfo(np.float32).tiny))
    return float(np.abs(ours - theirs).max()) / scale


def _outputs(
    checkpoint: MolmoPointCheckpoint, heads: HeadsRuntime
) -> Iterator[tuple[tuple[str, str], NDArray[np.float32]]]:
    """What a runtime gives, by pass and kind."""
    point, patch = checkpoint.point, checkpoint.prompts.patch
    first, second = (checkpoint.prompts.encode(SECONDS, question) for question in QUESTIONS)
    frames = _frames(checkpoint, heads)
    video = video_of(first, patch, [frame.pooled for frame in frames])
    yield from _named('the prompt', heads.read(first.ids, 0, video))
    subpatches = heads.subpatches(frames[1].windows[0])
    yield ('a lookup', 'keys of subpatches'), subpatches.keys
    end = len(first.ids)
    # For each token after the prompt its slot, and the row that is added or put in its place.
    passes = {
        'a patch': (point.patch_token, 1, frames[1].pooled[:1]),
        'a subpatch': (point.subpatch_token, -1, subpatches.embeddings[1:2]),
        'a location': (point.location_token, 0, None),
        'a word': (first.ids[-1], 0, None),
    }
    for step, (name, (token, slot, row)) in enumerate(passes.items()):
        features = None if row is None else VideoFeatures([0], [slot], [row])
        yield from _named(name, heads.read([token], end + step, features))
    video_end = 1 + max(i for i, is_visual in enumerate(second.visual) if is_visual)
    reading = heads.read(second.ids[video_end:], video_end, None)
    yield from _named('the second question', reading)


def _frames(checkpoint: MolmoPointCheckpoint, heads: HeadsRuntime) -> list[PointFeatures]:
    """The clip's frames: the first alone, as a frame is that arrives, and the others together."""
    patches = [frame_patches(clip_image(i), checkpoint.pixels) for i in range(len(SECONDS))]
    frames = heads.encode(patches[:1])
    for at in range(1, len(patches), heads.batch):
        frames += heads.encode(patches[at : at + heads.batch])
    return frames


def _named(
    place: str, reading: HeadsReading
) -> Iterator[tuple[tuple[str, str], NDArray[np.float32]]]:
    yield (place, _LOGITS), reading.logits
    yield (place, 'queries of patches'), reading.patch_query
    yield (place, 'queries of subpatches'), reading.subpatch_query
    yield (place, 'logits of locations'), reading.locations
    yield (place, 'keys of tokens'), reading.keys
