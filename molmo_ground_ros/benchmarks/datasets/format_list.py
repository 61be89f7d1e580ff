# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The formats as text of at most WIDTH columns: a table of all, and all that is known of one."""

from __future__ import annotations

import textwrap
from itertools import zip_longest

from molmo_ground_ros.benchmarks.datasets.registry import FORMATS, format_name
from molmo_ground_ros.benchmarks.datasets.sources import COPY, SOURCES
from molmo_ground_ros.reports.answer_table import text_table

WIDTH = 100

_HEADER = ('format', 'gives', 'frames/s', 'checked against')
_CHECKED_WIDTH = 41  # of the last column
_BELOW = f"""\
Every source was also checked against {COPY}, and no real archive was read.
--list-formats NAME says more of a format: words, hidden objects, licence, its documentation."""
_MOLMO2 = 'github.com/allenai/molmo2 f3cb108, olmo/data'
_LOADERS = "the reference's loaders, and its scores of random records"
_IN_DATA = 'in the data'
# What Molmo2's own sets and those of pointing give, which are no sources of annotated videos.
_OWN = {
    'videopoint': 'points, words',
    'videopointeval': 'points, masks, words',
    'videocounteval': 'counts, words',
    'videotrack': 'points, words',
    'videotrackeval': 'points, masks, words',
    'academic-points': 'points, words',
    'academic-tracks': 'points, masks, words',
    'burst-videocount': 'counts',
    'pointbench': 'masks, words',
}


def format_list() -> str:
    """All formats, a row each, and below what else there is to know."""
    lines: list[tuple[str, ...]] = []
    for name in (*_OWN, *SOURCES):
        facts = _facts(name)
        cells = ([name], [facts['gives']], [facts['frames a second']], _wrapped_check(name))
        lines += zip_longest(*cells, fillvalue='')
    return f'{text_table(_HEADER, lines)}\n\n{_BELOW}'


def format_facts(name: str) -> str:
    """All that is known of one format, a line or more for each fact.

    name: one of FORMATS, or the hub's name. Raises BadSetting for any other.
    """
    plain = format_name(name, FORMATS)
    facts = {'format': plain, **_facts(plain)}
    indent = max(map(len, facts)) + 2
    hanging = textwrap.TextWrapper(
        WIDTH, subsequent_indent=' ' * indent, break_on_hyphens=False, break_long_words=False
    )
    return '\n'.join(hanging.fill(f'{title:<{indent}}{text}') for title, text in facts.items())


def _wrapped_check(name: str) -> list[str]:
    """What a format was compared with, besides a synthetic copy."""
    compared = SOURCES[name].compared if name in SOURCES else _facts(name)['checked against']
    return textwrap.wrap(compared, _CHECKED_WIDTH)


def _facts(name: str) -> dict[str, str]:
    """What is known of a format, by its title."""
    if name in SOURCES:
        source = SOURCES[name]
        return {
            'gives': source.gives if source.words == 'none' else f'{source.gives}, words',
            'frames a second': source.rate,
            'words': source.words,
            'hidden objects, crowds': source.absence,
            'an object is called': source.called,
            'licence': source.licence,
            'checked against': source.checked,
            'documented in': source.documented,
        }
    licence, compared, documented = 'ODC-BY', _LOADERS, _MOLMO2
    if name == 'burst-videocount':
        licence, compared = SOURCES['burst'].licence, 'counts written by hand'
        documented = f'{SOURCES["burst"].documented}; docs/evaluation.md'
    elif name == 'pointbench':
        licence, documented = 'of its authors', f'{_MOLMO2}/academic_image_datasets.py:903-964'
    in_data = ('frames a second', 'words', 'hidden objects, crowds')
    return {
        'gives': _OWN[name],
        **dict.fromkeys(in_data, 'in the data'),
        'an object is called': 'by its label',
        'licence': licence,
        'checked against': compared,
        'documented in': documented,
    }
