# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of formats: what each gives, and where its layout is documented."""

from __future__ import annotations

from molmo_ground_ros.benchmarks.datasets.sources import SOURCES
from molmo_ground_ros.reports.answer_table import text_table

_HEADER = (
    *('format', 'gives', 'frames/s', 'words', 'hidden objects, crowds', 'an object is called'),
    *('licence', 'checked against', 'layout documented in'),
)
_MOLMO2 = 'github.com/allenai/molmo2 f3cb108, olmo/data'
_LOADERS = "the reference's loaders, and its scores of random records"
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
    """All formats, a line each."""
    own = [
        (name, gives, 'in the data', 'in the data', 'in the data', 'by its label', *_about(name))
        for name, gives in _OWN.items()
    ]
    sources = [
        (
            source.name,
            source.gives if source.words == 'none' else f'{source.gives}, words',
            *(source.rate, source.words, source.absence, source.called),
            *(source.licence, source.checked, source.documented),
        )
        for source in SOURCES.values()
    ]
    return text_table(_HEADER, [*own, *sources])


def _about(name: str) -> tuple[str, str, str]:
    """(licence, checked against, documented in) of a format that is no source."""
    if name == 'burst-videocount':
        burst = SOURCES['burst']
        return burst.licence, 'counts written by hand', f'{burst.documented}; docs/evaluation.md'
    if name == 'pointbench':
        return 'of its authors', _LOADERS, f'{_MOLMO2}/academic_image_datasets.py:903-964'
    return 'ODC-BY', _LOADERS, _MOLMO2
