# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The sizes of its inputs that a plan is built for, called profiles.

The decoder has two profiles, one for steps and one for reading a prompt, so that each gets kernels
of its own. The two share their weights only if neither fixes the number of tokens. Measured with
two layers of the 4B's sizes (TensorRT-RTX 1.7, float16, SM86, capacity 4096): 412.8 MB with the two
profiles below, 409.8 MB with either of them alone, and 675.9 MB if the step's profile is fixed to
one token.
"""

from __future__ import annotations

from molmo_ground_ros.backends.molmo2.config import Molmo2Config
from molmo_ground_ros.backends.molmo2.draft import LIMIT
from molmo_ground_ros.backends.molmo2.files import PARTS
from molmo_ground_ros.backends.molmo2.memory import frames_of_pass

Shape = tuple[int, ...]
Limits = dict[str, tuple[Shape, Shape, Shape]]
"""The smallest, usual and largest shape of each input whose size may change, by name."""

# The numbers of the decoder's profiles.
STEPS, READING = 0, 1
# The numbers of the vision tower's profiles: one frame, as frames arrive, and several.
ONE_FRAME, SEVERAL_FRAMES = 0, 1
# The most tokens of a step: the last chosen token and the guesses after it.
STEP = LIMIT + 1
DECODER, VISION = PARTS
# Tokens of the usual shapes, for which TensorRT times its kernels. A tile of the GPU's matrix units
# has 8 or 16 rows. Other values have not been measured.
_USUAL_STEP, _USUAL_READING = 8, 1024


def decoder_profiles(
    config: Molmo2Config, frame_tokens: int, capacity: int, frames: int
) -> list[Limits]:
    """The profiles STEPS and READING for a cache of `capacity` rows and at most `frames` frames.

    frame_tokens: features of one frame, which are also its visual tokens.
    """
    hidden = config.text.hidden
    step, rows = min(STEP, capacity), frames * frame_tokens
    return [
        _tokens(1, min(_USUAL_STEP, step), step) | {'features': ((1, hidden),) * 3},
        _tokens(1, min(_USUAL_READING, capacity), capacity)
        | {'features': ((1, hidden), (-(-rows // 2), hidden), (rows, hidden))},
    ]


def vision_profiles(config: Molmo2Config, frame_tokens: int, window: int) -> list[Limits]:
    """The profiles ONE_FRAME and SEVERAL_FRAMES. window: patches that each token pools.

    The second is for frames that a question finds not encoded yet. Of four layers of the released
    towers' sizes, float16, SM86, a plan has 231.6 MiB with both, 229.1 MiB with the first alone
    (TensorRT-RTX 1.7.1, 2026-11-27).
    """
    vision, most = config.vision, frames_of_pass(config.vision, gpu=True)

    def limits(least: int, usual: int, most: int) -> Limits:
        least_shape, usual_shape, most_shape = (
            (frames, vision.positions, vision.patch_values) for frames in (least, usual, most)
        )
        return {
            'patches': (least_shape, usual_shape, most_shape),
            'pooling': ((frame_tokens, window),) * 3,
        }

    return [limits(1, 1, 1), limits(1, most, most)]


def describe_profiles(profiles: list[Limits]) -> str:
    """The profiles in words, for a plan's recipe."""
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
