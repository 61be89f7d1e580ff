# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A standing question with all its courses, and what of it outlives a restart."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from molmo_ground_ros.errors import GroundError, describe
from molmo_ground_ros.grounding.session_settings import StandingSettings
from molmo_ground_ros.grounding.standing.course import Course, StandingStatus, status
from molmo_ground_ros.grounding.standing.request import BadStanding, StandingRequest
from molmo_ground_ros.grounding.standing.state_file import BadState, StateFile
from molmo_ground_ros.language import grammar
from molmo_ground_ros.types import Query, Task

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Entry:
    """One standing question with its courses by camera."""

    # With its period and window filled in.
    request: StandingRequest
    # Whether it is in the settings, and not set by a caller.
    is_setting: bool
    courses: dict[str, Course] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        """What outlives a restart, as JSON."""
        return {
            'request': self.request.state(),
            'is_setting': self.is_setting,
            'courses': [course.state() for course in self.courses.values()],
        }

    def status(self) -> StandingStatus:
        """How far it is."""
        return status(self.request, list(self.courses.values()))

    def asks(self, camera: str) -> bool:
        """Whether the camera is one of its own."""
        return not self.request.cameras or camera in self.request.cameras

    def take_over(self, older: Entry) -> None:
        """Go on with the courses of an entry that asks the same."""
        self.courses = older.courses
        for course in self.courses.values():
            agreement = course.stitcher.agreement.share
            course.configure(self.request.period_ns, self.request.window_ns, agreement)


class EntryMaker:
    """Makes entries and courses from requests, by the settings."""

    def __init__(self, settings: StandingSettings) -> None:
        """Raises BadSetting for an answer format that there is not."""
        self._settings = settings
        self._format = grammar.format_of(settings.answer_format)

    def entry(self, request: StandingRequest, cameras: Sequence[str], *, is_setting: bool) -> Entry:
        """An entry without courses. cameras: those there are. Raises BadRequest."""
        query = Query(request.text, request.task)
        question = self._format.question(query, self._settings.max_new_tokens)
        if question.task is Task.TEXT:
            why = 'its answers are words, which no topic has: ask for points, a count or tracks'
            raise BadStanding('query', request.text, why)
        request.check(round(self._settings.buffer_seconds * 1e9), tuple(cameras))
        window_s = min(self._settings.standing_window_seconds, self._settings.buffer_seconds)
        period_s = self._settings.standing_period_seconds
        filled = replace(
            request,
            period_ns=request.period_ns or round(period_s * 1e9),
            window_ns=request.window_ns or round(window_s * 1e9),
        )
        return Entry(filled, is_setting)

    def course(self, entry: Entry, camera: str) -> Course:
        """The course of an entry on a camera; it begins now if there is none."""
        if camera not in entry.courses:
            request = entry.request
            query = Query(request.text, request.task, camera)
            question = self._format.question(query, self._settings.max_new_tokens)
            period_ns, window_ns = request.period_ns, request.window_ns
            agreement = self._settings.standing_agreement
            entry.courses[camera] = Course(camera, question, period_ns, window_ns, agreement)
        return entry.courses[camera]


class Remembered:
    """The entries in the state file. For one thread at a time."""

    def __init__(self, path: str, maker: EntryMaker) -> None:
        """path: of the file; '' for none."""
        self._file = StateFile(path) if path else None
        self._maker = maker
        # Why a part of the file could not be used, and why it cannot be written.
        self.read_error = ''
        self.write_error = ''

    def read(self, settings: Mapping[str, StandingRequest], cameras: Sequence[str]) -> list[Entry]:
        """The entries that can go on.

        If any cannot, `read_error` says why, and the file is set aside. settings: the questions of
        the settings, by id. cameras: those there are.
        """
        if self._file is None:
            return []
        entries: list[Entry] = []
        for load in self._loads(settings, cameras):
            try:
                entries += load()
            except BadState as error:
                self.read_error = str(error)
            except (GroundError, ValueError, TypeError, LookupError, AttributeError) as error:
                why = f'it cannot be used: {describe(error)}'
                self.read_error = str(BadState(self._file.path, why))
        if self.read_error:
            place = self._file.set_aside()
            what = f"it is kept as '{place}'" if place else 'it cannot be renamed'
            self.read_error = f'{self.read_error}; {what}'
            _log.error('%s', self.read_error)
        return entries

    def write(self, states: Sequence[dict[str, Any]]) -> None:
        """Write what `Entry.state` gave. A failure is told in `write_error`, until it succeeds."""
        if self._file is None:
            return
        try:
            self._file.write(states)
        except OSError as error:
            # Not the error's own message, which has another name of a file each time.
            why = error.strerror or type(error).__name__
            problem = f"state file '{self._file.path}' cannot be written: {why}"
            if problem != self.write_error:
                _log.error('%s', problem)
            self.write_error = problem
        else:
            self.write_error = ''

    def _loads(
        self, settings: Mapping[str, StandingRequest], cameras: Sequence[str]
    ) -> Iterator[Callable[[], list[Entry]]]:
        """For each entry of the file a function that makes it, so that one may fail alone."""
        assert self._file is not None
        try:
            states = self._file.read()
        except BadState as error:
            self.read_error = str(error)
            return
        for state in states:
            yield lambda state=state: self._entries(state, settings, cameras)  # type: ignore[misc]

    def _entries(
        self,
        state: Mapping[str, Any],
        settings: Mapping[str, StandingRequest],
        cameras: Sequence[str],
    ) -> list[Entry]:
        """The entry of `Entry.state`; [] if the settings do not have it any more."""
        assert self._file is not None
        request = StandingRequest.restored(state['request'])
        in_settings = settings.get(request.id)
        if in_settings is None and state['is_setting']:
            return []
        if in_settings is not None and not in_settings.asks_the_same(request):
            why = f"'{request.id}' was another question, {request.text!r}; it begins anew"
            raise BadState(self._file.path, why)
        entry = self._maker.entry(request, cameras, is_setting=in_settings is not None)
        for course in state['courses']:
            if course['camera'] in cameras:
                self._maker.course(entry, course['camera']).restore(course)
        return [entry]
