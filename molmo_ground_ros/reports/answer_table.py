# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An answer as plain text: a summary of a few words, and its points as a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from molmo_ground_ros.analysis.findings import Finding
from molmo_ground_ros.reports.words import metres
from molmo_ground_ros.types import Point, Task

POINT_HEADER = ('id', 'time', 'stamp [ns]', 'pixel', 'score')
# The columns after those of POINT_HEADER where points have probabilities, and positions.
PROBABILITY_HEADER = 'probability'
POSITION_HEADER = 'position [m]'


# Different texts of windows that are printed.
MOST_TEXTS = 5


def answer_summary(finding: Finding) -> str:
    """The total where the model states one, else the number of tracks or points, else the text.

    A question that asks for words is answered with them alone, whatever numbers they hold.
    """
    if finding.refused:
        return 'the model gives no answer'
    if finding.question.task is Task.TEXT:
        return finding.text
    if finding.total is not None:
        return f'count: {finding.total}'
    if finding.tracks:
        return f'{len(finding.tracks)} tracks'
    return f'{len(finding.events)} points' if finding.events else finding.text


def model_words(finding: Finding) -> list[str]:
    """The model's different texts where it pointed at nothing and the summary does not hold them.

    A count of 0 may be "There are none.", a total without points, or text that could not be used.
    """
    if finding.events or finding.tracks or answer_summary(finding) == finding.text:
        return []
    texts = list(dict.fromkeys(window.text for window in finding.answered if window.text))
    more = [f'({len(texts) - MOST_TEXTS} more texts)'] if len(texts) > MOST_TEXTS else []
    return texts[:MOST_TEXTS] + more


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns of plain text, each as wide as its widest cell, with a rule below the header."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    padded = [
        '  '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    return '\n'.join([padded[0], '  '.join('-' * width for width in widths), *padded[1:]])


def score_text(score: float) -> str:
    """A score with two decimals, or a dash where it is unknown (NaN)."""
    return '-' if math.isnan(score) else f'{score:.2f}'


def point_table(points: Sequence[Point], zero_ns: int) -> tuple[list[str], list[list[str]]]:
    """The header and the cells of a table of points, with positions where some have one."""
    header, rows = list(POINT_HEADER), [list(row) for row in point_rows(points, zero_ns)]
    if any(not math.isnan(point.probability) for point in points):
        header.append(PROBABILITY_HEADER)
        for row, point in zip(rows, points, strict=True):
            row.append(score_text(point.probability))
    if any(point.position is not None for point in points):
        header.append(POSITION_HEADER)
        for row, point in zip(rows, points, strict=True):
            row.append(metres(point.position))
    return header, rows


def point_rows(points: Iterable[Point], zero_ns: int) -> list[tuple[str, ...]]:
    """The cells below POINT_HEADER for each point; its time counts from the stamp `zero_ns`."""
    return [
        (
            str(point.id),
            f'{(point.stamp_ns - zero_ns) / 1e9:.2f} s',
            str(point.stamp_ns),
            f'({point.x:.0f}, {point.y:.0f})',
            score_text(point.score),
        )
        for point in points
    ]
