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
from molmo_ground_ros.grammar import ParsedPoint

_NUMBER = re.compile(r'[0-9][0-9.]*')


class TokenSpans:
    """The tokens of one text, found again by character position."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        """Take the tokens in order; their texts joined are the text."""
        self._logprobs = [token.logprob for token in tokens]
        self._ends = list(accumulate(len(token.text) for token in tokens))

    def probability(self, spans: Iterable[tuple[int, int]]) -> float:
        """Product of the probabilities of the tokens that touch any span, in [0, 1].

        spans: (start, end) in characters, end exclusive. nan where there are no tokens or one is
        unknown.
        """
        touched: set[int] = set()
        for start, end in spans:
            first = bisect.bisect_right(self._ends, start)
            last = bisect.bisect_left(self._ends, end)
            touched.update(range(first, min(last + 1, len(self._ends))))
        if not touched:
            return math.nan
        total = sum(self._logprobs[i] for i in touched)
        return math.nan if math.isnan(total) else math.exp(min(0.0, total))


def point_spans(text: str, point: ParsedPoint) -> list[tuple[int, int]]:
    """The characters that decide a point: its time, its id, and x and y to 1 % of the image.

    The third digit of a coordinate (0.1 % of the image, below what the model resolves) is left
    out: its probability is close to uniform and would hide what the model does know.
    """
    spans = []
    head = _NUMBER.search(text, point.head_start, point.start)
    if head:
        spans.append(head.span())
    numbers = [match.span() for match in _NUMBER.finditer(text, point.start, point.end)]
    for place, (start, end) in enumerate(numbers):
        is_coordinate = place > 0
        thirds = is_coordinate and end - start >= 3 and '.' not in text[start:end]
        spans.append((start, end - 1) if thirds else (start, end))
    return spans


def score(text: str, point: ParsedPoint, tokens: TokenSpans) -> float:
    """The model's own probability of a point, in [0, 1]; nan where tokens are unknown."""
    return tokens.probability(point_spans(text, point))
