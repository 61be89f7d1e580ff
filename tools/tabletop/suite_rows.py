# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A filmed clip's truth to rows of VideoCountEval, VideoPointEval and VideoTrackEval.

Points are pixels, frame k of a mask is at k / 2 s, and a point counts within 1.5 s of its moment,
as in the hub's data (see `formats`). The clip's frames are 0.5 s apart. Points and tracks are asked
for by their label alone, in the readers' own wordings.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.frames.masks import mask_of
from tools.tabletop.footage import Footage
from tools.tabletop.formats import FPS, Record
from tools.tabletop.questions.clip import THE_GRIPPER, Clip, Spot
from tools.tabletop.questions.draw import Asked
from tools.tabletop.questions.referents import Referent
from tools.tabletop.truth import CELL_GRIPPER
from tools.tabletop.world import HEIGHT, WIDTH

SOURCE = 'tabletop'  # in the columns that say where a video is from
REACH = 3  # frames: a point counts up to 1.5 s before and after its moment
FEWEST = 40  # pixels of a mask: less is not seen
NEAR = 0.04 * WIDTH  # pixels about the point of a thing that its frame does not show

Mask = NDArray[np.bool_]


def count_row(name: str, footage: Footage, asked: Asked) -> Record:
    """How many there are; the question is worded by the grammar."""
    return _video(name, footage) | {
        'clip_start': None,
        'clip_end': None,
        'category': asked.category,
        'label': asked.category,
        'question': asked.question,
        'count': len(asked.spots),
    }


def point_row(name: str, footage: Footage, referent: Referent) -> Record:
    """Point to all that a phrase means."""
    moments = sorted(
        (_moment(footage, spot) for spot in referent.spots), key=lambda moment: moment[0]
    )
    return _video(name, footage) | {
        'width': WIDTH,
        'height': HEIGHT,
        'category': referent.category,
        'label': referent.label,
        'two_fps_timestamps': [at / FPS for at, _ in moments],
        'points': [dict(zip('xy', centre(masks[at]), strict=True)) for at, masks in moments],
        'masks': [
            [{'frame_id': k, 'rle': mask_of(mask).rle()} for k, mask in masks.items()]
            for _, masks in moments
        ],
    }


def track_row(name: str, footage: Footage, clip: Clip, referent: Referent) -> Record:
    """Follow one thing or several through every frame that shows them."""
    masks = {n: [_seen(footage, k, n) for k in range(clip.frames)] for n in referent.things}
    followed = {
        _identity(n): found for n, found in masks.items() if any(m is not None for m in found)
    }
    several = 'several things' if len(referent.things) > 1 else 'one thing'
    return {
        'id': f'{name}_{referent.label}',
        'video': name,
        'clip': name,
        'fps': FPS,
        'start_frame': 0,
        'end_frame': clip.frames - 1,
        'video_dataset': f'{SOURCE}, {several}',  # a row each in the results
        'exp': referent.label,
        'w': WIDTH,
        'h': HEIGHT,
        'mask_id': list(followed),
        'points': [
            {'object_id': identity, 'points': [None if m is None else list(centre(m)) for m in of]}
            for identity, of in followed.items()
        ],
        'masks': [
            {'object_id': identity, 'masks': [None if m is None else mask_of(m).rle() for m in of]}
            for identity, of in followed.items()
        ],
    }


def centre(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """The middle (x, y) of the true pixel that is nearest to the mean of all. mask: (H, W)."""
    rows, columns = np.nonzero(mask)
    away = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
    nearest = int(away.argmin())
    return float(columns[nearest]) + 0.5, float(rows[nearest]) + 0.5


def _video(name: str, footage: Footage) -> dict[str, Any]:
    return {
        'video_id': name,
        'video_source': SOURCE,
        'video_duration': len(footage.jpegs) / FPS,
    }


def _identity(thing: int) -> str:
    return 'gripper' if thing == THE_GRIPPER else str(thing)


def _seen(footage: Footage, frame: int, thing: int) -> Mask | None:
    mask = footage.mask(frame, CELL_GRIPPER if thing == THE_GRIPPER else thing)
    return mask if np.count_nonzero(mask) >= FEWEST else None


def _moment(footage: Footage, spot: Spot) -> tuple[int, dict[int, Mask]]:
    """A spot's frame, and the masks of its thing in that frame and in those around it.

    Where the spot's own frame does not show the thing, the pixels near the spot stand for it.
    """
    near: Sequence[int] = range(
        max(spot.frame - REACH, 0), min(spot.frame + REACH + 1, len(footage.jpegs))
    )
    masks = {k: mask for k in near if (mask := _seen(footage, k, spot.thing)) is not None}
    if spot.frame not in masks:
        masks[spot.frame] = _about(spot)
    return spot.frame, masks


def _about(spot: Spot) -> Mask:
    """The pixels NEAR a spot."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    away: Mask = np.hypot(columns + 0.5 - spot.x * WIDTH, rows + 0.5 - spot.y * HEIGHT) <= NEAR
    return away
