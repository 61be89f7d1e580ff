# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which sizes of its inputs a plan is built for.

Two profiles for the decoder, one for steps and one for reading a prompt: a step then has a kernel
of its own. They share their weights where neither fixes the number of tokens: of two layers of the
4B's sizes TensorRT-RTX 1.7 makes 412.8 MB with the two profiles below, 409.8 MB with either alone,
and 675.9 MB where the step's is fixed to one token (float16, SM86, capacity 4096).
"""

from __future__ import annotations

from molmo_ground_ros.backends.molmo2.config import Molmo2Config
from molmo_ground_ros.backends.molmo2.draft import LIMIT
from molmo_ground_ros.backends.molmo2.files import PARTS

Shape = tuple[int, ...]
Limits = dict[str, tuple[Shape, Shape, Shape]]
"""Least, usual and most of each input whose size may change."""

STEPS, READING = 0, 1  # the decoder's profiles
STEP = LIMIT + 1  # tokens: the last one and its guesses
DECODER, VISION = PARTS
# What kernels are timed for. A tile of the matrix units has 8 or 16 rows; not measured on a GPU.
_USUAL_STEP, _USUAL_READING = 8, 1024


def decoder_profiles(
    config: Molmo2Config, frame_tokens: int, capacity: int, frames: int
) -> list[Limits]:
    """Limits for a cache of `capacity` rows and clips of at most `frames` frames."""
    hidden = config.text.hidden
    step, rows = min(STEP, capacity), frames * frame_tokens
    return [
        _tokens(1, min(_USUAL_STEP, step), step) | {'features': ((1, hidden),) * 3},
        _tokens(1, min(_USUAL_READING, capacity), capacity)
        | {'features': ((1, hidden), (-(-rows // 2), hidden), (rows, hidden))},
    ]


def vision_profiles(config: Molmo2Config, frame_tokens: int, window: int) -> list[Limits]:
    """One frame a pass, as it is encoded when it arrives; window: patches that a token pools."""
    vision = config.vision
    return [
        {
            'patches': ((1, vision.positions, vision.patch_values),) * 3,
            'pooling': ((frame_tokens, window),) * 3,
        }
    ]


def told(profiles: list[Limits]) -> str:
    """The profiles in words, for the key of a plan."""
    return ' | '.join(
        ', '.join(
            f'{name} {" ".join("x".join(map(str, shape)) for shape in shapes)}'
            for name, shapes in sorted(limits.items())
        )
        for limits in profiles
    )


def _tokens(least: int, usual: int, most: int) -> Limits:
    several = dict.fromkeys(('ids', 'slots', 'visual'), ((1, least), (1, usual), (1, most)))
    return {**several, 'wanted': ((1,), (1,), (min(STEP, most),))}
