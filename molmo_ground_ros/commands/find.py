# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground find`: lists moments of an index as a table, as JSON, or as one page.

It opens no recording and loads no model.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from molmo_ground_ros.analysis.moments.database import NAME, Database
from molmo_ground_ros.analysis.moments.lookup import Matches, Moment, Search, find
from molmo_ground_ros.errors import BadSetting, one_line

_AGO = re.compile(r'(\d+(?:\.\d+)?)(m|h|d|w)')
_UNIT_S = {'m': 60, 'h': 3600, 'd': 86400, 'w': 604800}
_FIRST_DATE_NS = 10**18  # earlier stamps are a simulator's, and no date


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments and options of the command."""
    parser.add_argument(
        'text', nargs='*', metavar='TEXT',
        help='words of the question or of the label, in any order; all must be there. '
        '"two words" must follow each other, word* is a beginning. Default: every moment',
    )  # fmt: skip
    parser.add_argument(
        '--index', default=NAME, metavar='FILE',
        help='the index, or the folder that it is in. Default: %(default)s in this folder',
    )  # fmt: skip
    parser.add_argument(
        '--since', default='', metavar='WHEN',
        help='not before: a date (2026-11-20, 2026-11-20T09:30; local unless it has an offset), an '
        'age (90m, 12h, 3d, 2w), or a stamp in seconds',
    )  # fmt: skip
    parser.add_argument('--until', default='', metavar='WHEN', help='not after')
    parser.add_argument('--camera', default='', metavar='TEXT', help='a part of the topic')
    parser.add_argument('--recording', default='', metavar='TEXT', help='a part of the path')
    parser.add_argument(
        '--score', type=float, default=0.0, metavar='P', help='at least this score, from 0 to 1'
    )
    parser.add_argument(
        '--limit', type=int, default=100, metavar='N',
        help='list the newest N moments; 0 for all. Default: %(default)s',
    )  # fmt: skip
    parser.add_argument('--html', default='', metavar='FILE', help='write one page with pictures')
    parser.add_argument('--json', action='store_true', help='print one JSON object')


def run(arguments: argparse.Namespace) -> int:
    """Look up the moments, and print or write them."""
    search = _search(arguments)
    path = Path(arguments.index)
    with Database(path / NAME if path.is_dir() else path, writable=False) as database:
        matches = find(database, search)
    words = ' '.join(arguments.text)
    if arguments.html:
        from molmo_ground_ros.reports.moments import write_moments

        write_moments(matches, words, Path(arguments.html))
    if arguments.json:
        print(json.dumps(_record(matches)))
    else:
        _print(matches)
    return 0


def _search(arguments: argparse.Namespace) -> Search:
    if arguments.limit < 0:
        raise BadSetting('limit', arguments.limit, 'below zero')
    if not 0 <= arguments.score <= 1:
        raise BadSetting('score', arguments.score, 'must be from 0 to 1')
    return Search(
        text=' '.join(arguments.text),
        since_ns=_stamp('since', arguments.since),
        until_ns=_stamp('until', arguments.until),
        camera=arguments.camera,
        recording=arguments.recording,
        least_score=arguments.score,
        most=arguments.limit,
    )


def _stamp(option: str, text: str) -> int | None:
    """A time as a stamp in nanoseconds; None for ''."""
    if not text:
        return None
    if match := _AGO.fullmatch(text):
        return round((time.time() - float(match[1]) * _UNIT_S[match[2]]) * 1e9)
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        if math.isfinite(seconds):
            return round(seconds * 1e9)
    try:
        return round(datetime.fromisoformat(text).astimezone().timestamp() * 1e9)
    except (ValueError, OverflowError, OSError) as err:
        why = 'no date, no age such as 3d, and no stamp in seconds'
        raise BadSetting(option, text, why) from err


def _record(matches: Matches) -> dict[str, Any]:
    return {
        'moments': [_moment_record(moment) for moment in matches.moments],
        'total': matches.total,
        'recordings': matches.recordings,
        'recordings_searched': matches.searched,
        'unreadable': [{'path': path, 'why': why} for path, why in matches.unreadable],
    }


def _moment_record(moment: Moment) -> dict[str, Any]:
    names = [name for name in Moment.__slots__ if name != 'thumbnail']
    return {name: getattr(moment, name) for name in names}


def _print(matches: Matches) -> None:
    from molmo_ground_ros.reports.answer_table import text_table

    if matches.moments:
        rows = [_cells(moment) for moment in matches.moments]
        header = ('time', 'recording', 'camera', 'label', 'pixel', 'metres', 'score')
        for line in text_table(header, rows).splitlines():
            print(one_line(line))
    print(one_line(summary(matches)))
    for path, why in matches.unreadable:
        print(one_line(f'not searched: {path}: {why}'))
    if not matches.total:
        print('questions of the index: ' + '; '.join(map(one_line, matches.queries)))


def summary(matches: Matches) -> str:
    """How many moments there are, in how many recordings, and how many are listed."""
    shown = f', the newest {len(matches.moments)} listed' * (len(matches.moments) < matches.total)
    gone = sum(moment.gone for moment in matches.moments)
    deleted = f'; of {gone} the recording is gone (marked -)' if gone else ''
    return (
        f'{matches.total} moments in {matches.recordings} of {matches.searched} recordings'
        f'{shown}{deleted}'
    )


def _cells(moment: Moment) -> Sequence[str]:
    position = moment.position or {}
    metres = ''
    if position.get('status') == 'ok':
        metres = '({x:.3f}, {y:.3f}, {z:.3f})'.format(**position)
    elif position.get('status') not in (None, 'none'):
        metres = str(position['status']).replace('_', ' ')
    return (
        _time(moment),
        f'{"-" if moment.gone else ""}{Path(moment.recording).name}',
        moment.camera,
        moment.label or moment.query,
        f'({moment.x:.0f}, {moment.y:.0f})',
        metres,
        '' if moment.score is None else f'{moment.score:.2f}',
    )


def _time(moment: Moment) -> str:
    """The stamp as a local date; of a simulator, as seconds."""
    seconds = moment.stamp_ns / 1e9
    if moment.stamp_ns < _FIRST_DATE_NS:
        return f'{seconds:.2f} s'
    local = datetime.fromtimestamp(seconds, UTC).astimezone()
    return f'{local:%Y-%m-%d %H:%M:%S} +{moment.seconds:.1f} s'
