# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which times the answers of a question that goes on for days speak for, in bounded memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_NS
from molmo_ground_ros.grounding.stitch.coverage import NOT_ASKED
from molmo_ground_ros.grounding.stitch.finding import AnsweredWindow, Gap
from molmo_ground_ros.grounding.stitch.json_values import gap_json, gap_of, integer, span_of

# Spans that are remembered, each with the gap before it. Of older times only the sums remain.
MOST_SPANS = 1000

Span = tuple[int, int]


class CoveredTime:
    """Spans of stamps, ascending, with a gap between any two. For one thread."""

    def __init__(self) -> None:
        # Of the windows so far: the first start and the last end.
        self.since_ns = 0
        self.end_ns = 0
        # The last stamp that an answer speaks for; the first start before there is one.
        self.until_ns = 0
        self._spans: list[Span] = []
        # Between the spans that are remembered, and before the oldest of them.
        self._gaps: list[Gap] = []
        # Of spans that are forgotten, or were before time jumped back.
        self._older_covered_ns = 0
        self._older_ns = 0

    def begin(self, since_ns: int) -> None:
        """Set the time from which coverage is counted, before the first window."""
        self.since_ns = self.until_ns = self.end_ns = since_ns

    def add(self, window: AnsweredWindow, earlier: Sequence[AnsweredWindow], why: str = '') -> None:
        """Take the next window. Holes of up to a step of the grid hold no frame, and are no gaps.

        earlier: the windows before it that are held, ascending. why: the reason for a gap that this
        window ends, where those windows know none.
        """
        if not self.end_ns:
            self.begin(window.start_ns)
        self.end_ns = max(self.end_ns, window.end_ns)
        if window.seen_until_ns < window.start_ns:
            return
        if window.start_ns - self.until_ns > SAMPLE_PERIOD_NS:
            hole = self.until_ns, window.start_ns
            self._gaps.append(Gap(*hole, (), _reason(earlier, hole) or why or NOT_ASKED))
            self._spans.append((window.start_ns, window.seen_until_ns))
        else:
            start_ns = self._spans.pop()[0] if self._spans else self.since_ns
            self._spans.append((start_ns, max(self.until_ns, window.seen_until_ns)))
        self.until_ns = max(self.until_ns, window.seen_until_ns)
        self._prune()

    def restart(self) -> None:
        """Begin anew, since time jumped back. The share goes on."""
        self._older_covered_ns, self._older_ns = self._sums()
        self.since_ns = self.end_ns = self.until_ns = 0
        self._spans, self._gaps = [], []

    @property
    def share(self) -> float:
        """The share of the time, from 0 to 1, that the answers speak for; 1 of no time."""
        covered_ns, total_ns = self._sums()
        return covered_ns / total_ns if total_ns else 1.0

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """The gaps that are remembered, ascending."""
        return tuple(self._gaps)

    def span_at(self, stamp_ns: int) -> Span:
        """The time around a stamp that answers speak for without a break; the stamp if none do."""
        after = bisect_right(self._spans, stamp_ns, key=lambda span: span[0])
        if not after or self._spans[after - 1][1] < stamp_ns:
            return stamp_ns, stamp_ns
        return self._spans[after - 1]

    def unseen(self, start_ns: int, end_ns: int) -> tuple[Span, ...]:
        """The parts of a span that no answer speaks for, ascending."""
        parts: list[Span] = []
        at_ns, overlaps = start_ns, False
        for first_ns, last_ns in self._spans:
            if last_ns < start_ns or first_ns > end_ns:
                continue
            overlaps = True
            if first_ns - at_ns > SAMPLE_PERIOD_NS:
                parts.append((at_ns, first_ns))
            at_ns = max(at_ns, last_ns)
        if not overlaps:
            return ((start_ns, end_ns),)
        if end_ns - at_ns > SAMPLE_PERIOD_NS:
            parts.append((at_ns, end_ns))
        return tuple(parts)

    def state(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {
            'since_ns': self.since_ns,
            'end_ns': self.end_ns,
            'until_ns': self.until_ns,
            'spans': self._spans,
            'gaps': [gap_json(gap) for gap in self._gaps],
            'older_covered_ns': self._older_covered_ns,
            'older_ns': self._older_ns,
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> CoveredTime:
        """What `state` gave. Raises ValueError, TypeError or LookupError."""
        covered = cls()
        covered.since_ns = integer(state['since_ns'])
        covered.end_ns = integer(state['end_ns'])
        covered.until_ns = integer(state['until_ns'])
        covered._spans = [span_of(span) for span in state['spans']]
        covered._gaps = [gap_of(gap) for gap in state['gaps']]
        covered._older_covered_ns = integer(state['older_covered_ns'])
        covered._older_ns = integer(state['older_ns'])
        return covered

    def _sums(self) -> tuple[int, int]:
        """How much is covered, and of how much, ns."""
        covered_ns = sum(last_ns - first_ns for first_ns, last_ns in self._spans)
        return (
            self._older_covered_ns + covered_ns,
            self._older_ns + max(self.end_ns - self.since_ns, 0),
        )

    def _prune(self) -> None:
        """Forget the oldest span where there are too many: its length goes into the sums."""
        if len(self._spans) > MOST_SPANS:
            first_ns, last_ns = self._spans.pop(0)
            self._older_covered_ns += last_ns - first_ns
            self._gaps = self._gaps[-MOST_SPANS:]


def _reason(earlier: Sequence[AnsweredWindow], hole: Span) -> str:
    """Why the windows that lie in a hole do not speak for it."""
    reasons = [
        window.reason
        for window in earlier
        if window.start_ns < hole[1] and hole[0] < window.end_ns and window.reason
    ]
    return '; '.join(dict.fromkeys(reasons))
