# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One standing question on one camera: its turns, its joined answers, its events and counts.

For one thread at a time: `questions.StandingQuestions` holds its lock.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from molmo_ground_ros.errors import describe
from molmo_ground_ros.grounding.standing.reach import Reach, reach
from molmo_ground_ros.grounding.standing.request import StandingRequest
from molmo_ground_ros.grounding.standing.turns import Turns
from molmo_ground_ros.grounding.stitch import Agreement, Event, Mark, RunningStitcher
from molmo_ground_ros.grounding.stitch.json_values import integer, point_json, point_of, words
from molmo_ground_ros.types import Answer, Point, Question

# Events that are remembered for questions about a longer span than the buffer: one a minute for a
# day and a half.
MOST_EVENTS = 2000
# After a restart of the node, a newest image that is this much older than the end of the last
# window means that time jumped back.
BACK_NS = 1_000_000_000

TOO_SLOW = 'the model could not keep up'
NO_IMAGES = 'no images of it were held'
NOT_RUNNING = 'the node was not running'

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class NumberedEvent:
    """One event as it is published, once."""

    # 1, 2, 3 ... of its question and camera, in the order of publishing.
    number: int
    # Events of the question so far, over all of its cameras, this one included.
    total: int
    # Its id is the number.
    point: Point
    label: str
    # Share of the time since the question was set that its answers about the camera speak for.
    coverage: float
    # The time around the event that they speak for without a break.
    covered: Span
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StandingStatus:
    """A standing question and how far it is, over all of its cameras."""

    # With its period and window, whether they were set or are the settings'.
    request: StandingRequest
    total: int
    due: int
    answered: int
    skipped: int
    failed: int
    # Between the last two answers: by the steady clock, and by header stamps; 0 before the second.
    actual_period_ns: int
    stamps_period_ns: int
    # Events that were not published, since too few of the windows that show them have them.
    dropped: int
    # Whether a turn was left out before the last answer.
    is_behind: bool
    coverage: float
    covered_until_ns: int
    last_error: str


@dataclass(frozen=True, slots=True)
class AnswerSource:
    """What the newest answer says of its camera and its model."""

    label: str
    frame_id: str
    model: str
    newest_ns: int
    image_width: int
    image_height: int

    @classmethod
    def restored(cls, state: Sequence[Any]) -> AnswerSource:
        """From the values in order. Raises TypeError or ValueError."""
        label, frame_id, model, *numbers = state
        return cls(words(label), words(frame_id), words(model), *map(integer, numbers))


class Course:
    """What has become of one question on one camera."""

    def __init__(
        self, camera: str, question: Question, period_ns: int, window_ns: int, agreement: float
    ) -> None:
        """agreement: the share of windows that must have an event, `Agreement.share`."""
        self.camera = camera
        self.question = question
        self.turns = Turns()
        self.stitcher = RunningStitcher(camera, question)
        self.configure(period_ns, window_ns, agreement)
        # Ascending in number. Each has the event's number as its id.
        self.events: deque[Point] = deque(maxlen=MOST_EVENTS)
        self.source: AnswerSource | None = None
        self.answered = 0
        self.failed = 0
        self.last_error = ''
        self.actual_period_ns = 0
        self.stamps_period_ns = 0
        self.is_behind = False
        # By the steady clock; 0 before the first answer.
        self._answered_ns = 0
        # The buffer's count of restarts when it was last looked at.
        self._epochs: int | None = None
        # Why the next window could not begin where the one before it ends.
        self._why = ''
        # Events that were left when time jumped back.
        self.left: list[Event] = []

    def configure(self, period_ns: int, window_ns: int, agreement: float) -> None:
        """Ask every period about so long a window from now on."""
        self.period_ns = period_ns
        self.window_ns = window_ns
        self.stitcher.agreement = Agreement(agreement, max(window_ns // period_ns, 1))
        # The next look sets it anew.
        self.turns.next_ns = 0

    def look(self, held_ns: Span, epochs: int, *, is_new: bool = False) -> None:
        """Take note of the stamps that the buffer holds, and of how often it has restarted.

        is_new: the question was set just now, so that what is held came before it.
        """
        oldest_ns, newest_ns = held_ns
        end_ns = self.stitcher.covered.end_ns
        if self._epochs is None:
            is_back = newest_ns + BACK_NS < end_ns
        else:
            # Images that turn out to be broken leave the buffer, so the newest may be an older one.
            is_back = epochs != self._epochs and oldest_ns < end_ns
        if is_back:
            self.left += self.stitcher.restart()
            self.events.clear()
            self.turns.next_ns = end_ns = 0
        self._epochs = epochs
        since_ns = newest_ns if is_new else oldest_ns
        if not end_ns:
            self.stitcher.covered.begin(since_ns)
        if not self.turns.next_ns:
            began_ns = end_ns or since_ns
            self.turns.begin(began_ns, newest_ns, self.period_ns, self.window_ns)

    def reach(self, held_ns: Span) -> Reach | None:
        """Where a window to the newest image may begin; None if no turn or too little has come."""
        if not self.turns.is_due(held_ns[1]):
            return None
        limits = reach(self.stitcher, held_ns, self.window_ns)
        return limits if limits.earliest_ns <= limits.latest_ns else None

    def overdue(self, newest_ns: int) -> float:
        """How many periods ago the next turn came."""
        return (newest_ns - self.turns.next_ns) / self.period_ns

    def take_turn(self, newest_ns: int) -> None:
        """Take the turn that is due: the question is asked now."""
        skipped = self.turns.skipped
        self.turns.take(newest_ns, self.period_ns)
        self.is_behind = self.turns.skipped > skipped

    def give_way(self) -> None:
        """Give the turn back: the question was stopped for a caller's."""
        self.turns.give_back(self.period_ns)

    def deliver(self, answer: Answer, now_ns: int) -> tuple[Answer, list[Event]]:
        """Join an answer; returns it with the numbers of objects as ids, and the new events.

        now_ns: by the steady clock. Raises BadSpan, BadArgument.
        """
        end_ns = self.stitcher.covered.end_ns
        why = self._why or (TOO_SLOW if self.is_behind else NO_IMAGES)
        events = [*self.left, *self.stitcher.add(answer, why)]
        self._why, self.left = '', []
        if self.answered and self._answered_ns:
            self.actual_period_ns = now_ns - self._answered_ns
            self.stamps_period_ns = max(answer.end_ns - end_ns, 0)
        self._answered_ns = now_ns
        self.answered += 1
        self.turns.gave_way = False
        self.last_error = ''
        self.source = AnswerSource(
            label=answer.label,
            frame_id=answer.frame_id,
            model=answer.model,
            newest_ns=answer.newest_ns,
            image_width=answer.image_width,
            image_height=answer.image_height,
        )
        self.events += [event.point for event in events]
        return self.stitcher.with_ids(answer), events

    def fail(self, error: Exception) -> None:
        """Note that the question was asked and not answered."""
        self.failed += 1
        self.turns.gave_way = False
        self.last_error = self._why = describe(error)

    def numbered(self, event: Event, total: int) -> NumberedEvent:
        """An event as it is published. total: with this one."""
        covered = self.stitcher.covered
        return NumberedEvent(
            number=event.id,
            total=total,
            point=event.point,
            label=event.sighting.label,
            coverage=covered.share,
            covered=covered.span_at(event.point.stamp_ns),
            doubts=tuple(_doubt(mark, event.may_be) for mark in event.marks),
        )

    def state(self) -> dict[str, Any]:
        """What outlives a restart, as JSON."""
        return {
            'camera': self.camera,
            'turns': self.turns.state(),
            'stitcher': self.stitcher.state(),
            'events': [point_json(point) for point in self.events],
            'source': dataclasses.astuple(self.source) if self.source else None,
            'answered': self.answered,
            'failed': self.failed,
            'last_error': self.last_error,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`. Raises ValueError, TypeError or LookupError, and changes nothing."""
        turns = Turns.restored(state['turns'])
        stitcher = RunningStitcher.restored(
            self.camera, self.question, state['stitcher'], self.stitcher.agreement
        )
        events = [point_of(entry) for entry in state['events']]
        source = AnswerSource.restored(state['source']) if state['source'] else None
        answered, failed = integer(state['answered']), integer(state['failed'])
        last_error = words(state['last_error'])
        self.turns, self.stitcher, self.source = turns, stitcher, source
        self.events = deque(events, MOST_EVENTS)
        self.answered, self.failed, self.last_error = answered, failed, last_error
        self._why = NOT_RUNNING


def status(request: StandingRequest, courses: Sequence[Course]) -> StandingStatus:
    """How far a question is. courses: on each of its cameras."""
    covered = [course.stitcher.covered for course in courses]
    errors = [course.last_error for course in courses if course.last_error]
    return StandingStatus(
        request=request,
        total=sum(course.stitcher.count for course in courses),
        due=sum(course.turns.due for course in courses),
        answered=sum(course.answered for course in courses),
        skipped=sum(course.turns.skipped for course in courses),
        dropped=sum(course.stitcher.dropped for course in courses),
        failed=sum(course.failed for course in courses),
        actual_period_ns=max((course.actual_period_ns for course in courses), default=0),
        stamps_period_ns=max((course.stamps_period_ns for course in courses), default=0),
        is_behind=any(course.is_behind for course in courses),
        coverage=min((item.share for item in covered), default=0.0),
        covered_until_ns=min((item.until_ns for item in covered), default=0),
        last_error=next(iter(errors), ''),
    )


def _doubt(mark: Mark, may_be: tuple[int, ...]) -> str:
    if mark is Mark.MAY_BE_SAME and may_be:
        return f'{mark} (event {", ".join(map(str, may_be))})'
    return str(mark)
