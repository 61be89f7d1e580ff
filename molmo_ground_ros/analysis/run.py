# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Asks all questions about all windows of all cameras, and merges the answers. Holds no frame.

A window without an answer becomes a gap with its reason, and the analysis goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from molmo_ground_ros.analysis.findings import Analysis, Finding
from molmo_ground_ros.analysis.store import AnswerKeeper, Key, StoredAnswer
from molmo_ground_ros.analysis.window import Failure, Span, WindowAnswers, WindowRunner, Work
from molmo_ground_ros.errors import BadSetting, GroundError, NoFrames
from molmo_ground_ros.grounding.stitch import Stitcher
from molmo_ground_ros.grounding.stitch.assign import check_solver
from molmo_ground_ros.recording import MAX_WINDOW_NS, OVERLAP_NS, Recording
from molmo_ground_ros.types import Answer, Question

# A window this long shares all of itself with its neighbours.
MIN_WINDOW_NS = 2 * OVERLAP_NS
NOT_REACHED = 'not asked: the run was interrupted'

OnWindow = Callable[[int, int], None]
"""Called after every window with the number asked so far and the number to ask."""

_log = logging.getLogger(__name__)


def _ignore(asked_windows: int, total: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """The questions of an analysis, and the windows that they are asked about."""

    sources: tuple[str, ...]  # paths, as they were given
    # No question is there twice.
    questions: tuple[Question, ...]
    span_ns: Span  # stamps, both ends in it
    windows: Mapping[str, Sequence[Span]]  # by camera
    settings: Mapping[str, str]


def make_plan(
    sources: Sequence[str],
    recordings: Mapping[str, Recording],
    questions: Sequence[Question],
    settings: Mapping[str, str],
    start_ns: int = 0,
    end_ns: int | None = None,
    length_ns: int = MAX_WINDOW_NS,
) -> AnalysisPlan:
    """Plan the windows of all cameras between two times.

    start_ns, end_ns: from the first image of all cameras; without `end_ns` to the last image.
    length_ns: of a window at most. Raises BadSetting for a question that is there twice and for a
    window that is shorter than two overlaps or too long, NoFrames if no camera has an image in the
    span, and MissingPackage if there are windows to merge and the package for that is missing.
    """
    if not MIN_WINDOW_NS <= length_ns <= MAX_WINDOW_NS:
        shortest, longest = MIN_WINDOW_NS / 1e9, MAX_WINDOW_NS / 1e9
        raise BadSetting('window', length_ns / 1e9, f'must be from {shortest:g} to {longest:g} s')
    for number, question in enumerate(questions):
        if question in questions[:number]:
            raise BadSetting('query', question.query.text, 'it is asked twice')
    spans = [recording.span for recording in recordings.values() if len(recording.stamps)]
    names = ', '.join(recordings)
    if not spans:
        raise NoFrames(names, f'{", ".join(sources)} holds no picture of it')
    first_ns, last_ns = min(span[0] for span in spans), max(span[1] for span in spans)
    from_ns = first_ns + start_ns
    to_ns = last_ns if end_ns is None else min(first_ns + end_ns, last_ns)
    if from_ns > to_ns:
        raise NoFrames(names, f'it ends at {(last_ns - first_ns) / 1e9:.3f} s')
    windows = {
        camera: recording.windows(from_ns, to_ns, length_ns)
        for camera, recording in recordings.items()
    }
    if not any(windows.values()):
        raise NoFrames(names, f'none from {start_ns / 1e9:.3f} s on, to the end of the span')
    if any(len(spans) > 1 for spans in windows.values()):
        # Said now, and not after hours of asking.
        check_solver()
    return AnalysisPlan(tuple(sources), tuple(questions), (from_ns, to_ns), windows, dict(settings))


def unanswered(plan: AnalysisPlan, store: AnswerKeeper | None = None) -> list[Work]:
    """The windows with questions that `store` has no answer to, by camera, then by time."""
    answered = store.answers if store else {}
    works = []
    for camera, spans in plan.windows.items():
        # Before all stamps, which are from 0 on.
        earlier_end_ns = -1
        for span in spans:
            numbers = range(len(plan.questions))
            questions = tuple(n for n in numbers if (camera, span, n) not in answered)
            if questions:
                works.append(Work(camera, span, earlier_end_ns, questions))
            earlier_end_ns = span[1]
    return works


def analyze(
    plan: AnalysisPlan,
    recordings: Mapping[str, Recording],
    runner: WindowRunner,
    store: AnswerKeeper | None = None,
    on_window: OnWindow = _ignore,
) -> Analysis:
    """Ask the questions of a plan, and merge the answers. Ctrl-C ends the asking, not the merging.

    Answers in `store` are not asked for again, and new ones are added to it. The same recordings,
    model and plan give the same result bit for bit except for times, however often the run was
    resumed and whatever `runner` is. Raises the first window's error if no window gave an answer,
    and OSError (a full disk).
    """
    run = _Run(plan, recordings, store)
    run.restore()
    works = unanswered(plan, store)
    complete = True
    try:
        for number, window in enumerate(runner.ask(works), start=1):
            run.add(window)
            on_window(number, len(works))
    except KeyboardInterrupt:
        complete = False
    if run.failed and not run.answers:
        raise run.failed[min(run.failed, key=run.position)]
    began_s = time.monotonic()
    findings = tuple(
        run.finding(camera, number)
        for camera in plan.windows
        for number in range(len(plan.questions))
    )
    run.timing_s['merge'] = time.monotonic() - began_s
    return Analysis(
        sources=plan.sources,
        cameras=tuple(plan.windows),
        span_ns=plan.span_ns,
        findings=findings,
        losses=losses(recordings),
        settings=plan.settings,
        model=runner.model,
        timing_s=run.timing_s,
        frames=sum(run.frames.values()),
        complete=complete,
    )


def losses(recordings: Mapping[str, Recording]) -> tuple[str, ...]:
    """What is missing of the recordings, as far as they were read; each as a line for a person."""
    # Many cameras share an index: it is asked once.
    indexes = dict.fromkeys(recording.index for recording in recordings.values())
    every_loss = (loss for index in indexes for loss in index.loss)
    return tuple(dict.fromkeys(str(loss) for loss in every_loss))


@dataclass(slots=True)
class _Run:
    """The answers and failures so far, which come in any order."""

    plan: AnalysisPlan
    recordings: Mapping[str, Recording]
    store: AnswerKeeper | None
    answers: dict[Key, Answer] = field(default_factory=dict)
    failed: dict[Key, GroundError] = field(default_factory=dict)
    # How many frames were decoded, by window.
    frames: dict[tuple[str, Span], int] = field(default_factory=dict)
    timing_s: dict[str, float] = field(
        default_factory=lambda: {'read': 0.0, 'ask': 0.0, 'merge': 0.0}
    )

    def restore(self) -> None:
        """Take the answers of earlier runs, with the images that they found undecodable."""
        for key, stored in self.store.answers.items() if self.store else ():
            camera, span, _ = key
            if span in self.plan.windows.get(camera, ()):
                self.answers[key] = stored.answer
                self._note_read(camera, span, stored.frames, stored.undecodable)

    def add(self, window: WindowAnswers) -> None:
        """Add the outcome of a window, also to the store. Raises OSError."""
        camera, span = window.work.camera, window.work.span
        self.timing_s['read'] += window.read_s
        self.timing_s['ask'] += window.ask_s
        self._note_read(camera, span, window.frames, window.undecodable)
        for question, answer in window.answers.items():
            key = camera, span, question
            if self.store:
                self.store.add(key, StoredAnswer(answer, window.frames, window.undecodable))
            self.answers[key] = answer
        for question, failure in window.failures.items():
            self._note_failure((camera, span, question), failure)

    def _note_read(
        self, camera: str, span: Span, frames: int, undecodable: Sequence[tuple[int, str]]
    ) -> None:
        self.frames[camera, span] = frames
        for stamp_ns, why in undecodable:
            self.recordings[camera].note_undecodable(stamp_ns, why)

    def _note_failure(self, key: Key, failure: Failure) -> None:
        if failure.trace:
            _log.error('window %s of %s failed:\n%s', key[1], key[0], failure.trace)
        self.failed[key] = failure.error

    def position(self, key: Key) -> tuple[int, Span, int]:
        """The place of a question about a window in the plan."""
        camera, span, question = key
        return list(self.plan.windows).index(camera), span, question

    def finding(self, camera: str, question: int) -> Finding:
        """The merged answer of the windows of one camera to one question."""
        stitcher = Stitcher(camera, self.plan.questions[question])
        for span in self.plan.windows[camera]:
            key = camera, span, question
            if key in self.answers:
                stitcher.add(self.answers[key])
            else:
                stitcher.miss(*span, str(self.failed.get(key, NOT_REACHED)))
        return stitcher.result()
