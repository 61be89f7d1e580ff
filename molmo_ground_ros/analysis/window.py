# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One window asked: its frames read, the questions put, and what came of it.

Knows no other window: what it gives is the same in this process and in another, in any order.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from molmo_ground_ros.errors import BackendError, GroundError
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.recording import Recording
from molmo_ground_ros.types import Answer, Question

Span = tuple[int, int]  # a window: its first and last stamp, ns


@dataclass(frozen=True, slots=True)
class Work:
    """A window, and the questions about it that have no answer yet."""

    camera: str
    span: Span
    seen_ns: int  # where the window before it ends: frames up to here are that one's
    questions: tuple[int, ...]  # their places among all questions


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no answer."""

    error: GroundError
    trace: str = ''  # of an error that is not ours


@dataclass(frozen=True, slots=True)
class WindowAnswers:
    """What came of a window: for each question an answer or a failure."""

    work: Work
    answers: Mapping[int, Answer]
    failures: Mapping[int, Failure]
    frames: int = 0  # decoded, past `seen_ns`
    undecodable: tuple[tuple[int, str], ...] = ()  # (stamp, why), first met by this reader
    read_s: float = 0.0
    ask_s: float = 0.0


class WindowRunner(Protocol):
    """Whatever puts the questions."""

    @property
    def model(self) -> str:
        """What answers say they came from."""
        ...

    def ask(self, works: Sequence[Work]) -> Iterator[WindowAnswers]:
        """What came of each window, once, in any order. Raises only what ends the run."""
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
        """What answers say they came from."""
        return self._grounder.model

    def ask(self, works: Sequence[Work]) -> Iterator[WindowAnswers]:
        """What came of each window, in their order."""
        for work in works:
            yield self.ask_one(work)

    def ask_one(self, work: Work) -> WindowAnswers:
        """What came of a window."""
        recording = self._recordings[work.camera]
        known = len(recording.undecodable)
        began_s = time.monotonic()
        try:
            clip = recording.clip(*work.span)
        except (GroundError, OSError) as err:
            met = tuple(islice(recording.undecodable.items(), known, None))
            return failed(work, failure(err), met)
        read_s = time.monotonic() - began_s
        answers: dict[int, Answer] = {}
        failures: dict[int, Failure] = {}
        began_s = time.monotonic()
        questions = [self._questions[number] for number in work.questions]
        outcomes = self._grounder.ground_each(clip, questions)
        for number, outcome in zip(work.questions, outcomes, strict=True):
            if isinstance(outcome, Answer):
                answers[number] = outcome
            else:
                failures[number] = failure(outcome)
        return WindowAnswers(
            work=work,
            answers=answers,
            failures=failures,
            frames=sum(frame.stamp_ns > work.seen_ns for frame in clip.frames),
            undecodable=tuple(islice(recording.undecodable.items(), known, None)),
            read_s=read_s,
            ask_s=time.monotonic() - began_s,
        )


def failure(error: Exception) -> Failure:
    """What is told of an error: one that is not ours becomes a BackendError with its name."""
    if isinstance(error, GroundError):
        return Failure(error)
    trace = ''.join(traceback.format_exception(error))
    return Failure(BackendError(f'{type(error).__name__}: {error}'), trace)


def failed(
    work: Work, why: Failure, undecodable: tuple[tuple[int, str], ...] = ()
) -> WindowAnswers:
    """A window without any answer."""
    return WindowAnswers(work, {}, dict.fromkeys(work.questions, why), undecodable=undecodable)
