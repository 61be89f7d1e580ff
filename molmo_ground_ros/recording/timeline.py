# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One camera's messages in the order of their stamps, joined from all files that hold some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.recording.loss import LossKind, LossLog
from molmo_ground_ros.recording.source import MessageIndex

# A stamp this far from its neighbours' is wrong. It is also ClipBuffer's ahead_ns.
FAR_NS = 10_000_000_000

_NEIGHBOURS = 5  # a stamp is compared with the median of so many, itself included
_INTERVALS = 4  # a slow camera's stamp may be so many usual intervals further away

Stamps = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where a camera's messages lie. It takes 20 bytes for a message."""

    stamps: Stamps  # (N,) ns, ascending; of images each once
    places: NDArray[np.int64]  # (N,), for the source
    sources: NDArray[np.int32]  # (N,), number of the source
    kinds: dict[int, str]  # message type, by number of the source


def timeline(parts: Sequence[tuple[int, MessageIndex, LossLog]]) -> Timeline:
    """Join (number of the source, its index, its losses) of one topic.

    Where two messages have the same stamp, the one of the first source is taken. A lone message
    whose stamp is far from its neighbours' in the file is left out. Where the clock jumped, its
    neighbours jumped as well, and it is taken. What is left out is logged as a loss.
    """
    plausible = [(number, *_plausible(index, loss)) for number, index, loss in parts]
    stamps = np.concatenate([part[1] for part in plausible] or [np.empty(0, np.int64)])
    places = np.concatenate([part[2] for part in plausible] or [np.empty(0, np.int64)])
    sources = np.repeat(
        np.array([part[0] for part in plausible], np.int32), [len(part[1]) for part in plausible]
    )
    order = np.argsort(stamps, kind='stable')
    stamps, places, sources = stamps[order], places[order], sources[order]
    repeated = np.zeros(len(stamps), bool)
    repeated[1:] = stamps[1:] == stamps[:-1]
    for number, index, loss in parts:
        if count := int(np.count_nonzero(repeated & (sources == number))):
            loss.add(LossKind.DUPLICATE, topic=index.topic, messages=count)
    kinds = {number: index.kind for number, index, _ in parts}
    return Timeline(stamps[~repeated], places[~repeated], sources[~repeated], kinds)


def companion_timeline(parts: Sequence[tuple[int, MessageIndex, LossLog]]) -> Timeline:
    """Join (number of the source, its index, its losses) of one topic that holds no images.

    All messages are taken, in the order of their stamps, those of one stamp in that of the files:
    several publishers share a topic of transforms. Nothing is logged as a loss.
    """
    stamps = np.concatenate([np.array(index.stamps, np.int64) for _, index, _ in parts])
    places = np.concatenate([np.array(index.places, np.int64) for _, index, _ in parts])
    counts = [len(index.stamps) for _, index, _ in parts]
    sources = np.repeat(np.array([number for number, *_ in parts], np.int32), counts)
    order = np.argsort(stamps, kind='stable')
    kinds = {number: index.kind for number, index, _ in parts}
    return Timeline(stamps[order], places[order], sources[order], kinds)


def _plausible(index: MessageIndex, loss: LossLog) -> tuple[Stamps, NDArray[np.int64]]:
    """Stamps and places that can be believed, in the order of the file; logs what cannot."""
    stamps, places = np.array(index.stamps, np.int64), np.array(index.places, np.int64)
    far = _far(stamps)
    stamps, places = stamps[~far], places[~far]
    counts = {
        LossKind.BAD_MESSAGE: index.broken,
        LossKind.ZERO_STAMP: index.zero,
        LossKind.FAR_STAMP: int(np.count_nonzero(far)),
        LossKind.OUT_OF_ORDER: int(np.count_nonzero(np.diff(stamps) < 0)),
    }
    for kind, count in counts.items():
        if count:
            loss.add(kind, topic=index.topic, messages=count)
    return stamps, places


def _far(stamps: Stamps) -> NDArray[np.bool_]:
    """(N,): which stamps are far from the median of their neighbours in the file."""
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
