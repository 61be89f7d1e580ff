# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings as a source for agents. Opens, reads and asks in one thread, one thing at a time."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from functools import partial
from typing import TypeVar

from molmo_ground_ros.analysis import run as windows_of
from molmo_ground_ros.analysis.findings import Analysis
from molmo_ground_ros.analysis.positions import with_positions
from molmo_ground_ros.analysis.window import LocalRunner, WindowAnswers, Work
from molmo_ground_ros.commands.agents import pictures
from molmo_ground_ros.commands.agents.folders import AllowedFolders
from molmo_ground_ros.commands.positions import open_spaces
from molmo_ground_ros.errors import BadRequest, BagError, Canceled, TimedOut
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.loader import GrounderLoader
from molmo_ground_ros.recording import MAX_WINDOW_NS, RecordedSpace, Recording, open_cameras
from molmo_ground_ros.recording.below import files_of
from molmo_ground_ros.reports.agent_record import (
    AgentAnswer,
    AgentQuestion,
    Record,
    answer_of_recording,
    moment_ns,
    stamp_text,
)
from molmo_ground_ros.reports.drawing import Image
from molmo_ground_ros.types import Query

# Recordings that stay open: opening one reads all of it.
MOST_OPEN = 4
_POLL_S = 0.1
_Outcome = TypeVar('_Outcome')


class RecordingSource:
    """Answers from recordings below the allowed folders, with a model of its own."""

    def __init__(
        self,
        folders: AllowedFolders,
        loader: GrounderLoader,
        *,
        window_ns: int = MAX_WINDOW_NS,
        target_frame: str = '',
    ) -> None:
        """loader: of the model, which is loaded with the first question."""
        self.folders = folders
        self._loader = loader
        self._window_ns, self._target_frame = window_ns, target_frame
        self._thread = ThreadPoolExecutor(1, thread_name_prefix='recordings')
        # All below: touched by the thread alone.
        self._grounder: Grounder | None = None
        self._open: dict[str, dict[str, Recording]] = {}

    def close(self) -> None:
        """Close the recordings and free the model; waits for what is being done."""
        self._thread.submit(self._close).result()
        self._thread.shutdown()

    def recordings(self) -> list[Record]:
        """The name and the size in bytes of each recording. Opens none."""
        return [
            {'recording': name, 'bytes': sum(file.stat().st_size for file in files_of(path))}
            for name, path in self.folders.recordings().items()
        ]

    def cameras(self, recording: str) -> list[Record]:
        """Each camera of a recording: its images, and the stamps of the first and last one."""
        return self._in_turn(lambda: self._cameras(recording), AgentQuestion(''))

    def ask(self, question: AgentQuestion) -> AgentAnswer:
        """The merged answer of all windows of a span."""
        return self._in_turn(lambda: self._ask(question, None), question)

    def watch(self, question: AgentQuestion, seconds: float, most: int) -> AgentAnswer:
        """The events of `seconds` of a recording from the question's start on."""
        answer = self._in_turn(lambda: self._ask(question, seconds), question)
        record = answer.record
        events = record.pop('points')
        record['events'], record['events_left_out'] = events[:most], max(0, len(events) - most)
        return answer

    # -- in the thread --------------------------------------------------------------------------

    def _cameras(self, name: str) -> list[Record]:
        named, _ = self.folders.named(name)
        return [
            {
                'camera': camera,
                'recording': named,
                'images': len(recording.stamps),
                'start': stamp_text(recording.span[0]),
                'end': stamp_text(recording.span[1]),
                'losses': [self.folders.without_roots(str(loss)) for loss in recording.loss],
            }
            for camera, recording in self._recordings(named).items()
        ]

    def _ask(self, question: AgentQuestion, seconds: float | None) -> AgentAnswer:
        named, _ = self.folders.named(question.recording)
        camera, recording = self._camera(named, question.camera)
        first_ns, last_ns = recording.span
        start_ns = moment_ns(question.start, first_ns, first_ns)
        end_ns = moment_ns(question.end, first_ns, last_ns)
        if seconds is not None:
            end_ns = min(end_ns, start_ns + round(seconds * 1e9))
        if end_ns < start_ns or end_ns < first_ns or start_ns > last_ns:
            span = f'{stamp_text(start_ns)} to {stamp_text(end_ns)}'
            raise BadRequest(f'{span}: {camera} is from {stamp_text(first_ns)} to '
                             f'{stamp_text(last_ns)}')  # fmt: skip
        span_ns = max(start_ns, first_ns), min(end_ns, last_ns)
        recordings = {camera: recording}
        plan = windows_of.make_plan(
            [named], recordings, [self._loader.question(Query(question.text, question.task))], {},
            span_ns[0] - first_ns, span_ns[1] - first_ns, self._window_ns,
        )  # fmt: skip
        windows = len(plan.windows[camera])
        question.on_progress(0, windows, f'0 of {windows} windows')
        runner = _Withdrawable(LocalRunner(recordings, self._model(), plan.questions), question)
        analysis = windows_of.analyze(plan, recordings, runner, None, _reporter(question))
        around, why = self._space(recordings)
        analysis = with_positions(analysis, around)
        return self._answer(analysis, named, why)

    def _answer(self, analysis: Analysis, name: str, no_metres: str) -> AgentAnswer:
        (finding,), span_ns = analysis.findings, analysis.span_ns
        summary: Record = {'recording': name}
        if no_metres:
            summary['no_metres'] = no_metres
        record = answer_of_recording(finding, span_ns, analysis.model, summary)
        record['losses'] = [self.folders.without_roots(loss) for loss in analysis.losses]

        def drawn(draw: Callable[[Mapping[str, Recording]], Image]) -> Image:
            return self._in_turn(lambda: draw(self._recordings(name)), AgentQuestion(''))

        return AgentAnswer(
            record,
            lambda: drawn(partial(pictures.sheet_of, finding, span_ns)),
            lambda number: drawn(partial(pictures.frame_of, finding, number)),
        )

    def _camera(self, name: str, camera: str) -> tuple[str, Recording]:
        recordings = self._recordings(name)
        if not camera and len(recordings) == 1:
            return next(iter(recordings.items()))
        if camera not in recordings:
            which = f"no camera '{camera}'" if camera else 'there are several cameras'
            raise BadRequest(f'{which}: name one of {", ".join(recordings)}')
        return camera, recordings[camera]

    def _recordings(self, name: str) -> dict[str, Recording]:
        """The cameras of a recording, which stays open for a while."""
        path = str(self.folders.named(name)[1])
        opened = self._open.pop(path, None) or open_cameras([path])
        self._open[path] = opened
        while len(self._open) > MOST_OPEN:
            oldest = self._open.pop(next(iter(self._open)))
            next(iter(oldest.values())).close()
        return opened

    def _space(self, recordings: Mapping[str, Recording]) -> tuple[dict[str, RecordedSpace], str]:
        """What is known of the space around a camera, and why nothing is."""
        options = argparse.Namespace(
            depth=[], camera_info=[], depth_info=[], target_frame=self._target_frame
        )
        try:
            return open_spaces(options, recordings), ''
        except BagError as error:
            return {}, str(error)

    def _model(self) -> Grounder:
        if self._grounder is None:
            self._grounder = self._loader.load()
        return self._grounder

    def _close(self) -> None:
        for opened in self._open.values():
            next(iter(opened.values())).close()
        self._open.clear()
        if self._grounder is not None:
            self._grounder.close()

    # -- waiting for the thread -----------------------------------------------------------------

    def _in_turn(self, act: Callable[[], _Outcome], question: AgentQuestion) -> _Outcome:
        """What `act` gives, in the thread. Raises Canceled once it is withdrawn, TimedOut."""
        future: Future[_Outcome] = self._thread.submit(act)
        deadline = time.monotonic() + question.timeout_s
        while True:
            try:
                return future.result(_POLL_S)
            except NotYet:
                if future.done():
                    raise
            if question.stop.is_set():
                future.cancel()
                raise Canceled('waiting')
            if time.monotonic() > deadline:
                # What runs already ends after its window.
                future.cancel()
                question.stop.set()
                raise TimedOut(round(question.timeout_s * 1e9), 'asking')


class _Withdrawable:
    """Asks as another runner does, until the question is withdrawn; then raises Canceled."""

    def __init__(self, runner: LocalRunner, question: AgentQuestion) -> None:
        self._runner, self._question = runner, question

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._runner.model

    def ask(self, works: Sequence[Work]) -> Iterator[WindowAnswers]:
        """The outcome of each window. Raises Canceled between two windows."""
        for work in works:
            if self._question.stop.is_set():
                raise Canceled('asking')
            yield self._runner.ask_window(work)


def _reporter(question: AgentQuestion) -> Callable[[int, int], None]:
    def report(done: int, total: int) -> None:
        question.on_progress(done, total, f'{done} of {total} windows')

    return report
