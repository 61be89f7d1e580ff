# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A standing question as it is asked for: checked, and read from the text of a parameter."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from molmo_ground_ros.errors import BadRequest, BadSetting, UnknownTask, clean, listed
from molmo_ground_ros.frames.windows import MAX_WINDOW_NS, SAMPLE_PERIOD_NS
from molmo_ground_ros.types import Task

# The longest id, in characters.
MOST_ID = 100
# The shortest and the longest period.
PERIODS_NS = (SAMPLE_PERIOD_NS, 3_600_000_000_000)
# The lowest and the highest priority: those of an int32.
PRIORITIES = (-(2**31), 2**31 - 1)


class BadStanding(BadRequest):
    """A part of a standing question with a value that it does not take."""

    def __init__(self, field: str, value: object, why: str) -> None:
        self.field = field
        self.value = value
        super().__init__(f'{field} = {value!r}: {why}')


class UnknownStanding(BadRequest):
    """No standing question has this id."""

    def __init__(self, identity: str, available: tuple[str, ...]) -> None:
        self.identity = identity
        self.available = available
        names = listed(available) or 'there are none'
        super().__init__(f"unknown standing question '{identity}'; the known ones: {names}")


@dataclass(frozen=True, slots=True)
class StandingRequest:
    """What is asked, of which cameras, how often, and about how long a window."""

    text: str
    task: Task = Task.AUTO
    # '' = the node makes one.
    id: str = ''
    # () = all.
    cameras: tuple[str, ...] = ()
    # 0 = the setting's.
    period_ns: int = 0
    window_ns: int = 0
    priority: int = 0

    def check(self, longest_ns: int, cameras: tuple[str, ...]) -> None:
        """Raise BadStanding for a value out of range, or a camera that there is not.

        longest_ns: of a window. cameras: those there are.
        """
        if len(self.id) > MOST_ID:
            start = f'{self.id[:MOST_ID]}...'
            raise BadStanding('id', start, f'longer than {MOST_ID} characters')
        for camera in self.cameras:
            if camera not in cameras:
                raise BadStanding('cameras', camera, f'the known ones: {listed(cameras)}')
        if len(set(self.cameras)) != len(self.cameras):
            raise BadStanding('cameras', self.cameras, 'one is there twice')
        limit_ns = min(longest_ns, MAX_WINDOW_NS)
        for name, value_ns, (low_ns, high_ns) in (
            ('period', self.period_ns, PERIODS_NS),
            ('window', self.window_ns, (SAMPLE_PERIOD_NS, limit_ns)),
        ):
            if value_ns and not low_ns <= value_ns <= high_ns:
                why = f'must be from {low_ns / 1e9:g} to {high_ns / 1e9:g} s'
                raise BadStanding(name, f'{value_ns / 1e9:g} s', why)
        if not PRIORITIES[0] <= self.priority <= PRIORITIES[1]:
            raise BadStanding('priority', self.priority, 'must fit into 32 bits')

    def asks_the_same(self, other: StandingRequest) -> bool:
        """Whether events of one are events of the other."""
        ours, theirs = ((item.text, item.task, sorted(item.cameras)) for item in (self, other))
        return ours == theirs

    def state(self) -> dict[str, Any]:
        """The request as JSON."""
        return {**dataclasses.asdict(self), 'task': int(self.task)}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> StandingRequest:
        """The request of `state`. Raises ValueError, TypeError or LookupError."""
        texts = [state['text'], state['id'], *state['cameras']]
        numbers = [state['task'], state['period_ns'], state['window_ns'], state['priority']]
        if not all(isinstance(text, str) for text in texts) or not all(
            type(number) is int for number in numbers
        ):
            raise TypeError('a text or number of a question is of another kind')
        cameras = tuple(state['cameras'])
        return cls(**{**state, 'task': Task(state['task']), 'cameras': cameras})


_KINDS: Mapping[str, tuple[type, ...]] = {
    'query': (str,),
    'task': (str,),
    'id': (str,),
    'cameras': (list,),
    'period': (int, float),
    'window': (int, float),
    'priority': (int,),
}


def read_request(number: int, entry: str) -> StandingRequest:
    """The question in an entry of the setting `standing_queries`.

    number: of the entry, from 1. An entry is a question in plain words, or a JSON object with
    `query` and, optionally, `id`, `task`, `cameras`, `period` and `window` in seconds, and
    `priority`. Raises BadSetting.
    """
    text = entry.strip()
    if not text.startswith('{'):
        return StandingRequest(clean(text))
    name = f'standing_queries, entry {number}'
    try:
        fields = json.loads(text)
    except ValueError as err:
        raise BadSetting(name, entry, f'it is no JSON: {err}') from err
    for key, value in fields.items():
        kinds = _KINDS.get(key)
        if kinds is None:
            raise BadSetting(name, entry, f'no such field: {key!r}; there are {", ".join(_KINDS)}')
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise BadSetting(name, entry, f'{key} must be {_KIND_NAMES[kinds]}')
    return _request(name, entry, fields)


_KIND_NAMES: Mapping[tuple[type, ...], str] = {
    (str,): 'a text',
    (list,): 'a list of texts',
    (int, float): 'a number of seconds',
    (int,): 'a whole number',
}


def _request(name: str, entry: str, fields: Mapping[str, Any]) -> StandingRequest:
    if 'query' not in fields:
        raise BadSetting(name, entry, "it has no 'query'")
    cameras = fields.get('cameras', [])
    if not all(isinstance(camera, str) for camera in cameras):
        raise BadSetting(name, entry, 'cameras must be a list of texts')
    names = [task.name.lower() for task in Task]
    task = fields.get('task', 'auto').lower()
    if task not in names:
        raise BadSetting(name, entry, str(UnknownTask(task, names)))
    try:
        period_ns, window_ns = (round(fields.get(key, 0) * 1e9) for key in ('period', 'window'))
    except (ValueError, OverflowError) as err:
        raise BadSetting(name, entry, 'period and window must be finite') from err
    return StandingRequest(
        text=clean(fields['query']),
        task=Task[task.upper()],
        id=clean(fields.get('id', '')),
        cameras=tuple(clean(camera) for camera in cameras),
        period_ns=period_ns,
        window_ns=window_ns,
        priority=fields.get('priority', 0),
    )
