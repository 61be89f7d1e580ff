# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks the windows of recordings that have no answer yet, in this process or by workers on Ray.

Every answer is in the index before the next window of its asker is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from molmo_ground_ros.analysis.moments.answers import IndexedAnswers
from molmo_ground_ros.analysis.moments.places import PlaceNews
from molmo_ground_ros.analysis.ray.separate import camera_key
from molmo_ground_ros.analysis.ray.workers import spread_separate
from molmo_ground_ros.analysis.run import AnalysisPlan
from molmo_ground_ros.analysis.store import StoredAnswer
from molmo_ground_ros.analysis.window import LocalRunner, WindowAnswers, WindowRunner, Work
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.loader import GrounderLoader
from molmo_ground_ros.recording import Recording
from molmo_ground_ros.types import Question

# Recordings that are open at once while workers are asked about them.
_BATCH = 32


@dataclass(slots=True)
class OpenRecording:
    """A recording that is being indexed, with its answers so far."""

    path: Path
    id: int  # in the index
    news: PlaceNews
    cameras: dict[str, Recording]
    plan: AnalysisPlan
    answers: IndexedAnswers
    works: list[Work]  # what has no answer
    # Windows with a question that failed.
    failed: list[WindowAnswers] = field(default_factory=list)

    def take(self, outcome: WindowAnswers) -> None:
        """Store the answers of a window, and note its failures. Raises IndexFault."""
        work = outcome.work
        for question, answer in outcome.answers.items():
            stored = StoredAnswer(answer, outcome.frames, outcome.undecodable)
            self.answers.add((work.camera, work.span, question), stored)
        if outcome.failures:
            self.failed.append(replace(outcome, answers={}))

    def close(self) -> None:
        """Close its files."""
        next(iter(self.cameras.values())).close()


class WindowAsker(Protocol):
    """Asks the windows of open recordings, and gives each outcome to its recording."""

    @property
    def batch(self) -> int:
        """How many recordings are opened at once."""
        ...

    def ask(self, recordings: Sequence[OpenRecording], questions: Sequence[Question]) -> None:
        """Ask all. Raises what loading the model raises, IndexFault, KeyboardInterrupt."""
        ...

    def close(self) -> None:
        """Free the model, if it was loaded."""
        ...


class LocalAsker:
    """Asks in this process. The model is loaded for the first window that has no answer."""

    batch = 1

    def __init__(self, load: Callable[[], Grounder]) -> None:
        self._load = load
        self._grounder: Grounder | None = None

    def ask(self, recordings: Sequence[OpenRecording], questions: Sequence[Question]) -> None:
        """Ask all, window after window."""
        for recording in recordings:
            if recording.works:
                self._grounder = self._grounder or self._load()
                runner = LocalRunner(recording.cameras, self._grounder, questions)
                for outcome in runner.ask(recording.works):
                    recording.take(outcome)

    def close(self) -> None:
        """Free the model, if it was loaded."""
        if self._grounder is not None:
            self._grounder.close()
            self._grounder = None


class RayAsker:
    """Asks through workers on Ray, each with the model loaded, about many recordings at once."""

    batch = _BATCH

    def __init__(self, address: str, workers: int, loader: GrounderLoader) -> None:
        """See `cluster.joined` and `share`. Ray is joined once there is something to ask."""
        self._where = address, workers
        self._loader = loader
        self._stack = ExitStack()
        self._runner: WindowRunner | None = None

    def ask(self, recordings: Sequence[OpenRecording], questions: Sequence[Question]) -> None:
        """Ask all; outcomes come in any order."""
        of_key: dict[str, tuple[OpenRecording, str]] = {}
        works = []
        for recording in recordings:
            keys = {
                topic: camera_key(str(recording.path), camera)
                for topic, camera in recording.cameras.items()
            }
            of_key |= {key: (recording, topic) for topic, key in keys.items()}
            works += [replace(work, camera=keys[work.camera]) for work in recording.works]
        if not works:
            return
        if self._runner is None:
            crew = spread_separate(*self._where, questions, self._loader)
            self._runner = self._stack.enter_context(crew)
        for outcome in self._runner.ask(works):
            recording, topic = of_key[outcome.work.camera]
            recording.take(replace(outcome, work=replace(outcome.work, camera=topic)))

    def close(self) -> None:
        """End the workers, and leave Ray."""
        self._runner = None
        self._stack.close()


class AlreadyAsked:
    """Gives the failures that there were, and asks nothing: the answers are in the index."""

    model = ''

    def __init__(self, failures: Sequence[WindowAnswers]) -> None:
        self._failures = failures

    def ask(self, works: Sequence[Work]) -> Iterator[WindowAnswers]:
        """The failures of these windows; those that were not reached are left out."""
        windows = {(work.camera, work.span) for work in works}
        return (f for f in self._failures if (f.work.camera, f.work.span) in windows)
