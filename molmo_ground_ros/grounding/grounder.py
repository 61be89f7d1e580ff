# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks a backend questions about a clip, and makes its text into answers.

Knows nothing of buffers, threads or ROS.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from molmo_ground_ros.backends.base import Backend, Bounded, GenerateOptions
from molmo_ground_ros.errors import Canceled, NoFrames, clean
from molmo_ground_ros.frames.track_rule import TrackRule
from molmo_ground_ros.grounding.calibration import Calibration
from molmo_ground_ros.grounding.placement import answer_of, find_frame, point_on
from molmo_ground_ros.language import grammar
from molmo_ground_ros.types import Answer, Clip, Point, Query, Question, Task


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an answer has come."""

    stage: str  # 'queued', 'decoding', 'generating'
    tokens: int = 0
    # Settled so far, without scores.
    points: tuple[Point, ...] = ()


OnProgress = Callable[[Progress], bool]
"""Called as work goes on; returning False ends it at the next token."""


def _go_on(_: Progress) -> bool:
    return True


class Grounder:
    """Answers questions about clips with one backend. Not for use by two threads at once."""

    def __init__(
        self,
        backend: Backend,
        max_new_tokens: int = 0,
        answer_format: str = 'molmo2',
        calibration: Calibration | None = None,
        *,
        abstain: bool = False,
        tracks: TrackRule | None = None,
    ) -> None:
        """Take a backend, which `close` closes.

        max_new_tokens: of the questions that `question` makes; 0 leaves each task its own limit.
        answer_format: what the model is asked for and answers in, a name of `grammar.FORMATS`.
        calibration: gives points a probability beside their score. abstain: whether points below
        its threshold are withheld, see `Calibration.without_unsure`. tracks: how frames for tracks
        are sampled, see `track_rule_of`.
        Raises BadSetting for another name of a format.
        """
        self._backend = backend
        self._calibration = calibration or Calibration({})
        self._abstain = abstain
        self._tracks = tracks
        self._format = grammar.format_of(answer_format)
        self._max_new_tokens = max_new_tokens

    @property
    def model(self) -> str:
        """The name of the model, which every answer carries."""
        return clean(self._backend.model)

    def close(self) -> None:
        """Free what the backend holds."""
        self._backend.close()

    def question(self, query: Query, *, verbatim: bool = False) -> Question:
        """Make a query into a question for this model: see `prompts.question_of`."""
        return self._format.question(query, self._max_new_tokens, verbatim=verbatim)

    def sampling(self, question: Question) -> TrackRule | None:
        """How frames are to be sampled for a question; None as for all that ask for no tracks.

        An engine that was built for short windows takes fewer frames. Raises what the backend does.
        """
        if self._tracks is None or question.task is not Task.TRACK:
            return None
        most = self._tracks.most_frames
        if isinstance(self._backend, Bounded):
            most = min(most, self._backend.most_frames())
        return replace(self._tracks, most_frames=most)

    def by_sampling(self, questions: Sequence[Question]) -> dict[TrackRule | None, list[int]]:
        """The places of questions that can be asked about one clip, by its `sampling`."""
        places: dict[TrackRule | None, list[int]] = {}
        for place, question in enumerate(questions):
            places.setdefault(self.sampling(question), []).append(place)
        return places

    def ground(self, clip: Clip, query: Query, on_progress: OnProgress = _go_on) -> Answer:
        """Ask one query about a clip: the short way for a program that has no question yet.

        Raises BadQuestion, and as `ground_all` does.
        """
        (answer,) = self.ground_all(clip, [self.question(query)], on_progress)
        return answer

    def ground_all(
        self, clip: Clip, questions: Sequence[Question], on_progress: OnProgress = _go_on
    ) -> list[Answer]:
        """Ask several questions about one clip; each answer is what the question alone would get.

        Questions with the same limit of tokens go to the backend at once, which may then read the
        frames once for all of them. Raises NoFrames (an empty clip), Canceled (`on_progress`
        returned False) and whatever the backend raises; there is no answer at all then. What the
        model wrote never raises: see `Answer.rejected`.
        """
        if not clip.frames:
            raise NoFrames(clip.camera, 'the clip is empty')
        # Places of the questions.
        by_limit: dict[int, list[int]] = {}
        for place, question in enumerate(questions):
            by_limit.setdefault(question.max_new_tokens, []).append(place)
        answers: dict[int, Answer] = {}
        for places in by_limit.values():
            group = self._generate(clip, [questions[place] for place in places], on_progress)
            answers.update(zip(places, group, strict=True))
        return [answers[place] for place in range(len(questions))]

    def ground_each(
        self, clip: Clip, questions: Sequence[Question], on_progress: OnProgress = _go_on
    ) -> Iterator[Answer | Exception]:
        """The answer to each question, or the error that it failed with, in their order.

        All are asked together. If that fails, each is asked alone, so that a question which cannot
        be answered costs no other its answer. If `on_progress` returns False, none is asked again.
        """
        try:
            answers = self.ground_all(clip, questions, on_progress)
        except Canceled as error:
            yield from [error] * len(questions)
            return
        except Exception as error:  # noqa: BLE001 - a backend may raise anything
            if len(questions) == 1:
                yield error
            else:
                for question in questions:
                    yield from self.ground_each(clip, [question], on_progress)
            return
        yield from answers

    def _generate(
        self, clip: Clip, questions: Sequence[Question], on_progress: OnProgress
    ) -> list[Answer]:
        """Answer questions that have one limit of tokens."""
        began_ns = time.monotonic_ns()
        streams = [
            _Stream(clip, on_progress, self._format.parser(grammar.DEFAULT_LIMITS, question.task))
            for question in questions
        ]
        generations = self._backend.generate(
            clip,
            [question.prompt for question in questions],
            GenerateOptions(questions[0].max_new_tokens),
            lambda index, text: streams[index].on_text(clean(text)),
        )
        # The tokens stay as they are: only their lengths count, which cleaning does not change.
        generations = [
            replace(generation, text=clean(generation.text)) for generation in generations
        ]
        if any(generation.stopped for generation in generations):
            raise Canceled('generating')
        latency_ns = time.monotonic_ns() - began_ns
        answers = [
            answer_of(
                clip,
                question,
                self._format.parse(generation.text, task=question.task),
                generation,
                self.model,
                latency_ns,
            )
            for question, generation in zip(questions, generations, strict=True)
        ]
        calibrated = [self._calibration.applied(answer) for answer in answers]
        if self._abstain:
            return [self._calibration.without_unsure(answer) for answer in calibrated]
        return calibrated


class _Stream:
    """Reads one answer's text as it comes, to report points before the answer is complete."""

    def __init__(self, clip: Clip, on_progress: OnProgress, parser: grammar.AnswerParser) -> None:
        self._clip = clip
        self._on_progress = on_progress
        self._parser = parser
        self._points: list[Point] = []
        self._tokens = 0

    def on_text(self, text: str) -> bool:
        # A server's backend calls with '' while it waits: that is no token.
        self._tokens += bool(text)
        for parsed in self._parser.feed(text):
            frame = find_frame(self._clip, parsed)
            if frame is not None:
                self._points.append(point_on(frame, parsed, parsed.id))
        return self._on_progress(Progress('generating', self._tokens, tuple(self._points)))
