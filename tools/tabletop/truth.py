# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A simulated clip's truth to rows of VideoCountEval, VideoPointEval and VideoTrackEval.

Columns, nesting and units are those of the hub's data (molmo2 f3cb108, in olmo/data:
molmo2_datasets.py:1035-1184 and molmo2_video_track_datasets.py:239-586): points are pixels, frame k
of a mask is at k / 2 s, and a point counts within 1.5 s of its moment. The clip's frames are 0.5 s
apart.

A question about points or tracks comes out as the readers word it, from the label alone: "How many
"grasp of the red block" are there in the video?", "Track the red block in 1 FPS.".
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.frames.masks import mask_of
from tools.tabletop.anomalies import Anomaly
from tools.tabletop.footage import Footage
from tools.tabletop.questions import ANY, GRASP_COUNT, noun
from tools.tabletop.world import COLOURS, HEIGHT, WIDTH

Record = dict[str, Any]

SOURCE = 'tabletop'  # in the columns that say where a video is from
FPS = 2
REACH = 3  # frames: a point counts up to 1.5 s before and after its moment
EVENT, OBJECT, ANOMALY = 'action_or_event', 'object', 'anomaly'  # categories
ARTEFACTS = 'visual artifacts'  # what anomalies are asked for as
FEWEST = 40  # pixels of a mask: less is not seen


def grasp_of(colour: int) -> str:
    """'grasp of the red block', or 'grasp of a block' for ANY."""
    return f'grasp of {"a" if colour == ANY else "the"} {noun(colour)}'


def count_rows(name: str, footage: Footage, colours: Iterable[int]) -> Iterator[Record]:
    """How often blocks of these colours were grasped, and how many blocks there are."""
    for colour in colours:
        number = len(_grasps(footage, colour))
        question = GRASP_COUNT[0].format(noun(colour))
        yield _count_row(name, footage, EVENT, grasp_of(colour), question, number)
    blocks = int(footage.clear.any(0).sum())
    yield _count_row(name, footage, OBJECT, 'block', 'How many blocks are there?', blocks)


def object_row(name: str, footage: Footage, colour: int) -> Record:
    """Point to a block, to all of them (ANY), or to one that is not there.

    Each at the first frame that shows it clearly.
    """
    seen = [c for c in np.flatnonzero(footage.clear.any(0)) if colour in (ANY, c)]
    spots = [(int(np.argmax(footage.clear[:, c])), int(c)) for c in seen]
    return _point_row(name, footage, OBJECT, noun(colour), spots)


def grasp_row(name: str, footage: Footage, colour: int) -> Record:
    """Point to every grasp of a block: where it is in the first frame at or after its lift."""
    return _point_row(name, footage, EVENT, grasp_of(colour), _grasps(footage, colour))


def anomaly_row(name: str, footage: Footage, anomaly: Anomaly) -> Record:
    """Point to what cannot be: where the block was, and where it is instead.

    A block that vanished counts where it was seen best, as long as the moment lasts.
    """
    near = _around(footage, anomaly.frame)
    seen = {k: _seen(footage, k, anomaly.colour) for k in near}
    frames = {k: mask for k, mask in seen.items() if mask is not None}
    if anomaly.kind == 'vanish':
        best = max(frames.values(), key=np.count_nonzero)
        frames |= {k: best for k in near if k >= anomaly.frame}
    row = _point_row(name, footage, ANOMALY, ARTEFACTS, [])
    return row | _objects([(anomaly.frame, frames)])


def track_row(name: str, footage: Footage, colour: int) -> Record:
    """Follow a block, or all that there are (ANY), in every frame."""
    there = [int(c) for c in np.flatnonzero(footage.present) if colour in (ANY, c)]
    masks = {c: [_seen(footage, k, c) for k in range(len(footage.times))] for c in there}
    followed = [c for c in there if any(mask is not None for mask in masks[c])]
    expression = noun(colour) + 's' * (colour == ANY)
    return {
        'id': f'{name}_{expression}',
        'video': name,
        'clip': name,
        'fps': FPS,
        'start_frame': 0,
        'end_frame': len(footage.times) - 1,
        'video_dataset': SOURCE if colour != ANY else f'{SOURCE}, all blocks',  # a row each
        'exp': expression,
        'w': WIDTH,
        'h': HEIGHT,
        'mask_id': [COLOURS[c] for c in followed],
        'points': [
            {
                'object_id': COLOURS[c],
                'points': [None if mask is None else list(centre(mask)) for mask in masks[c]],
            }
            for c in followed
        ],
        'masks': [
            {
                'object_id': COLOURS[c],
                'masks': [None if mask is None else mask_of(mask).rle() for mask in masks[c]],
            }
            for c in followed
        ],
    }


def centre(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """The middle (x, y) of the true pixel that is nearest to the mean of all. mask: (H, W)."""
    rows, columns = np.nonzero(mask)
    away = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
    nearest = int(away.argmin())
    return float(columns[nearest]) + 0.5, float(rows[nearest]) + 0.5


def _grasps(footage: Footage, colour: int) -> list[tuple[int, int]]:
    """(frame, colour) of each grasp."""
    return [
        (int(np.searchsorted(footage.times, lift - 1e-9)), c)
        for lift, c in footage.grasps
        if colour in (ANY, c)
    ]


def _around(footage: Footage, frame: int) -> range:
    return range(max(frame - REACH, 0), min(frame + REACH + 1, len(footage.times)))


def _seen(footage: Footage, frame: int, colour: int) -> NDArray[np.bool_] | None:
    mask = footage.masks[frame] == colour
    return mask if np.count_nonzero(mask) >= FEWEST else None


def _count_row(
    name: str, footage: Footage, category: str, label: str, question: str, count: int
) -> Record:
    return {
        'video_id': name,
        'video_source': SOURCE,
        'clip_start': None,
        'clip_end': None,
        'video_duration': len(footage.times) / FPS,
        'category': category,
        'label': label,
        'question': question,
        'count': count,
    }


def _point_row(
    name: str, footage: Footage, category: str, label: str, spots: list[tuple[int, int]]
) -> Record:
    """spots: (frame, colour) of each object."""
    moments = []
    for frame, colour in spots:
        seen = {k: _seen(footage, k, colour) for k in _around(footage, frame)}
        moments.append((frame, {k: mask for k, mask in seen.items() if mask is not None}))
    return {
        'video_id': name,
        'video_source': SOURCE,
        'width': WIDTH,
        'height': HEIGHT,
        'video_duration': len(footage.times) / FPS,
        'category': category,
        'label': label,
        **_objects(moments),
    }


def _objects(moments: list[tuple[int, dict[int, NDArray[np.bool_]]]]) -> Record:
    """The columns of what is pointed to. moments: each one's frame, and its masks by frame.

    The point is at its frame, or at the nearest that shows a mask: a gripper may hide a block. What
    no frame near it shows is left out.
    """
    told = []
    for frame, masks in moments:
        if masks:
            _, at = min((abs(k - frame), k) for k in masks)
            told.append((at, masks))
    told.sort(key=lambda moment: moment[0])
    return {
        'two_fps_timestamps': [at / FPS for at, _ in told],
        'points': [dict(zip('xy', centre(masks[at]), strict=True)) for at, masks in told],
        'masks': [
            [{'frame_id': k, 'rle': mask_of(mask).rle()} for k, mask in masks.items()]
            for _, masks in told
        ],
    }
