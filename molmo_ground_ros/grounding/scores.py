# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Token log-probabilities to a point's score. Knows the text and its tokens, not the model."""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Iterable, Sequence
from itertools import accumulate

from molmo_ground_ros.backends.base import Token
from molmo_ground_ros.language.grammar import ParsedPoint

_NUMBER = re.compile(r'[0-9][0-9.]*')
_SEPARATORS = ' ;\t,:'


class TokenSpans:
    """The tokens of one text, found again by character position."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        """Take the tokens in order; their texts joined are the text."""
        self._logprobs = [token.logprob for token in tokens]
        self._ends = list(accumulate(len(token.text) for token in tokens))

    def touching(self, start: int, end: int) -> set[int]:
        """Indices of the tokens that wrote any of the characters [start, end)."""
        first = bisect.bisect_right(self._ends, start)
        last = bisect.bisect_left(self._ends, end)
        return set(range(first, min(last + 1, len(self._ends))))

    def probability(self, indices: Iterable[int]) -> float:
        """Product of the tokens' probabilities, in [0, 1]; nan for none or an unknown one."""
        logprobs = [self._logprobs[i] for i in indices]
        total = sum(logprobs) if logprobs else math.nan
        return math.nan if math.isnan(total) else math.exp(min(0.0, total))


def deciding_spans(text: str, point: ParsedPoint) -> tuple[list[tuple[int, int]], list[int]]:
    """The characters that decide a point, and the digits that are finer than the model sees.

    Deciding: the separator that says there is one more, the time, the id, and x and y to 1 % of
    the image. The third digit of a coordinate (0.1 %) is below what the model resolves: its
    probability is close to uniform and would hide what the model does know. In JSON what says that
    there is one more is the brace that opens it; an id there is not looked at.
    """
    if point.deciding:
        return list(point.deciding), list(point.fine)
    head = _NUMBER.search(text, point.head_start, point.start)
    is_first = head is not None and not text[head.end() : point.start].strip()
    before = (point.head_start if is_first else point.start) - 1
    spans = [(before, before + 1)] if before >= 0 and text[before] in _SEPARATORS else []
    if head:
        spans.append(head.span())
    fine = []
    numbers = [match.span() for match in _NUMBER.finditer(text, point.start, point.end)]
    for place, (start, end) in enumerate(numbers):
        if place > 0 and end - start >= 3 and '.' not in text[start:end]:
            end -= 1
            fine.append(end)
        spans.append((start, end))
    return spans, fine


def score(text: str, point: ParsedPoint, tokens: TokenSpans) -> float:
    """The model's own probability of a point, in [0, 1]; nan where tokens are unknown.

    The product over the tokens that write what decides it (see `deciding_spans`). A token that
    also writes a fine digit, as where a whole coordinate is one token, is left out.
    """
    spans, fine = deciding_spans(text, point)
    deciding = set().union(*(tokens.touching(start, end) for start, end in spans))
    too_fine = set().union(*(tokens.touching(at, at + 1) for at in fine))
    return tokens.probability(deciding - too_fine)
