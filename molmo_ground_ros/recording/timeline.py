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
# The number of a source, what it has of a topic, and its losses.
Part = tuple[int, MessageIndex, LossLog]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where a topic's messages lie. It takes 20 bytes for a message."""

    stamps: Stamps  # (N,) ns, ascending; of images each once
    places: NDArray[np.int64]  # (N,), for the source
    parts: NDArray[np.int32]  # (N,), number in `origins`
    # (number of the source, kind of message). A source has several where it changes the kind.
    origins: tuple[tuple[int, str], ...]

    def at(self, index: int) -> tuple[int, str, int]:
        """(number of the source, kind, place) of a message."""
        return *self.origins[int(self.parts[index])], int(self.places[index])

    def file_order(self) -> NDArray[np.int64]:
        """(N,): the messages in the order of the files, which is not always that of stamps."""
        sources = np.array([source for source, _ in self.origins], np.int64)
        # Some sources count places down from -1.
        places = np.where(self.places < 0, ~self.places, self.places)
        return np.lexsort((places, sources[self.parts]))


def timeline(parts: Sequence[Part]) -> Timeline:
    """Join (number of the source, its index, its losses) of one topic.

    Where two messages have the same stamp, the one of the first source is taken. A lone message
    whose stamp is far from its neighbours' in the file is left out. Where the clock jumped, its
    neighbours jumped as well, and it is taken. What is left out is logged as a loss.
    """
    plausible = [_plausible(index, loss) for _, index, loss in parts]
    joined = _joined(plausible, parts)
    stamps = joined.stamps
    repeated = np.zeros(len(stamps), bool)
    repeated[1:] = stamps[1:] == stamps[:-1]
    for part, (_, index, loss) in enumerate(parts):
        if count := int(np.count_nonzero(repeated & (joined.parts == part))):
            loss.add(LossKind.DUPLICATE, topic=index.topic, messages=count)
    return Timeline(
        stamps[~repeated], joined.places[~repeated], joined.parts[~repeated], joined.origins
    )


def companion_timeline(parts: Sequence[Part]) -> Timeline:
    """Join (number of the source, its index, its losses) of one topic that holds no images.

    All messages are taken, in the order of their stamps, those of one stamp in that of the files:
    several publishers share a topic of transforms. Nothing is logged as a loss.
    """
    arrays = [
        (np.array(index.stamps, np.int64), np.array(index.places, np.int64))
        for _, index, _ in parts
    ]
    return _joined(arrays, parts)


def _joined(arrays: Sequence[tuple[Stamps, NDArray[np.int64]]], parts: Sequence[Part]) -> Timeline:
    """The (stamps, places) of each part as one, in the order of the stamps."""
    counts = [len(stamps) for stamps, _ in arrays]
    numbers = np.repeat(np.arange(len(arrays), dtype=np.int32), counts)
    stamps = np.concatenate([stamps for stamps, _ in arrays] or [np.empty(0, np.int64)])
    places = np.concatenate([places for _, places in arrays] or [np.empty(0, np.int64)])
    order = np.argsort(stamps, kind='stable')
    origins = tuple((number, index.kind) for number, index, _ in parts)
    return Timeline(stamps[order], places[order], numbers[order], origins)


def _plausible(index: MessageIndex, loss: LossLog) -> tuple[Stamps, NDArray[np.int64]]:
    """Stamps and places that can be believed, in the order of the file; logs what cannot."""
    stamps, places = np.array(index.stamps, np.int64), np.array(index.places, np.int64)
    zero = len(index.unstamped)
    if zero and not _log_times_fit(index):
        stamps, places = np.delete(stamps, index.unstamped), np.delete(places, index.unstamped)
        index.zero, zero = index.zero + zero, 0
    far = _far(stamps)
    stamps, places = stamps[~far], places[~far]
    counts = {
        LossKind.BAD_MESSAGE: index.broken,
        LossKind.ZERO_STAMP: index.zero,
        LossKind.LOG_STAMP: zero,
        LossKind.FAR_STAMP: int(np.count_nonzero(far)),
        LossKind.OUT_OF_ORDER: int(np.count_nonzero(np.diff(stamps) < 0)),
    }
    for kind, count in counts.items():
        if count:
            loss.add(kind, topic=index.topic, messages=count)
    return stamps, places


def _log_times_fit(index: MessageIndex) -> bool:
    """Whether log times can stand for missing stamps: none was set, or the clock is the same."""
    distance = index.log_distance_ns
    return len(index.unstamped) == len(index.stamps) or (distance or 0) <= FAR_NS


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
