# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The points that an answer's text holds, with their times. Knows no truth."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from molmo_ground_ros.frames.windows import SAMPLE_PERIOD_S
from molmo_ground_ros.language.grammar import AnswerIds, Parsed

# molmo2 f3cb108, olmo/preprocessing/point_formatter.py:120-144, on html-v2 (and v1, with TABs). The
# reference finds a tag and its coordinates with one regular expression,
# `<(?:points|tracks).*? coords=...`. It takes quadratic time on tags without coordinates; `_coords`
# finds the same in linear time.
_TAG = re.compile(r'<(?:points|tracks)')
_COORDS = re.compile(r' coords="([0-9\t:;, .]+)"/?>')
_GROUP = re.compile(r'(?:^|[\t:,;])([0-9.]++) ([0-9. ]++)')
_ROW = re.compile(r'([0-9]++) ([0-9]{3,4}) ([0-9]{3,4})')
_SCALE = 1000
_DIGITS = 18  # of an id


class AnswerPoint(NamedTuple):
    """One point of an answer."""

    time_s: float  # from the clip's start; in an image its index, from 1
    id: int  # unique in the answer
    x: float  # share of the width, in [0, 1]
    y: float  # share of the height


def answer_points(parsed: Parsed) -> list[AnswerPoint]:
    """Every point of an answer, in the order written.

    Ids differ between blocks, as those of `Grounder` do (`grammar.AnswerIds`). The article's frame
    index counts frames that are 0.5 s apart.
    """
    points: list[AnswerPoint] = []
    ids = AnswerIds()
    for block in parsed.blocks:
        new = ids.of_block(block)
        for point in block.points:
            time_s = point.time
            if time_s is None:
                time_s = ((point.frame_index or 1) - 1) * SAMPLE_PERIOD_S
            points.append(AnswerPoint(time_s, new[point.id], point.x, point.y))
    return points


def parity_points(text: str) -> list[AnswerPoint]:
    """parity: the points that the reference finds in a text (point_formatter.py:128-180).

    The reference loses the points of an answer that is cut off before its closing quote,
    coordinates of one or two digits, and all points after "; ". It does not distinguish the ids of
    several blocks. Where the reference fails (a time "0.5.1"), the group is left out. Two things
    differ: the older formats of Molmo 1 are not read, and an id is a number of at most 18 digits,
    not a text.
    """
    return list(_parity_rows(text))


def _parity_rows(text: str) -> Iterator[AnswerPoint]:
    for coords in _coords(text):
        for head, rows in _GROUP.findall(coords):
            try:
                time_s = float(head)
            except ValueError:
                continue
            for number, x, y in _ROW.findall(rows) if math.isfinite(time_s) else ():
                if int(x) <= _SCALE and int(y) <= _SCALE:
                    yield AnswerPoint(
                        time_s, int(number[:_DIGITS]), float(x) / _SCALE, float(y) / _SCALE
                    )


def _coords(text: str) -> Iterator[str]:
    """The text of each coordinate list that follows a tag on its line, after the list before it."""
    done = 0
    for coords in _COORDS.finditer(text):
        line = text.rfind('\n', done, coords.start()) + 1
        tagged = _TAG.search(text, max(done, line), coords.start())
        done = coords.end() if tagged else coords.start()
        if tagged:
            yield coords[1]
