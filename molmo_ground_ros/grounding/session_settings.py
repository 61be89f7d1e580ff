# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a session and its standing questions read of the settings."""

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
    def calibration(self) -> str:
        """A file; '' for the one in the model's folder, if there is one."""
        ...

    @property
    def abstain(self) -> bool:
        """Whether points below the calibration's threshold are withheld."""
        ...

    @property
    def track_rate_hz(self) -> int:
        """Most frames a second for tracks: see `track_rule_of`."""
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


class StandingSettings(Protocol):
    """What standing questions are told. `config.Settings` says what each means."""

    @property
    def answer_format(self) -> str:
        """A name of `grammar.FORMATS`."""
        ...

    @property
    def max_new_tokens(self) -> int:
        """Tokens that an answer may have; 0 leaves each task its own limit."""
        ...

    @property
    def timeout_seconds(self) -> float:
        """How long each question of a pass may take."""
        ...

    @property
    def buffer_seconds(self) -> float:
        """How much a camera's buffer holds."""
        ...

    @property
    def standing_queries(self) -> tuple[str, ...]:
        """The questions to begin with: see `standing.request.read_request`."""
        ...

    @property
    def standing_period_seconds(self) -> float:
        """The period of a question that names none."""
        ...

    @property
    def standing_window_seconds(self) -> float:
        """The window of a question that names none."""
        ...

    @property
    def standing_agreement(self) -> float:
        """The share of windows that must have an event."""
        ...

    @property
    def standing_limit(self) -> int:
        """How many standing questions there may be."""
        ...

    @property
    def state_file(self) -> str:
        """Where they are remembered; '' = nowhere."""
        ...
