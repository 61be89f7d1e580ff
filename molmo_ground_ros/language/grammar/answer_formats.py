# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which models answer in which format: how they are asked for it, and how it is read.

Molmo2 is asked as it was trained (`prompts`). The wordings for others are ours: the names and the
order of what is asked for are those of their own documentation (see `json_points`); how the paper
that publishes their scores asked them is not in its repository (molmo2 f3cb108). None of these
models was run here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.language import prompts
from molmo_ground_ros.language.grammar.json_points import GEMINI, QWEN, JsonParser
from molmo_ground_ros.language.grammar.parsed import (
    DEFAULT_LIMITS,
    Parsed,
    ParsedPoint,
    ParseLimits,
)
from molmo_ground_ros.language.grammar.parser import Parser
from molmo_ground_ros.types import Query, Question, Task


class AnswerParser(Protocol):
    """Reads one answer: `feed` its pieces, then `finish` once. What a model wrote never raises."""

    def feed(self, text: str) -> tuple[ParsedPoint, ...]:
        """Read on; the points that this settled."""
        ...

    def finish(self) -> Parsed:
        """What the answer says, given that it ends here."""
        ...


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """One format by name, with what is asked for in it and what reads it."""

    name: str
    parser: Callable[[ParseLimits, Task], AnswerParser]
    # What is added to the prompt of a task, on its own line.
    instructions: Mapping[Task, str]

    def parse(
        self, text: str, limits: ParseLimits = DEFAULT_LIMITS, task: Task = Task.AUTO
    ) -> Parsed:
        """Read a whole answer.

        task: what was asked. Tracks in JSON need it where objects have no ids; without it (AUTO)
        they are told by ids that come again in other frames.
        """
        parser = self.parser(limits, task)
        parser.feed(text)
        return parser.finish()

    def question(
        self, query: Query, max_new_tokens: int = 0, *, verbatim: bool = False
    ) -> Question:
        """Make a query into a question in this format: see `prompts.question_of`."""
        return prompts.question_of(query, self.instructions, max_new_tokens, verbatim=verbatim)


_GRID = 'Coordinates are whole numbers from 0 to 1000, relative to the picture.'
_QWEN_POINT = '{"time": 1.5, "point_2d": [x, y], "label": "..."}'
_GEMINI_POINT = '{"time": 1.5, "point": [y, x], "label": "..."}'


def _instructions(point: str, tracked: str) -> dict[Task, str]:
    """point, tracked: the object that is asked for, of a point and of a frame of a track."""
    once = 'one entry for each object or event, at one moment that shows it, time in seconds.'
    return {
        Task.POINT: f'Answer in JSON only: [{point}, ...], {once} {_GRID} If there is none: [].',
        Task.COUNT: f'Answer in JSON only: {{"count": N, "points": [{point}, ...]}}, N the total, '
        f'and {once} {_GRID} If there is none: {{"count": 0, "points": []}}.',
        Task.TRACK: f'Answer in JSON only: [{tracked}, ...], one entry for each object in each '
        'frame that shows it, time in seconds, the same id for the same object. '
        f'{_GRID} If there is none: [].',
    }


# Of tracks Qwen3-VL is shown boxes: its cookbook asks for `time`, `bbox_2d` and `label`.
_QWEN_TRACKED = '{"time": 0.5, "id": 1, "bbox_2d": [x_min, y_min, x_max, y_max], "label": "..."}'
_GEMINI_TRACKED = '{"time": 0.5, "id": 1, "point": [y, x], "label": "..."}'

MOLMO2 = AnswerFormat('molmo2', lambda limits, _: Parser(limits), {})
FORMATS: dict[str, AnswerFormat] = {
    entry.name: entry
    for entry in (
        MOLMO2,
        AnswerFormat(
            'qwen3-vl',
            lambda limits, task: JsonParser(QWEN, limits, task),
            _instructions(_QWEN_POINT, _QWEN_TRACKED),
        ),
        AnswerFormat(
            'gemini',
            lambda limits, task: JsonParser(GEMINI, limits, task),
            _instructions(_GEMINI_POINT, _GEMINI_TRACKED),
        ),
    )
}


def format_of(name: str) -> AnswerFormat:
    """The format of a name. Raises BadSetting, with the names, for an unknown one."""
    if name not in FORMATS:
        raise BadSetting('answer_format', name, f'must be one of {", ".join(FORMATS)}')
    return FORMATS[name]
