# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the loop needs of a runtime: frames to features, tokens to the next token. Numpy at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.molmo2.memory import Budget


class Features(Protocol):
    """One frame's features, wherever the runtime keeps them."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """The likeliest token after some row of the cache."""

    token: int
    logprob: float  # natural log; nan where the numbers ran over


@dataclass(frozen=True, slots=True)
class VideoFeatures:
    """The frames of a prompt: which of the tokens read are theirs, and what is added to them."""

    visual: Sequence[int]  # an entry a token: 1 for tokens of the video, else 0
    slots: Sequence[int]  # an entry a token: 0, or 1 + the row of the joined features to add
    features: Sequence[Features]  # one a frame, in the order of the prompt


class Runtime(Protocol):
    """Weights, and a cache of keys and values whose rows are tokens read. For one thread.

    Any method may raise BackendError; the cache then holds nothing that may be used.
    """

    capacity: int  # rows the cache can have

    def encode(self, patches: NDArray[np.float32]) -> Features:
        """Features of one frame, from its (patches, values of a patch)."""
        ...

    def read(
        self, ids: Sequence[int], start: int, wanted: int, video: VideoFeatures | None = None
    ) -> list[Choice]:
        """Write `ids` to the rows from `start` on; the choices after the last `wanted` of them.

        Rows from start + len(ids) on are void afterwards. All tokens of a video must be read at
        once: each sees all others.
        """
        ...

    def close(self) -> None:
        """Free what is held; called once."""
        ...


@runtime_checkable
class GrowingRuntime(Protocol):
    """A runtime whose cache grows with the prompt, and may come to an end of the memory."""

    def budget(self) -> Budget | None:
        """What is free now and what a row takes; None where the system does not say."""
        ...
