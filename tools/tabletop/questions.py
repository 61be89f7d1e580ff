# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A clip's truth to questions and answers, in the wordings and the grammar Molmo2 was trained on.

Times are labels (seconds with one decimal) and positions shares of the picture in [0, 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.tabletop.world import COLOURS

NONE = 'There are none.'
POINT = (
    'Point to the {}.',
    'Point to {}.',
    'Point to all occurrences of "{}"',
    'Locate every {}.',
    'Point to the {} in the video.',
)
COUNT = (
    'How many "{}" are there in the video?',
    'How many {}s are there?',
    'How many {}s are there in the video?',
    'Count the {}s.',
)
GRASP_COUNT = (
    'How many times was the {} grasped?',
    'How many times was the {} grasped?',
    'How many times did the robot grasp the {}?',
    'How many times has the {} been grasped?',
    'Count the grasps of the {}.',
    'How many "grasp of the {}" are there in the video?',
    'How often was the {} grasped?',
    'How many times was the {} picked up?',
)
GRASP_POINT = (
    'Point to every grasp of the {}.',
    'Point to the grasps of the {}.',
    'Point to all occurrences of "grasp of the {}"',
    'When was the {} grasped?',
)
TRACK = (
    'Track the {}.',
    'Track the {} in 2 FPS',
    'Track {}.',
    'Track {} in 2 FPS',
    'Track the {} in the video.',
)
TEMPLATES = {
    'point': POINT,
    'count': COUNT,
    'grasp_count': GRASP_COUNT,
    'grasp_point': GRASP_POINT,
    'track': TRACK,
}
ANY = -1  # in place of a colour's number: all blocks


@dataclass(frozen=True)
class ClipTruth:
    """What questions are about: F frames, 6 colours.

    labels: the frames' time labels ('0.0', '0.5', ...). point: (F, 6, 2), nan where there is no
    mask. clear, lifted: (F, 6) bool.
    """

    labels: Sequence[str]
    point: NDArray[np.float32]
    clear: NDArray[np.bool_]
    lifted: NDArray[np.bool_]

    def grasps(self, colour: int) -> list[tuple[int, int]]:
        """(frame, colour) of each grasp: lifted now, not in the previous sampled frame."""
        now, before = self.lifted[1:], self.lifted[:-1]
        found = [(int(f) + 1, int(c)) for f, c in np.argwhere(now & ~before)]
        return [(f, c) for f, c in found if colour in (ANY, c)]

    def firsts(self, colour: int) -> list[tuple[int, int]]:
        """(frame, colour) of each block's first clear appearance."""
        seen = [c for c in range(len(COLOURS)) if colour in (ANY, c) and self.clear[:, c].any()]
        return sorted((int(np.argmax(self.clear[:, c])), c) for c in seen)


def noun(colour: int) -> str:
    """'red block', or 'block' for ANY."""
    return 'block' if colour == ANY else f'{COLOURS[colour]} block'


def wording(kind: str, colour: int, rng: np.random.Generator) -> str:
    """A question of a kind, in one of its wordings, sometimes without care for case and stops."""
    template = str(rng.choice(TEMPLATES[kind]))
    name = noun(colour)
    if colour == ANY:
        name = {'track': 'blocks', 'point': 'blocks'}.get(kind, name)
        if kind.startswith('grasp'):
            template = template.replace('the {}', 'a {}')
    text = template.format(name)
    if rng.random() < 0.15:
        text = text[0].lower() + text[1:]
    if rng.random() < 0.15 and text[-1] in '.?':
        text = text[:-1]
    return text


def answer(kind: str, colour: int, truth: ClipTruth) -> str:
    """The right answer's text to a question of a kind about a colour."""
    if kind == 'track':
        return _tracks(colour, truth)
    events = kind.startswith('grasp')
    spots = truth.grasps(colour) if events else truth.firsts(colour)
    if not spots:
        return NONE
    name = noun(colour) + ('s' if colour == ANY else '')
    if events:
        name = f'grasp of {"a block" if colour == ANY else "the " + noun(colour)}'
    elif kind == 'count' and colour != ANY:
        name = noun(colour) + 's'
    points = f'<points coords="{_groups(spots, truth)}">{name}</points>'
    if kind.endswith('count'):
        return f'Counting the {points} shows a total of {len(spots)}.'
    return points


def _groups(spots: list[tuple[int, int]], truth: ClipTruth) -> str:
    """Ids 1..N over all frames; inside a frame by x, then y, after rounding."""
    rows = sorted((f, *_thousandths(truth.point[f, c])) for f, c in spots)
    groups: dict[int, list[str]] = {}
    for number, (frame, x, y) in enumerate(rows, start=1):
        groups.setdefault(frame, []).append(f'{number} {x:03d} {y:03d}')
    return ';'.join(f'{truth.labels[f]} {" ".join(group)}' for f, group in groups.items())


def _tracks(colour: int, truth: ClipTruth) -> str:
    seen = ~np.isnan(truth.point[..., 0])
    order: list[int] = []
    groups = []
    for frame, label in enumerate(truth.labels):
        row = [int(c) for c in np.flatnonzero(seen[frame]) if colour in (ANY, c)]
        new = [(*_thousandths(truth.point[frame, c]), c) for c in row if c not in order]
        order += [c for _, _, c in sorted(new)]
        spots = sorted((order.index(c) + 1, *_thousandths(truth.point[frame, c])) for c in row)
        if spots:
            groups.append(f'{label} ' + ' '.join(f'{i} {x:03d} {y:03d}' for i, x, y in spots))
    if not groups:
        return NONE
    name = noun(colour) + ('s' if colour == ANY else '')
    return f'<tracks coords="{";".join(groups)}">{name}</tracks>'


def _thousandths(point: NDArray[np.float32]) -> tuple[int, int]:
    """(2,) shares -> integers 0..1000."""
    x, y = (int(v) for v in np.clip(np.round(point * 1000), 0, 1000))
    return x, y
