# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a server for agents asks: a running node, or recordings."""

from __future__ import annotations

from typing import Protocol

from molmo_ground_ros.reports.agent_record import AgentAnswer, AgentQuestion, Record


class AgentSource(Protocol):
    """Cameras that questions can be asked about. Safe for several threads; raises GroundError."""

    def cameras(self, recording: str) -> list[Record]:
        """Each camera: its name, and what is known of its images."""
        ...

    def ask(self, question: AgentQuestion) -> AgentAnswer:
        """The answer to one question. Waits for it."""
        ...

    def watch(self, question: AgentQuestion, seconds: float, most: int) -> AgentAnswer:
        """The events of the next `seconds`, `most` at most. Waits for them."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...
