# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the decoding loop needs of a runtime. Needs no package but numpy.

A runtime encodes frames to features, and reads tokens to choose the next ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.molmo2.memory import Budget


class Features(Protocol):
    """One frame's features, in the memory of the runtime's device."""

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """The likeliest token after a row of the cache. logprob: natural log; nan after an overflow."""

    token: int
    logprob: float


@dataclass(frozen=True, slots=True)
class VideoFeatures:
    """The frames of a prompt.

    visual: for each token 1 if it belongs to the video, else 0. slots: for each token 0, or 1 + the
    row of the joined features that is added to it. features: one entry for each frame, in the order
    of the prompt.
    """

    visual: Sequence[int]
    slots: Sequence[int]
    features: Sequence[Features]


class EncodingRuntime(Protocol):
    """The part of a runtime that encodes frames. Any method may raise BackendError.

    batch: the most frames that are encoded in one pass.
    """

    batch: int

    def encode(self, frames: Sequence[NDArray[np.float32]]) -> list[Features]:
        """Features of 1 to `batch` frames, from the (patches, values of a patch) of each.

        They own their memory: those of one frame keep no other's.
        """
        ...


class Runtime(EncodingRuntime, Protocol):
    """Weights, and a cache of keys and values with one row for each token read. For one thread.

    After a BackendError no row of the cache may be used any more. capacity: the most rows of it.
    """

    capacity: int

    def read(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> list[Choice]:
        """Read `ids` into the cache's rows from `start` on.

        Gives the choices after the last `last_count` of them. Rows after these must not be used.
        All tokens of a video must be read in one call, because each attends to all others.
        """
        ...

    def close(self) -> None:
        """Free weights and cache; called once."""
        ...


@runtime_checkable
class GrowingRuntime(Protocol):
    """A runtime whose cache grows with the prompt, so that memory can run out."""

    def budget(self) -> Budget | None:
        """What memory is free now and how the cache grows; None if the system does not tell."""
        ...


def encode_all(runtime: EncodingRuntime, frames: Sequence[NDArray[np.float32]]) -> list[Features]:
    """Features of any number of frames, in as few passes as the runtime can."""
    features: list[Features] = []
    for first in range(0, len(frames), runtime.batch):
        features += runtime.encode(frames[first : first + runtime.batch])
    return features
