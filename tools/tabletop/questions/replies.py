# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers in the grammar of the released models: points, counts, tracks, "There are none."."""

from collections.abc import Sequence

from tools.tabletop.questions.clip import THE_GRIPPER, Clip, Spot

NONE = 'There are none.'
TRACKED = 0.12  # share of a thing that must be seen for it to be followed


def thousandths(x: float, y: float) -> tuple[int, int]:
    """Shares of the picture to integers 0..1000."""
    return min(max(round(1000 * x), 0), 1000), min(max(round(1000 * y), 0), 1000)


def points(clip: Clip, spots: Sequence[Spot], label: str) -> str:
    """Ids 1..N over all frames; inside a frame by x, then y, after rounding."""
    if not spots:
        return NONE
    rows = sorted((spot.frame, *thousandths(spot.x, spot.y)) for spot in spots)
    groups: dict[int, list[str]] = {}
    for number, (frame, x, y) in enumerate(rows, start=1):
        groups.setdefault(frame, []).append(f'{number} {x:03d} {y:03d}')
    coords = ';'.join(f'{clip.labels[frame]} {" ".join(row)}' for frame, row in groups.items())
    return f'<points coords="{coords}">{label}</points>'


def count(clip: Clip, spots: Sequence[Spot], label: str) -> str:
    """The counting sentence with its points."""
    if not spots:
        return NONE
    return f'Counting the {points(clip, spots, label)} shows a total of {len(spots)}.'


def track_spots(clip: Clip, things: Sequence[int], fps: int) -> dict[int, list[Spot]]:
    """Where the things are, by frame, at 1 or 2 frames a second."""
    found: dict[int, list[Spot]] = {}
    for frame, time_s in enumerate(clip.times):
        if fps == 1 and abs(time_s - round(time_s)) > 0.04:
            continue
        for thing in things:
            spot = clip.spot(thing, frame)
            hardly = thing != THE_GRIPPER and clip.visible[frame, thing] < TRACKED
            if spot is not None and not hardly:
                found.setdefault(frame, []).append(spot)
    return found


def tracks(clip: Clip, things: Sequence[int], fps: int, label: str) -> str:
    """Ids by first appearance, ties by x, then y."""
    found = track_spots(clip, things, fps)
    if not found:
        return NONE
    order: list[int] = []
    groups = []
    for frame, spots in found.items():
        rows = sorted((*thousandths(spot.x, spot.y), spot.thing) for spot in spots)
        order += [thing for _, _, thing in rows if thing not in order]
        numbered = sorted((order.index(thing) + 1, x, y) for x, y, thing in rows)
        body = ' '.join(f'{number} {x:03d} {y:03d}' for number, x, y in numbered)
        groups.append(f'{clip.labels[frame]} {body}')
    return f'<tracks coords="{";".join(groups)}">{label}</tracks>'
