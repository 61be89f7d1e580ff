# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What pointing needs of a runtime. Needs no package but numpy.

Beside the logits of tokens, the decoder gives a query for patches, a query for subpatches, and
logits of locations. They point at keys: each token of the video has one, made by the decoder, and
each subpatch has one, made by the vision tower.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.molmo2.memory import Budget
from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures


@dataclass(frozen=True, slots=True)
class PointFeatures:
    """One frame, in the memory of the runtime's device.

    pooled: (T, hidden), what is added to the embeddings of its T tokens. windows: (T, K, D), what
    the tower says of the K patches that each token pools.
    """

    pooled: Any
    windows: Any

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return int(self.pooled.nbytes + self.windows.nbytes)


@dataclass(frozen=True, slots=True)
class HeadsReading:
    """What follows the last of some tokens, float32, and the keys of all of them.

    logits: (vocabulary with the further tokens). patch_query, subpatch_query: (width). locations:
    (9). keys: (tokens, width), which mean something for tokens of the video only. Neither keys nor
    patch_query are turned by their position yet.
    """

    logits: NDArray[np.float32]
    patch_query: NDArray[np.float32]
    subpatch_query: NDArray[np.float32]
    locations: NDArray[np.float32]
    keys: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Subpatches:
    """The K subpatches of one token. keys: (K, width) float32.

    embeddings: (K, hidden) on the device, what the decoder reads for a subpatch that was selected.
    """

    keys: NDArray[np.float32]
    embeddings: Any


class HeadsRuntime(Protocol):
    """Weights, and a cache of keys and values; as `molmo2.runtime.Runtime`. For one thread.

    no_more_key: (width) float32, what stands for "no more points" among the keys of patches.
    """

    capacity: int
    batch: int
    no_more_key: NDArray[np.float32]

    def encode(self, frames: Sequence[NDArray[np.float32]]) -> list[PointFeatures]:
        """Features of 1 to `batch` frames, from the (patches, values of a patch) of each."""
        ...

    def read(self, ids: Sequence[int], start: int, video: VideoFeatures | None) -> HeadsReading:
        """Read `ids`, none of them a grounding token, into the cache's rows from `start` on.

        A slot below zero says that its row of the features replaces the token's embedding.
        """
        ...

    def subpatches(self, window: Any) -> Subpatches:
        """Those of one token. window: (K, D), a row of PointFeatures.windows."""
        ...

    def budget(self) -> Budget | None:
        """As of `molmo2.runtime.GrowingRuntime`."""
        ...

    def close(self) -> None:
        """Free weights and cache; called once."""
        ...
