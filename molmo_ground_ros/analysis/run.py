# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All questions about all windows of all cameras, merged. Holds answers, and no frame.

A window without an answer is a gap with its reason, and the rest goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from molmo_ground_ros.analysis.findings import Analysis, Finding
from molmo_ground_ros.analysis.stitch import Stitcher
from molmo_ground_ros.analysis.stitch.assign import check_solver
from molmo_ground_ros.analysis.store import Done, Key, Store
from molmo_ground_ros.analysis.window import Failure, Span, WindowAnswers, WindowRunner, Work
from molmo_ground_ros.errors import BadSetting, GroundError, NoFrames
from molmo_ground_ros.frames.windows import MAX_WINDOW_NS, OVERLAP_NS
from molmo_ground_ros.recording import Recording
from molmo_ground_ros.types import Answer, Question

MIN_WINDOW_NS = 2 * OVERLAP_NS  # what it shares with its neighbours is not all of it
NOT_REACHED = 'not asked: the run was interrupted'

OnWindow = Callable[[int, int], None]
"""Called after every window with how many were asked so far, of how many to ask."""

_log = logging.getLogger(__name__)


def _tell_nobody(asked: int, total: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask about what."""

    sources: tuple[str, ...]  # paths, as they were given
    questions: tuple[Question, ...]  # each once
    span_ns: Span  # stamps, both ends in it
    windows: Mapping[str, Sequence[Span]]  # by camera
    settings: Mapping[str, str]


def plan(
    sources: Sequence[str],
    recordings: Mapping[str, Recording],
    questions: Sequence[Question],
    settings: Mapping[str, str],
    start_ns: int = 0,
    end_ns: int | None = None,
    length_ns: int = MAX_WINDOW_NS,
) -> Plan:
    """The windows of all cameras between two times, counted from their first picture, ns.

    Without `end_ns`: to the end. length_ns: of a window, at most. Raises BadSetting
    for a question that is there twice and for a window shorter than two overlaps or too long,
    NoFrames where no camera has a picture in the span, MissingPackage where there are windows to
    merge and the package for that is missing.
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
    windows = {name: one.windows(from_ns, to_ns, length_ns) for name, one in recordings.items()}
    if not any(windows.values()):
        raise NoFrames(names, f'none from {start_ns / 1e9:.3f} s on, to the end of the span')
    if any(len(spans) > 1 for spans in windows.values()):
        # Said now, and not after hours of asking.
        check_solver()
    return Plan(tuple(sources), tuple(questions), (from_ns, to_ns), windows, dict(settings))


def left(what: Plan, store: Store | None = None) -> list[Work]:
    """The windows with questions that `store` has no answer to, by camera, then by time."""
    done = store.done if store else {}
    found = []
    for camera, spans in what.windows.items():
        seen_ns = -1  # stamps are from 0 on
        for span in spans:
            asked = (n for n in range(len(what.questions)) if (camera, span, n) not in done)
            if questions := tuple(asked):
                found.append(Work(camera, span, seen_ns, questions))
            seen_ns = span[1]
    return found


def analyze(
    what: Plan,
    recordings: Mapping[str, Recording],
    asker: WindowRunner,
    store: Store | None = None,
    on_window: OnWindow = _tell_nobody,
) -> Analysis:
    """Ask, and merge the answers. Ctrl-C ends the asking: what is finished is given.

    What `store` holds is not asked again, and what is answered is added to it. The same recordings,
    model and plan give the same result bit for bit, but for times, however often it was resumed
    and whoever asks. Raises the first window's error where no window gave an answer, OSError (a
    full disk).
    """
    run = _Run(what, recordings, store)
    run.restore()
    works = left(what, store)
    complete = True
    try:
        for number, asked in enumerate(asker.ask(works), start=1):
            run.take(asked)
            on_window(number, len(works))
    except KeyboardInterrupt:
        complete = False
    if run.failed and not run.done:
        raise run.failed[min(run.failed, key=run.place)]
    began_s = time.monotonic()
    findings = tuple(
        run.finding(camera, number)
        for camera in what.windows
        for number in range(len(what.questions))
    )
    run.timing_s['merge'] = time.monotonic() - began_s
    return Analysis(
        sources=what.sources,
        cameras=tuple(what.windows),
        span_ns=what.span_ns,
        findings=findings,
        losses=losses(recordings),
        settings=what.settings,
        model=asker.model,
        timing_s=run.timing_s,
        frames=sum(run.frames.values()),
        complete=complete,
    )


def losses(recordings: Mapping[str, Recording]) -> tuple[str, ...]:
    """What is missing of the recordings, as far as they were read; a line for a person each."""
    found = (loss for recording in recordings.values() for loss in recording.loss)
    return tuple(dict.fromkeys(str(loss) for loss in found))


@dataclass(slots=True)
class _Run:
    """What was found so far, in whatever order."""

    plan: Plan
    recordings: Mapping[str, Recording]
    store: Store | None
    done: dict[Key, Answer] = field(default_factory=dict)
    failed: dict[Key, GroundError] = field(default_factory=dict)
    frames: dict[tuple[str, Span], int] = field(default_factory=dict)  # decoded, by window
    timing_s: dict[str, float] = field(
        default_factory=lambda: {'read': 0.0, 'ask': 0.0, 'merge': 0.0}
    )

    def restore(self) -> None:
        """Take what was finished before, with what was found undecodable then."""
        for key, done in self.store.done.items() if self.store else ():
            camera, span, _ = key
            if span in self.plan.windows.get(camera, ()):
                self.done[key] = done.answer
                self._read(camera, span, done.frames, done.undecodable)

    def take(self, asked: WindowAnswers) -> None:
        """Keep what came of a window. Raises OSError."""
        camera, span = asked.work.camera, asked.work.span
        self.timing_s['read'] += asked.read_s
        self.timing_s['ask'] += asked.ask_s
        self._read(camera, span, asked.frames, asked.undecodable)
        for question, answer in asked.answers.items():
            key = camera, span, question
            if self.store:
                self.store.add(key, Done(answer, asked.frames, asked.undecodable))
            self.done[key] = answer
        for question, failure in asked.failures.items():
            self._fail((camera, span, question), failure)

    def _read(
        self, camera: str, span: Span, frames: int, undecodable: Sequence[tuple[int, str]]
    ) -> None:
        self.frames[camera, span] = frames
        for stamp_ns, why in undecodable:
            self.recordings[camera].note_undecodable(stamp_ns, why)

    def _fail(self, key: Key, failure: Failure) -> None:
        if failure.trace:
            _log.error('window %s of %s failed:\n%s', key[1], key[0], failure.trace)
        self.failed[key] = failure.error

    def place(self, key: Key) -> tuple[int, Span, int]:
        """Where in the plan a question about a window stands."""
        camera, span, question = key
        return list(self.plan.windows).index(camera), span, question

    def finding(self, camera: str, question: int) -> Finding:
        """What the windows say together about one question."""
        stitcher = Stitcher(camera, self.plan.questions[question])
        for span in self.plan.windows[camera]:
            key = camera, span, question
            if key in self.done:
                stitcher.add(self.done[key])
            else:
                stitcher.miss(*span, str(self.failed.get(key, NOT_REACHED)))
        return stitcher.result()
