# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every class that holds files open has in common: it is closed at the end of a `with`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """Base of a class that holds a resource until `close` is called or its `with` block ends."""

    @abstractmethod
    def close(self) -> None:
        """Release what is held. May be called more than once."""

    def __enter__(self) -> Self:
        """Return the object itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close, whether the block ended by itself or by an error. No error is swallowed."""
        self.close()
