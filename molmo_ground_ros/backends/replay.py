# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Gives recorded answers in place of a model, for tests and demonstrations. Looks at no pixel.

An answers file ending in `.jsonl` holds one JSON object a line:

    {"text": "There are none.", "match": "green", "logprobs": -0.1}

`match` (optional) is a regular expression searched for in the prompt, `logprobs` (optional) one
number for every piece or a list with one number a piece. Any other file is plain text with one
answer a line. Blank lines are skipped.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from molmo_ground_ros.backends.base import GenerateOptions, Generation, OnText, Token
from molmo_ground_ros.errors import BackendError, BadModel
from molmo_ground_ros.types import Clip, Frame

_PIECE = re.compile(r'\d|[^\W\d_]+|.', re.DOTALL)


def pieces(text: str) -> list[str]:
    """Split a text as it is streamed: into words, single digits and single other characters."""
    return _PIECE.findall(text)


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """One recorded answer.

    match: a regular expression. The answer is given whenever it is found in the prompt; without
    one, the answer is given once, in order.
    logprobs: one for each piece, or one for all pieces; empty for an answer without probabilities.
    """

    text: str
    match: str = ''
    logprobs: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        count = len(pieces(self.text))
        if len(self.logprobs) not in (0, 1, count):
            raise ValueError(f'{len(self.logprobs)} logprobs for {count} pieces')
        re.compile(self.match)

    def tokens(self) -> list[Token]:
        """The pieces with their log-probabilities; nan where none were recorded."""
        logprobs = self.logprobs or (math.nan,)
        return [Token(*pair) for pair in zip(pieces(self.text), cycle(logprobs), strict=False)]


class ReplayBackend:
    """Answers from a list: the first answer whose `match` fits, else the next one in order.

    repeat: give the last answer again after all are used. delay: called before each piece, so that
    a test can hold an answer open. The attribute `prompts` lists the prompts received so far.
    """

    def __init__(
        self,
        answers: Iterable[str | RecordedAnswer],
        *,
        model: str = 'replay',
        repeat: bool = False,
        delay: Callable[[], None] | None = None,
    ) -> None:
        recordings = [RecordedAnswer(a) if isinstance(a, str) else a for a in answers]
        self.model = model
        self.prompts: list[str] = []
        self._matched = [r for r in recordings if r.match]
        self._ordered = [r for r in recordings if not r.match]
        self._used = 0
        self._repeat = repeat
        self._delay = delay

    @classmethod
    def from_file(cls, path: str, *, repeat: bool = False) -> ReplayBackend:
        """Read an answers file. Raises BadModel naming the file and the line."""
        try:
            text = Path(path).expanduser().read_text(encoding='utf-8')
        except (OSError, UnicodeDecodeError) as err:
            raise BadModel(path, f'cannot read the answers file: {err}') from err
        parse = _from_json if path.endswith('.jsonl') else RecordedAnswer
        answers: list[RecordedAnswer] = []
        for number, line in enumerate(text.split('\n'), start=1):
            try:
                answers += [parse(line.rstrip('\r'))] if line.strip() else []
            except (ValueError, TypeError, re.error) as err:
                raise BadModel(path, f'line {number}: {err}') from err
        return cls(answers, model=path, repeat=repeat)

    def generate(
        self,
        clip: Clip,  # noqa: ARG002
        prompts: Sequence[str],
        options: GenerateOptions,
        on_text: OnText,
    ) -> list[Generation]:
        """Stream the recorded answers; raises BackendError when there are no more."""
        return [self._play(i, prompt, options, on_text) for i, prompt in enumerate(prompts)]

    def prepare(self, camera: str, frame: Frame) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def _play(
        self, index: int, prompt: str, options: GenerateOptions, on_text: OnText
    ) -> Generation:
        self.prompts.append(prompt)
        recording = self._next(prompt)
        tokens = recording.tokens()
        played: list[Token] = []
        stopped = False
        for token in tokens[: options.max_new_tokens]:
            if self._delay:
                self._delay()
            played.append(token)
            if not on_text(index, token.text):
                stopped = True
                break
        return Generation(
            text=''.join(token.text for token in played),
            tokens=tuple(played) if recording.logprobs else (),
            truncated=not stopped and len(played) < len(tokens),
            stopped=stopped,
        )

    def _next(self, prompt: str) -> RecordedAnswer:
        for recording in self._matched:
            if re.search(recording.match, prompt):
                return recording
        if self._used < len(self._ordered):
            self._used += 1
            return self._ordered[self._used - 1]
        if self._repeat and self._ordered:
            return self._ordered[-1]
        raise BackendError(
            f"all {len(self._ordered)} recorded answers of '{self.model}' are used, "
            f'and none of the {len(self._matched)} with a match fits {prompt!r}'
        )


def _from_json(line: str) -> RecordedAnswer:
    """Read a line of a `.jsonl` file. Raises ValueError where it is not an answer."""
    entry = json.loads(line)
    if not isinstance(entry, dict) or not isinstance(entry.get('text'), str):
        raise ValueError("not a JSON object with a 'text' string")
    unknown = set(entry) - {'text', 'match', 'logprobs'}
    if unknown:
        raise ValueError(f'unknown keys {sorted(unknown)}')
    value = entry.get('logprobs', [])
    logprobs = value if isinstance(value, list) else [value]
    return RecordedAnswer(entry['text'], str(entry.get('match', '')), tuple(map(float, logprobs)))
