# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Joins the answers of a recording's windows into one finding, one after another."""

from __future__ import annotations

import math

from molmo_ground_ros.errors import BadArgument, BadSpan
from molmo_ground_ros.grounding.stitch import coverage
from molmo_ground_ros.grounding.stitch.events import EVENT_NS, EventMerger
from molmo_ground_ros.grounding.stitch.finding import AnsweredWindow, Finding, Seam
from molmo_ground_ros.grounding.stitch.tracks import TrackMerger
from molmo_ground_ros.types import Answer, Question


class Stitcher:
    """One question's answers about one camera, joined window by window. For one thread.

    It holds points and no frame. The same answers in the same order give the same result, whether
    `result` was called in between or not.
    """

    def __init__(self, camera: str, question: Question) -> None:
        self._camera = camera
        self._question = question
        self._windows: list[AnsweredWindow] = []
        self._seams: list[Seam] = []
        # The last stamp that a window speaks for.
        self._covered_ns = 0
        self._events = EventMerger()
        self._tracks = TrackMerger()

    def add(self, answer: Answer) -> None:
        """Join the next window, which begins after all before it.

        Raises BadSpan for one that does not, BadArgument for an answer about another camera or to
        another question, and for points on an image without a size.
        """
        check_answer(answer, self._camera, self._question)
        self._check_span(answer.start_ns, answer.end_ns)
        earlier = self._windows
        window = coverage.answered(len(earlier), answer)
        diagonal = math.hypot(answer.image_width, answer.image_height)
        origin_ns = earlier[0].start_ns if earlier else answer.start_ns
        events = self._events.add(answer.points, answer.label, window, earlier, origin_ns, diagonal)
        tracks = self._tracks.add(
            [track for track in answer.tracks if track.points], window, diagonal
        )
        if earlier:
            self._seams.append(_seam(window, self._covered_ns, events, tracks))
        self._append(window)

    def miss(self, start_ns: int, end_ns: int, reason: str) -> None:
        """Note that the next window has no answer, and why. Raises BadSpan as `add` does."""
        self._check_span(start_ns, end_ns)
        self._append(coverage.failed(len(self._windows), start_ns, end_ns, reason))

    def result(self) -> Finding:
        """The finding of the windows so far."""
        windows = tuple(self._windows)
        gaps = coverage.gaps(windows)
        return Finding(
            question=self._question,
            camera=self._camera,
            windows=windows,
            events=self._events.result(windows),
            tracks=self._tracks.result(windows, gaps),
            seams=tuple(self._seams),
            gaps=gaps,
            # The next window begins after the newest, and reaches back no further than this.
            settled_ns=windows[-1].start_ns - EVENT_NS if windows else 0,
        )

    def _append(self, window: AnsweredWindow) -> None:
        self._windows.append(window)
        self._covered_ns = max(self._covered_ns, window.seen_until_ns)

    def _check_span(self, start_ns: int, end_ns: int) -> None:
        check_next(start_ns, end_ns, self._windows[-1].start_ns if self._windows else None)


def check_answer(answer: Answer, camera: str, question: Question) -> None:
    """Raise BadArgument for another camera or question, and for points on no image."""
    for name, value, expected in (
        ('camera', answer.camera, camera),
        ('question', answer.query.text, question.query.text),
    ):
        if value != expected:
            raise BadArgument(name, value, f'the other windows are of {expected!r}')
    if (answer.points or answer.tracks) and not (answer.image_width and answer.image_height):
        size = answer.image_width, answer.image_height
        raise BadArgument('image size', size, 'there are points on it')


def check_next(start_ns: int, end_ns: int, newest_ns: int | None) -> None:
    """Raise BadSpan for a window that cannot be the next.

    newest_ns: the start of the window before it, or None.
    """
    if end_ns < start_ns:
        raise BadSpan(start_ns, end_ns, 'it ends before it starts')
    if newest_ns is not None and start_ns <= newest_ns:
        raise BadSpan(start_ns, end_ns, 'it does not begin after the window before it')


def _seam(
    window: AnsweredWindow, covered_ns: int, events: tuple[int, int], tracks: tuple[int, int]
) -> Seam:
    return Seam(
        window=window.index,
        start_ns=window.start_ns,
        end_ns=min(window.seen_until_ns, covered_ns),
        events_joined=events[0],
        tracks_joined=tracks[0],
        undecided=events[1] + tracks[1],
    )
