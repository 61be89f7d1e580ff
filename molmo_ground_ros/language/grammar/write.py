# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes points as the text of an answer: in the released format and in that of the article.

A row is (time, id, x, y): time in seconds, written with one decimal (or, with `images`, the image's
1-based index); x and y shares of the image, 0..1, held to that range as the reference does.
Source: molmo2 f3cb108, olmo/preprocessing/point_formatter.py:263-473.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

Row = tuple[float, int, float, float]

NONE = 'There are none.'

_ENTITIES = {'&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'"}
_ENTITY = re.compile('|'.join(_ENTITIES))
_UNSAFE = re.compile(f'<|&(?=(?:{"|".join(name[1:] for name in _ENTITIES)}))')


def number_points(spots: Iterable[tuple[float, float, float]]) -> list[Row]:
    """Give (time, x, y) the ids 1..N as trained: by time, then by x and y as they are written."""
    ordered = sorted(
        spots, key=lambda spot: (_seconds(spot[0]), _scaled(spot[1]), _scaled(spot[2]))
    )
    return [(time, number, x, y) for number, (time, x, y) in enumerate(ordered, start=1)]


def format_points(
    rows: Iterable[Row], label: str, *, separator: str = ';', images: bool = False
) -> str:
    r"""`<points coords="2.5 1 412 630;7.0 2 398 611">label</points>`; no row: "There are none.".

    Frames ascend in time, ids inside a frame. separator: ';' (html-v2) or '\t' (html-v1).
    """
    return _block('points', _coords(rows, separator, images), label)


def format_tracks(
    rows: Iterable[Row], label: str, *, separator: str = ';', images: bool = False
) -> str:
    """As `format_points`, in a `<tracks>` block, where an id is an object's."""
    return _block('tracks', _coords(rows, separator, images), label)


def format_count(
    rows: Iterable[Row], label: str, *, separator: str = ';', images: bool = False
) -> str:
    """`Counting the <points ...>label</points> shows a total of N.`, N the number of rows."""
    rows = list(rows)
    if not rows:
        return NONE
    points = format_points(rows, label, separator=separator, images=images)
    return f'Counting the {points} shows a total of {len(rows)}.'


def format_article(rows: Iterable[Row], label: str, *, decimals: int = 2) -> str:
    r"""`<points coords="t^1 1 0.45 0.32 t^2 1 0.48 0.35">\nlabel\n</points>`, in the order given.

    A row's time is its frame's 1-based index here. The article writes one block an object.
    """
    coords = ' '.join(
        f't^{int(frame)} {number} {_clipped(x):.{decimals}f} {_clipped(y):.{decimals}f}'
        for frame, number, x, y in rows
    )
    return _block('points', coords, f'\n{label.strip()}\n')


def unescaped_label(label: str) -> str:
    """A label with the entities replaced that `_safe` writes."""
    return _ENTITY.sub(lambda entity: _ENTITIES[entity.group()], label.strip())


def _safe(label: str) -> str:
    """A label that cannot be taken for a tag; untouched unless it holds a < or one of our entities.

    parity: the reference escapes nothing, so a plain label, and any quote or &, stays as it is.
    """
    return _UNSAFE.sub(lambda mark: '&lt;' if mark.group() == '<' else '&amp;', label)


def _block(kind: str, coords: str, label: str) -> str:
    if not coords:
        return NONE
    return f'<{kind} coords="{coords}">{_safe(label)}</{kind}>'


def _coords(rows: Iterable[Row], separator: str, images: bool) -> str:
    headed = [(round(row[0]) if images else _seconds(row[0]), row) for row in rows]
    headed.sort(key=lambda item: (item[0], item[1][1]))
    groups = groupby(headed, key=lambda item: item[0])
    return separator.join(
        f'{head} {" ".join(_row(*row[1:]) for _, row in group)}' for head, group in groups
    )


def _row(number: int, x: float, y: float) -> str:
    return f'{number} {_scaled(x):03d} {_scaled(y):03d}'


def _seconds(time: float) -> float:
    return round(float(time), 1)


def _clipped(share: float) -> float:
    return min(max(share, 0.0), 1.0)


def _scaled(share: float) -> int:
    return round(1000 * _clipped(float(share)))
