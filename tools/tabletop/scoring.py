# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers about a filmed clip against its truth. Places are pixels of the film."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from molmo_ground_ros.benchmarks.metrics.hota import hota
from tools.tabletop.footage import Footage
from tools.tabletop.questions.clip import THE_GRIPPER, Clip, Spot
from tools.tabletop.questions.draw import Asked
from tools.tabletop.truth import CELL_GRIPPER
from tools.tabletop.world import HEIGHT, WIDTH

EVENT_S, MOMENT_S = 0.5, 1.5  # how far off a point's time may be
REACH = 0.04  # of the picture: how far off a point of a thing that is not there any more may be
Said = tuple[int, float, float]  # frame, x, y in pixels


@dataclass(frozen=True)
class Tally:
    """Right predictions, all predictions, all that there was to find."""

    hits: int = 0
    said: int = 0
    real: int = 0

    def __add__(self, other: 'Tally') -> 'Tally':
        """Sum over questions."""
        return Tally(self.hits + other.hits, self.said + other.said, self.real + other.real)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where there was nothing and nothing was said."""
        return 2 * self.hits / (self.said + self.real) if self.said + self.real else 1.0


def tolerance_s(asked: Asked) -> float:
    """How far off a point's time may be; a thing that is there all the time has any."""
    if asked.category in ('action_or_event', 'anomaly'):
        return EVENT_S
    if asked.category == 'indirect reference' or ' at the ' in asked.question.lower():
        return MOMENT_S
    return np.inf


def is_on(footage: Footage, said: Said, spot: Spot) -> bool:
    """Whether a point is in the mask of a spot's thing, or near it if it has no mask there."""
    frame, x, y = said
    label = CELL_GRIPPER if spot.thing == THE_GRIPPER else spot.thing
    mask = footage.mask(frame, label)
    if mask.any():
        return bool(mask[int(np.clip(y, 0, HEIGHT - 1)), int(np.clip(x, 0, WIDTH - 1))])
    return float(np.hypot(x / WIDTH - spot.x, y / HEIGHT - spot.y)) <= REACH


def right_points(footage: Footage, clip: Clip, asked: Asked, said: Sequence[Said]) -> list[bool]:
    """Which points hit a spot. Each spot is hit by one point at most, the nearest in time."""
    limit = tolerance_s(asked) + 1e-6
    right = [False] * len(said)
    for spot in asked.spots:
        near = []
        for number, point in enumerate(said):
            apart_s = abs(clip.times[point[0]] - clip.times[spot.frame])
            if not right[number] and apart_s <= limit and is_on(footage, point, spot):
                near.append((apart_s, point, number))
        if near:
            right[min(near)[2]] = True
    return right


def score_points(footage: Footage, clip: Clip, asked: Asked, said: Sequence[Said]) -> Tally:
    """Right points, all points, and spots."""
    hits = sum(right_points(footage, clip, asked, said))
    return Tally(hits, len(said), len(asked.spots))


@dataclass(frozen=True)
class TrackScore:
    """One track question's sums.

    judged: by (id, point) whether it is right; without points between frames that were asked for.
    """

    tally: Tally
    hota: float
    judged: dict[tuple[int, Said], bool]


def score_tracks(
    footage: Footage, clip: Clip, asked: Asked, said: Iterable[tuple[int, Said]]
) -> TrackScore:
    """said: (id, point). Frames in which a thing is barely seen are not asked for."""
    by_frame: dict[int, list[tuple[int, Said]]] = {}
    for identity, point in said:
        by_frame.setdefault(point[0], []).append((identity, point))
    total, rows = Tally(), []
    judged: dict[tuple[int, Said], bool] = {}
    for frame, time_s in enumerate(clip.times):
        if asked.fps == 1 and abs(time_s - round(time_s)) > 0.04:
            continue
        points = by_frame.get(frame, [])
        spots = [(n, spot) for n in asked.things if (spot := clip.spot(n, frame)) is not None]
        hit = np.array([[is_on(footage, p, spot) for _, p in points] for _, spot in spots], float)
        hit = hit.reshape(len(spots), len(points))
        sure = [n == THE_GRIPPER or clip.clear[frame, n] for n, _ in spots]
        found = _pairs(hit)
        hits = set(found.values())
        judged |= {point: number in hits for number, point in enumerate(points)}
        real = len(found) + sum(s and k not in found for k, s in enumerate(sure))
        total += Tally(len(found), len(points), real)
        counted = [k for k in range(len(spots)) if sure[k] or k in found]
        rows.append(([spots[k][0] + 2 for k in counted], [i for i, _ in points], hit[counted]))
    if not any(truth or ids for truth, ids, _ in rows):
        return TrackScore(total, 1.0, judged)
    truth, ids, hit_rows = (list(column) for column in zip(*rows, strict=True))
    measured = hota(truth, ids, hit_rows, alphas=(0.5,))
    return TrackScore(total, float(np.sqrt(measured.deta * measured.assa)[0]), judged)


def _pairs(hit: np.ndarray) -> dict[int, int]:
    """Which row is hit by which column, each once at most."""
    found: dict[int, int] = {}
    for row, column in np.argwhere(hit > 0):
        if row not in found and column not in found.values():
            found[int(row)] = int(column)
    return found


def is_right_text(asked: Asked, text: str) -> bool:
    """Whether a text says the same, whatever its case and its last stop."""
    return _plain(text) == _plain(asked.reply)


def _plain(text: str) -> str:
    return ' '.join(text.lower().strip().rstrip('.').split())


@dataclass
class Sums:
    """What was measured so far, by group of questions."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    rights: dict[str, list[float]] = field(default_factory=dict)

    def tally(self, groups: Iterable[str], tally: Tally) -> None:
        """Add a question's points to some groups."""
        for group in groups:
            self.tallies[group] = self.tallies.get(group, Tally()) + tally

    def right(self, groups: Iterable[str], value: float) -> None:
        """Add a question's grade, 0 to 1, to some groups."""
        for group in groups:
            self.rights.setdefault(group, []).append(float(value))

    def __iadd__(self, other: 'Sums') -> 'Sums':
        """Take another's sums in."""
        for group, tally in other.tallies.items():
            self.tally([group], tally)
        for group, values in other.rights.items():
            self.rights.setdefault(group, []).extend(values)
        return self

    def f1(self, group: str) -> float:
        """A group's F1, 0 if nothing of it was asked."""
        return round(self.tallies[group].f1, 4) if group in self.tallies else 0.0

    def mean(self, group: str) -> float:
        """A group's mean grade, 0 if nothing of it was asked."""
        values = self.rights.get(group)
        return round(float(np.mean(values)), 4) if values else 0.0
