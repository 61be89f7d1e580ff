# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks all questions about one window: reads its frames, asks, and gives answers or failures.

It knows no other window, so the result is the same in this process or another, in any order.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from molmo_ground_ros.errors import BackendError, GroundError, describe, traceback_text
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.recording import Recording
from molmo_ground_ros.types import Answer, Clip, Question

# The first and last stamp of a window, ns.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Work:
    """A window, and the questions about it that have no answer yet."""

    camera: str
    span: Span
    # Where the window before it ends. Frames up to there are counted for that window.
    earlier_end_ns: int
    # The places of the questions among all questions.
    questions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer."""

    error: GroundError
    # The traceback of an error that is not ours.
    trace: str = ''


@dataclass(frozen=True, slots=True)
class WindowAnswers:
    """The outcome of a window: for each question an answer or a failure."""

    work: Work
    answers: Mapping[int, Answer]
    failures: Mapping[int, Failure]
    # How many frames after `earlier_end_ns` were decoded.
    frames: int = 0
    # (stamp, why) of the images that this reader was the first to find undecodable.
    undecodable: tuple[tuple[int, str], ...] = ()
    read_s: float = 0.0
    ask_s: float = 0.0


class WindowRunner(Protocol):
    """Asks the questions about windows, in this process or in others."""

    @property
    def model(self) -> str:
        """The name of the model, which every answer carries."""
        ...

    def ask(self, works: Sequence[Work]) -> Iterator[WindowAnswers]:
        """The outcome of each window, once, in any order. Raises only errors that end the run."""
        ...


class LocalRunner:
    """Asks in this process, window after window."""

    def __init__(
        self, recordings: Mapping[str, Recording], grounder: Grounder, questions: Sequence[Question]
    ) -> None:
        self._recordings = recordings
        self._grounder = grounder
        self._questions = questions

    @property
    def model(self) -> str:
        """The name of the model, which every answer carries."""
        return self._grounder.model

    def ask(self, works: Sequence[Work]) -> Iterator[WindowAnswers]:
        """The outcome of each window, in their order."""
        for work in works:
            yield self.ask_window(work)

    def ask_window(self, work: Work) -> WindowAnswers:
        """The outcome of one window."""
        try:
            recording = self._recordings[work.camera]
        except (GroundError, OSError) as err:
            return failed(work, failure(err))
        count = len(recording.undecodable)
        window = _Asked()
        questions = [self._questions[number] for number in work.questions]
        for tracks, places in self._grounder.by_sampling(questions).items():
            numbers = [work.questions[place] for place in places]
            began_s = time.monotonic()
            try:
                clip = recording.clip(*work.span, tracks)
            except (GroundError, OSError) as err:
                window.failures.update(dict.fromkeys(numbers, failure(err)))
                continue
            window.read_s += time.monotonic() - began_s
            window.stamps.update(frame.stamp_ns for frame in clip.frames)
            self._ask(clip, numbers, window)
        return WindowAnswers(
            work=work,
            answers=window.answers,
            failures=window.failures,
            frames=sum(stamp_ns > work.earlier_end_ns for stamp_ns in window.stamps),
            undecodable=tuple(islice(recording.undecodable.items(), count, None)),
            read_s=window.read_s,
            ask_s=window.ask_s,
        )

    def _ask(self, clip: Clip, numbers: Sequence[int], window: _Asked) -> None:
        """Ask questions about one clip. numbers: their places among all."""
        began_s = time.monotonic()
        outcomes = self._grounder.ground_each(clip, [self._questions[n] for n in numbers])
        for number, outcome in zip(numbers, outcomes, strict=True):
            if isinstance(outcome, Answer):
                window.answers[number] = outcome
            else:
                window.failures[number] = failure(outcome)
        window.ask_s += time.monotonic() - began_s


@dataclass(slots=True)
class _Asked:
    """What came of a window so far. stamps: of the frames that were decoded."""

    answers: dict[int, Answer] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)
    stamps: set[int] = field(default_factory=set)
    read_s: float = 0.0
    ask_s: float = 0.0


def failure(error: Exception) -> Failure:
    """An error as a failure: one that is not ours becomes a BackendError with its name."""
    if isinstance(error, GroundError):
        return Failure(error)
    return Failure(BackendError(describe(error)), traceback_text(error))


def failed(work: Work, why: Failure) -> WindowAnswers:
    """The outcome of a window without any answer."""
    return WindowAnswers(work, {}, dict.fromkeys(work.questions, why))
