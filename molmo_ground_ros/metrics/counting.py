# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An answer's count, and how near the true one it is.

Restates molmo2 f3cb108, olmo/eval/evaluators.py:2657-2792 (videos) and :552-603 (pictures). Its
`CountEval` (:853-913) is not restated: it takes every answer for 1, and fails on a second example.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.grammar import parse

_PARITY_TOTAL = re.compile(r'(?:a total of|the total number(?:\s+of\s+.+?)?\s+is:)\s*(\d+)\.?')
# parity: meant as a word boundary, the pattern holds backspaces (:2696), which no model writes.
_PARITY_NONE = re.compile('.*\x08none\x08.*')
_PER_MARGIN = 20  # objects that allow one more to be missed: floor(0.05 * truth)
_PICTURE_MARGIN = 1


@dataclass(frozen=True, slots=True)
class CountScore:
    """One example: 1.0 or 0.0 each. What states no count is neither correct nor close."""

    correct: float
    close: float
    parsed: float  # a count was stated

    def metrics(self) -> dict[str, float]:
        """By the names of the table."""
        return {
            'accuracy': self.correct,
            'close_accuracy': self.close,
            'parse_failures': 1.0 - self.parsed,
        }


def predicted_count(text: str, parity: bool = False) -> int | None:
    """The count an answer states; None if it states none. Points are never counted.

    Default: `grammar.statements`. "There are none." is 0, "There are 3 <points ...>" is 3.
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
    found = _PARITY_TOTAL.search(plain)
    if found:
        with contextlib.suppress(ValueError):  # of thousands of digits
            return int(found[1])
    return 0 if _PARITY_NONE.match(plain) else None


def count_score(truth: int, predicted: int | None) -> CountScore:
    """Right, or off by 1 + floor(0.05 truth) at most (evaluators.py:2727-2733).

    truth: 0 or more, else BadSetting.
    """
    return _score(truth, predicted, 1 + truth // _PER_MARGIN)


def picture_count_score(
    truth: int, predicted: int | None, points: int, parity: bool = False
) -> CountScore:
    """The same for a count of what is in a picture: off by 1 at most (evaluators.py:595-600).

    points: how many the answer has. parity: they are the count, whatever was stated (:593 writes
    over what was read). Raises BadSetting for a truth below 0.
    """
    return _score(truth, points if parity else predicted, _PICTURE_MARGIN)


def _score(truth: int, predicted: int | None, margin: int) -> CountScore:
    if truth < 0:
        raise BadSetting('count', truth, 'is below 0')
    if predicted is None:
        return CountScore(0.0, 0.0, 0.0)
    off = abs(truth - predicted)
    return CountScore(float(off == 0), float(off <= margin), 1.0)
