# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a session reads of the settings."""

from __future__ import annotations

from typing import Protocol


class SessionSettings(Protocol):
    """What a session is told. `config.Settings` says what each means."""

    @property
    def model(self) -> str:
        """The name of the model, for messages."""
        ...

    @property
    def answer_format(self) -> str:
        """A name of `grammar.FORMATS`."""
        ...

    @property
    def max_new_tokens(self) -> int:
        """Tokens that an answer may have; 0 leaves each task its own limit."""
        ...

    @property
    def prepare(self) -> bool:
        """Whether frames are encoded as they arrive."""
        ...

    @property
    def queue_size(self) -> int:
        """How many questions may wait."""
        ...

    @property
    def stuck_seconds(self) -> float:
        """How long the model may go on with what nobody waits for."""
        ...

    @property
    def timeout_seconds(self) -> float:
        """How long a question may take that names no time itself."""
        ...
