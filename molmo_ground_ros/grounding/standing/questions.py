# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All standing questions: set, replaced, removed and listed by callers, asked by the worker."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from molmo_ground_ros.errors import GroundError, ShuttingDown, clean, traceback_text
from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.frames.pinned_window import PinnedWindow
from molmo_ground_ros.grounding.session_settings import StandingSettings
from molmo_ground_ros.grounding.standing.course import Course, NumberedEvent, StandingStatus
from molmo_ground_ros.grounding.standing.entries import Entry, EntryMaker, Remembered
from molmo_ground_ros.grounding.standing.passes import GaveWay, Outcome, StandingPass
from molmo_ground_ros.grounding.standing.recall import recall
from molmo_ground_ros.grounding.standing.request import (
    BadStanding,
    StandingRequest,
    UnknownStanding,
    read_request,
)
from molmo_ground_ros.grounding.standing.schedule import Due, choose, make_pass
from molmo_ground_ros.types import Answer, Query, Question

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One answer to a standing question, and the events that became ripe with it."""

    request: StandingRequest
    # The ids of its tracks are those of objects, which they keep.
    answer: Answer
    events: tuple[NumberedEvent, ...]
    # What the model saw.
    window: PinnedWindow


class Outlet(Protocol):
    """Where answers go. Called in the worker's thread."""

    def hold(self, window: PinnedWindow) -> None:
        """Take note that a window is asked about."""
        ...

    def place(self, answer: Answer) -> Answer:
        """The answer with positions in metres, as far as they are known."""
        ...

    def deliver(self, delivery: Delivery) -> None:
        """Publish an answer and its events."""
        ...


class StandingQuestions:
    """The standing questions of one session. Safe to use from any thread."""

    def __init__(
        self,
        settings: StandingSettings,
        buffers: Mapping[str, ClipBuffer],
        outlet: Outlet,
    ) -> None:
        """Take up what the state file remembers, then set the questions of the settings.

        buffers: by camera. outlet: gets every answer. Raises BadSetting for an entry of
        `standing_queries` that is no question, BadRequest for one that cannot be asked. A state
        file that cannot be used is told in `concern`, and set aside.
        """
        self._settings = settings
        self._outlet = outlet
        self._maker = EntryMaker(settings)
        # Held while the state is written; taken before _lock.
        self._writing = threading.Lock()
        self._remembered = Remembered(settings.state_file, self._maker)
        self._lock = threading.Lock()
        # All fields below are guarded by _lock.
        self._buffers = dict(buffers)
        self._entries: dict[str, Entry] = {}
        requests = {
            request.id: request
            for number, entry in enumerate(settings.standing_queries, start=1)
            for request in [_named(read_request(number, entry), f'standing-{number}')]
        }
        for entry in self._remembered.read(requests, tuple(buffers)):
            self._entries[entry.request.id] = entry
        for request in requests.values():
            self._put(request, is_setting=True)

    @property
    def concern(self) -> str:
        """What a person must know about the state file; '' if all is well."""
        return self._remembered.write_error or self._remembered.read_error

    def set_buffers(self, buffers: Mapping[str, ClipBuffer]) -> None:
        """Ask about these cameras from now on. What is known of others stays."""
        with self._lock:
            self._buffers = dict(buffers)

    def set(self, request: StandingRequest) -> str:
        """Set a question, or replace the one with its id; returns the id.

        Events and counts go on if text, task and cameras are the same. Raises BadRequest.
        """
        with self._lock:
            identity = self._put(request, is_setting=False)
        self._save()
        return identity

    def remove(self, identity: str) -> None:
        """Forget a question, with its events. Raises UnknownStanding."""
        with self._lock:
            if self._entries.pop(identity, None) is None:
                raise UnknownStanding(identity, tuple(self._entries))
        self._save()

    def statuses(self) -> list[StandingStatus]:
        """How far each question is, in the order in which they were set."""
        with self._lock:
            return [entry.status() for entry in self._entries.values()]

    def recall(self, query: Query, question: Question) -> Answer | None:
        """The answer to a query about a span, from the events of the same standing question.

        None if there is no such question, or if its answers speak for no part of the span.
        """
        with self._lock:
            camera = query.camera or next(iter(self._buffers), '')
            held_ns = self._buffers[camera].span() if camera in self._buffers else None
            end_ns = query.end_ns or (held_ns[1] if held_ns else 0)
            courses = [
                entry.courses[camera] for entry in self._entries.values() if camera in entry.courses
            ]
            for course in courses:
                ours = course.question
                if (ours.query.text, ours.task) == (question.query.text.strip(), question.task):
                    answer = recall(course, query, query.start_ns, end_ns)
                    if answer is not None:
                        return answer
        return None

    # -- for the worker -------------------------------------------------------------------------

    def next_pass(self) -> StandingPass | None:
        """The questions that are due on one camera, with their window; None if none is due.

        Their turns are taken then.
        """
        with self._lock:
            groups = [
                (buffer, due)
                for camera, buffer in self._buffers.items()
                for due in [self._due(camera, buffer)]
                if due
            ]
            if not groups:
                return None
            buffer, due = choose(groups)
            try:
                due_pass = make_pass(buffer, due, round(self._settings.timeout_seconds * 1e9))
            except GroundError:
                # The buffer was cleared, or has lost those images since.
                return None
        self._outlet.hold(due_pass.window)
        return due_pass

    def deliver(self, due: StandingPass, outcomes: Sequence[Outcome]) -> None:
        """Join what the model answered; write the state, and then hand out events and answers.

        So an event is published once at most, whatever happens.
        """
        placed = [self._placed(outcome) for outcome in outcomes]
        with self._lock:
            deliveries = [
                delivery
                for course, outcome in zip(due.courses, placed, strict=True)
                for delivery in self._take(course, outcome, due.window)
            ]
        self._save()
        for delivery in deliveries:
            try:
                self._outlet.deliver(delivery)
            except Exception as error:  # noqa: BLE001 - the worker lives on
                _log.error('an answer was not published: %s', traceback_text(error))

    # -- with the lock held, or before there is a second thread ---------------------------------

    def _put(self, request: StandingRequest, *, is_setting: bool) -> str:
        request = replace(
            request,
            text=clean(request.text).strip(),
            id=clean(request.id),
            cameras=tuple(map(clean, request.cameras)),
        )
        entry = self._maker.entry(
            _named(request, self._free_id()), tuple(self._buffers), is_setting=is_setting
        )
        identity = entry.request.id
        older = self._entries.get(identity)
        if older is None and len(self._entries) >= self._settings.standing_limit:
            why = f'standing_limit = {self._settings.standing_limit} are set already'
            raise BadStanding('id', identity, why)
        if older is not None and older.request.asks_the_same(entry.request):
            entry.take_over(older)
        self._entries[identity] = entry
        for camera, buffer in self._buffers.items():
            if entry.asks(camera):
                self._look(entry, camera, buffer, is_new=True)
        return identity

    def _look(
        self, entry: Entry, camera: str, buffer: ClipBuffer, *, is_new: bool = False
    ) -> tuple[Course, tuple[int, int] | None]:
        """The course on a camera, which has looked at its buffer, and the stamps that it holds."""
        course, stats = self._maker.course(entry, camera), buffer.stats()
        if not stats.frames:
            return course, None
        held_ns = stats.oldest_ns, stats.newest_ns
        course.look(held_ns, stats.epochs, is_new=is_new)
        return course, held_ns

    def _due(self, camera: str, buffer: ClipBuffer) -> list[Due]:
        due = []
        for entry in self._entries.values():
            if entry.asks(camera):
                course, held_ns = self._look(entry, camera, buffer)
                limits = course.reach(held_ns) if held_ns else None
                if held_ns and limits:
                    due.append(Due(course, limits, entry.request.priority, held_ns))
        return due

    def _take(self, course: Course, outcome: Outcome, window: PinnedWindow) -> list[Delivery]:
        """Take an outcome, unless its question was removed or replaced since."""
        owners = [e for e in self._entries.values() if e.courses.get(course.camera) is course]
        if not owners or isinstance(outcome, ShuttingDown):
            return []
        if isinstance(outcome, GaveWay):
            course.give_way()
            return []
        if not isinstance(outcome, Answer):
            course.fail(outcome)
            return []
        try:
            answer, events = course.deliver(outcome, time.monotonic_ns())
        except Exception as error:  # noqa: BLE001 - an answer that cannot be joined costs itself
            _log.error('an answer was not joined: %s', traceback_text(error))
            course.fail(error)
            return []
        total = owners[0].status().total - len(events)
        numbered = [course.numbered(event, total + n) for n, event in enumerate(events, start=1)]
        return [Delivery(owners[0].request, answer, tuple(numbered), window)]

    def _free_id(self) -> str:
        number = len(self._entries) + 1
        while f'standing-{number}' in self._entries:
            number += 1
        return f'standing-{number}'

    # -- without the lock -----------------------------------------------------------------------

    def _placed(self, outcome: Outcome) -> Outcome:
        """An answer with its positions; it comes without them if that fails."""
        if not isinstance(outcome, Answer):
            return outcome
        try:
            return self._outlet.place(outcome)
        except Exception as error:  # noqa: BLE001 - the worker lives on
            _log.error('an answer was not placed: %s', traceback_text(error))
            return outcome

    def _save(self) -> None:
        with self._writing:
            with self._lock:
                states = [entry.state() for entry in self._entries.values()]
            self._remembered.write(states)


def _named(request: StandingRequest, identity: str) -> StandingRequest:
    return replace(request, id=request.id or identity)
