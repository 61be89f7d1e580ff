# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The count that an answer states, and how near it is to the true one.

Restates molmo2 f3cb108, olmo/eval/evaluators.py:2657-2792. Its `CountEval` (:853-913) is not
restated: it takes every answer for 1, and fails on a second example.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass

from molmo_ground_ros.errors import BadArgument
from molmo_ground_ros.language.grammar import parse

_PARITY_TOTAL = re.compile(r'(?:a total of|the total number(?:\s+of\s+.+?)?\s+is:)\s*(\d+)\.?')
# parity: the reference means a word boundary, but writes a backspace (:2696). No model writes
# backspaces, so this never matches.
_PARITY_NONE = re.compile('.*\x08none\x08.*')
_OBJECTS_PER_MARGIN = 20  # a close count may be off by floor(0.05 * truth) more


@dataclass(frozen=True, slots=True)
class CountScore:
    """The scores of one example, each 1.0 or 0.0. Without a count, `correct` and `close` are 0."""

    correct: float
    close: float
    parsed: float  # 1.0 if the answer states a count

    def metrics(self) -> dict[str, float]:
        """The scores by their names in the table."""
        return {
            'accuracy': self.correct,
            'close_accuracy': self.close,
            'parse_failures': 1.0 - self.parsed,
        }


def stated_count(text: str, parity: bool = False) -> int | None:
    """The count that an answer states; None if it states none. Points are never counted.

    Default: the rules of `grammar.statements`. "There are none." is 0, and
    "There are 3 <points ...>" is 3.
    parity: a bare number or "a total of N" is a count, and both of the above are not
    (evaluators.py:2680-2698).
    """
    if parity:
        return _parity_count(text)
    parsed = parse(text)
    return 0 if parsed.none else parsed.count


def _parity_count(text: str) -> int | None:
    plain = text.strip().lower().rstrip('.').strip()
    with contextlib.suppress(ValueError):
        return int(plain)
    total = _PARITY_TOTAL.search(plain)
    if total:
        # Python refuses to convert thousands of digits.
        with contextlib.suppress(ValueError):
            return int(total[1])
    return 0 if _PARITY_NONE.match(plain) else None


def count_score(truth: int, predicted: int | None) -> CountScore:
    """Scores a count: correct if equal, close if off by at most 1 + floor(0.05 truth).

    predicted: None if the answer states no count. Raises BadArgument for a truth below 0.
    Source: evaluators.py:2727-2733.
    """
    if truth < 0:
        raise BadArgument('count', truth, 'is below 0')
    if predicted is None:
        return CountScore(0.0, 0.0, 0.0)
    error = abs(truth - predicted)
    margin = 1 + truth // _OBJECTS_PER_MARGIN
    return CountScore(float(error == 0), float(error <= margin), 1.0)
