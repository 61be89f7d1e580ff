# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All questions about all windows of all cameras, merged. Holds answers, and one clip at a time.

A window without an answer is a gap with its reason, and the rest goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from molmo_ground_ros import prompts
from molmo_ground_ros.analysis.store import Done, Key, Span, Store
from molmo_ground_ros.analysis.values import Analysis, Finding
from molmo_ground_ros.errors import BackendError, BadSetting, GroundError, NoFrames
from molmo_ground_ros.grounder import Grounder
from molmo_ground_ros.recording import Recording
from molmo_ground_ros.stitch import Stitched, Stitcher
from molmo_ground_ros.types import Answer, Clip, Query
from molmo_ground_ros.windows import MAX_WINDOW_NS, OVERLAP_NS

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
    queries: tuple[Query, ...]  # each once
    span_ns: Span  # stamps, both ends in it
    windows: Mapping[str, Sequence[Span]]  # by camera
    settings: Mapping[str, str]


def plan(
    sources: Sequence[str],
    recordings: Mapping[str, Recording],
    queries: Sequence[Query],
    settings: Mapping[str, str],
    start_ns: int = 0,
    end_ns: int | None = None,
    length_ns: int = MAX_WINDOW_NS,
) -> Plan:
    """The windows of all cameras between two times, counted from their first picture, ns.

    Without `end_ns`: to the end. length_ns: of a window, at most. Raises BadQuestion, BadSetting
    for a question that is there twice and for a window shorter than two overlaps or too long,
    NoFrames where no camera has a picture in the span.
    """
    if not MIN_WINDOW_NS <= length_ns <= MAX_WINDOW_NS:
        shortest, longest = MIN_WINDOW_NS / 1e9, MAX_WINDOW_NS / 1e9
        raise BadSetting('window', length_ns / 1e9, f'must be from {shortest:g} to {longest:g} s')
    for number, query in enumerate(queries):
        prompts.prompt(query.text, query.task)
        if query in queries[:number]:
            raise BadSetting('query', query.text, 'it is asked twice')
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
    return Plan(tuple(sources), tuple(queries), (from_ns, to_ns), windows, dict(settings))


def analyze(
    what: Plan,
    recordings: Mapping[str, Recording],
    grounder: Grounder,
    store: Store | None = None,
    on_window: OnWindow = _tell_nobody,
) -> Analysis:
    """Ask, and merge the answers. Ctrl-C ends the asking: what is finished is given.

    What `store` holds is not asked again, and what is answered is added to it. The same recordings,
    model and plan give the same result bit for bit, but for times, however often it was resumed.
    Raises the first window's error where no window gave an answer, OSError (a full disk).
    """
    run = _Run(what, recordings, grounder, store)
    complete, total = True, run.left()
    try:
        for asked in run.ask():
            on_window(asked, total)
    except KeyboardInterrupt:
        complete = False
    if run.first_error is not None and not run.done:
        raise run.first_error
    began_s = time.monotonic()
    findings = tuple(
        Finding(query, camera, run.stitched(camera, question))
        for camera in what.windows
        for question, query in enumerate(what.queries)
    )
    run.timing_s['merge'] = time.monotonic() - began_s
    return Analysis(
        sources=what.sources,
        cameras=tuple(what.windows),
        span_ns=what.span_ns,
        findings=findings,
        losses=losses(recordings),
        settings=what.settings,
        model=grounder.model,
        timing_s=run.timing_s,
        frames=run.frames,
        complete=complete,
    )


def losses(recordings: Mapping[str, Recording]) -> tuple[str, ...]:
    """What is missing of the recordings, as far as they were read; a line for a person each."""
    found = (loss for recording in recordings.values() for loss in recording.loss)
    return tuple(dict.fromkeys(str(loss) for loss in found))


@dataclass(slots=True)
class _Run:
    """What was found so far."""

    plan: Plan
    recordings: Mapping[str, Recording]
    grounder: Grounder
    store: Store | None
    done: dict[Key, Answer] = field(default_factory=dict)
    failed: dict[Key, str] = field(default_factory=dict)  # why
    first_error: GroundError | None = None
    frames: int = 0
    timing_s: dict[str, float] = field(
        default_factory=lambda: {'read': 0.0, 'ask': 0.0, 'merge': 0.0}
    )

    def left(self) -> int:
        """Windows that were not finished before."""
        done = self.store.done if self.store else {}
        questions = range(len(self.plan.queries))
        return sum(
            any((camera, span, question) not in done for question in questions)
            for camera, spans in self.plan.windows.items()
            for span in spans
        )

    def ask(self) -> Iterator[int]:
        """Ask window by window; gives how many were asked so far."""
        asked = 0
        for camera, spans in self.plan.windows.items():
            newest_ns = 0  # of all frames decoded so far
            for span in spans:
                newest_ns = max(newest_ns, self._restore(camera, span))
                keys = [(camera, span, number) for number in range(len(self.plan.queries))]
                missing = [key for key in keys if key not in self.done]
                if missing:
                    newest_ns = max(newest_ns, self._window(missing, newest_ns))
                    asked += 1
                    yield asked

    def _restore(self, camera: str, span: Span) -> int:
        """Take what was finished before. Gives the stamp of its newest frame, 0 if there is none.

        What was found undecodable then is told again, so that the losses are the same.
        """
        keys = ((camera, span, number) for number in range(len(self.plan.queries)))
        found = {key: self.store.done[key] for key in keys if self.store and key in self.store.done}
        for key, done in found.items():
            self.done[key] = done.answer
            for stamp_ns, why in done.undecodable:
                self.recordings[camera].note_undecodable(stamp_ns, why)
        self.frames += max((done.frames for done in found.values()), default=0)
        return max((done.answer.newest_ns for done in found.values()), default=0)

    def _window(self, keys: Sequence[Key], newest_ns: int) -> int:
        """Ask these questions about one window. Gives the stamp of its newest frame."""
        camera, span, _ = keys[0]
        recording = self.recordings[camera]
        known = len(recording.undecodable)
        began_s = time.monotonic()
        try:
            clip = recording.clip(*span)
        except (GroundError, OSError) as err:
            for key in keys:
                self._fail(key, err)
            return newest_ns
        self.timing_s['read'] += time.monotonic() - began_s
        frames = sum(frame.stamp_ns > newest_ns for frame in clip.frames)
        undecodable = tuple(islice(recording.undecodable.items(), known, None))
        began_s = time.monotonic()
        for key, answer in self._answers(clip, keys):
            if isinstance(answer, Answer):
                if self.store:
                    self.store.add(key, Done(answer, frames, undecodable))
                self.done[key] = answer
            else:
                self._fail(key, answer)
        self.timing_s['ask'] += time.monotonic() - began_s
        self.frames += frames
        return clip.frames[-1].stamp_ns

    def _answers(self, clip: Clip, keys: Sequence[Key]) -> Iterator[tuple[Key, Answer | Exception]]:
        """Of all questions at once; where that fails, of each alone."""
        queries = [self.plan.queries[number] for _, _, number in keys]
        try:
            answers = self.grounder.ground_all(clip, queries)
        except Exception as err:  # noqa: BLE001 - the Backend protocol says so
            if len(keys) == 1:
                yield keys[0], err
            else:
                for key in keys:
                    yield from self._answers(clip, [key])
            return
        yield from zip(keys, answers, strict=True)

    def _fail(self, key: Key, error: Exception) -> None:
        if not isinstance(error, GroundError):
            _log.error('window %s of %s failed', key[1], key[0], exc_info=error)
            error = BackendError(f'{type(error).__name__}: {error}')
        self.failed[key] = str(error)
        self.first_error = self.first_error or error

    def stitched(self, camera: str, question: int) -> Stitched:
        """What the windows say together about one question."""
        stitcher = Stitcher(camera, self.plan.queries[question].text)
        for span in self.plan.windows[camera]:
            key = camera, span, question
            if key in self.done:
                stitcher.add(self.done[key])
            else:
                stitcher.miss(*span, self.failed.get(key, NOT_REACHED))
        return stitcher.result()
