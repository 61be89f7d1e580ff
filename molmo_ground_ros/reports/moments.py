# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Moments of many recordings as one HTML page, with the pictures that their index holds."""

from __future__ import annotations

import base64
from pathlib import Path

from molmo_ground_ros.analysis.moments.lookup import Matches, Moment
from molmo_ground_ros.reports.html import write_html


def write_moments(matches: Matches, text: str, path: Path) -> None:
    """Write the page. text: the words that were looked for. Raises OSError, MissingPackage."""
    write_html(
        path,
        'moments.html',
        'page.css',
        'moments.css',
        title=text or 'all moments',
        matches=matches,
        picture=picture,
        place=place,
    )


def picture(moment: Moment) -> str:
    """The JPEG of a moment as base64; '' where there is none."""
    return base64.b64encode(moment.thumbnail or b'').decode()


def place(moment: Moment) -> str:
    """Where a moment is, in metres, or why that is not known; '' if nobody asked."""
    position = moment.position
    if position is None or position['status'] == 'none':
        return ''
    if position['status'] != 'ok':
        return f'{position["status"].replace("_", " ")}: {position["reason"]}'
    x, y, z = (position[axis] for axis in 'xyz')
    return f"({x:.3f}, {y:.3f}, {z:.3f}) m in '{position['frame_id']}'"
