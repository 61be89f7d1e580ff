# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One camera's pictures in the order of their stamps, out of what several files hold of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.source import Found

FAR_NS = 10_000_000_000  # a stamp this far from its neighbours' is wrong: ClipBuffer's ahead_ns

_NEIGHBOURS = 5  # a stamp is compared with the median of these, itself included
_INTERVALS = 4  # and may be this many usual intervals further away: a slow camera

Stamps = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where a camera's pictures lie. 20 bytes a picture."""

    stamps: Stamps  # (N,) ns, strictly ascending
    places: NDArray[np.int64]  # (N,), for the source
    sources: NDArray[np.int32]  # (N,), number of the source
    kinds: dict[int, str]  # message type, by number of the source


def timeline(found: Sequence[tuple[int, Found, LossLog]]) -> Timeline:
    """Join (number of the source, what it holds, its losses) of one topic.

    A stamp that two pictures have is taken once, from the first source. Stamps of lone messages
    that are far from their neighbours in the file are left out; a jump of the clock is none.
    """
    parts = [(number, *_sound(one, loss)) for number, one, loss in found]
    stamps = np.concatenate([part[1] for part in parts] or [np.empty(0, np.int64)])
    places = np.concatenate([part[2] for part in parts] or [np.empty(0, np.int64)])
    sources = np.repeat(
        np.array([part[0] for part in parts], np.int32), [len(part[1]) for part in parts]
    )
    order = np.argsort(stamps, kind='stable')
    stamps, places, sources = stamps[order], places[order], sources[order]
    again = np.zeros(len(stamps), bool)
    again[1:] = stamps[1:] == stamps[:-1]
    for number, one, loss in found:
        if count := int(np.count_nonzero(again & (sources == number))):
            loss.add(LossKind.DUPLICATE, topic=one.topic, messages=count)
    kinds = {number: one.kind for number, one, _ in found}
    return Timeline(stamps[~again], places[~again], sources[~again], kinds)


def _sound(found: Found, loss: LossLog) -> tuple[Stamps, NDArray[np.int64]]:
    """Stamps and places that can be believed, in the order of the file; tells of the others."""
    stamps, places = np.array(found.stamps, np.int64), np.array(found.places, np.int64)
    far = _far(stamps)
    stamps, places = stamps[~far], places[~far]
    counts = {
        LossKind.BAD_MESSAGE: found.broken,
        LossKind.ZERO_STAMP: found.zero,
        LossKind.FAR_STAMP: int(np.count_nonzero(far)),
        LossKind.OUT_OF_ORDER: int(np.count_nonzero(np.diff(stamps) < 0)),
    }
    for kind, count in counts.items():
        if count:
            loss.add(kind, topic=found.topic, messages=count)
    return stamps, places


def _far(stamps: Stamps) -> NDArray[np.bool_]:
    """(N,): which are far from their neighbours in the file."""
    width = min(_NEIGHBOURS, (len(stamps) - 1) // 2 * 2 + 1)  # odd
    if width < 3:
        return np.zeros(len(stamps), bool)
    around = np.lib.stride_tricks.sliding_window_view(stamps, width)
    medians = np.partition(around, width // 2, axis=1)[:, width // 2]
    first = np.clip(np.arange(len(stamps)) - width // 2, 0, len(medians) - 1)
    steps = np.abs(np.diff(stamps))
    usual = int(np.partition(steps, len(steps) // 2)[len(steps) // 2])
    far: NDArray[np.bool_] = np.abs(stamps - medians[first]) > FAR_NS + _INTERVALS * usual
    return far
