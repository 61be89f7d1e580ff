# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An analysis as one HTML page that holds all it needs and asks nothing of any network.

Its size is limited however long the recording is: see figures.MOST_IMAGES. What it looks like is
`templates/analysis.html`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.analysis.findings import Analysis, AnsweredWindow, Event, Finding, FrameReader
from molmo_ground_ros.reports import timeline
from molmo_ground_ros.reports.colours import hexadecimal
from molmo_ground_ros.reports.figures import (
    MOST_IMAGES,
    Figure,
    event_name,
    evidence_frames,
    figure,
    share_images,
    track_name,
)
from molmo_ground_ros.reports.html import write_html
from molmo_ground_ros.reports.words import doubts, metres, plural

MOST_STATED = 16  # totals of windows beside the merged number; the table of windows has them all
_FEW_STATED = 5  # so many totals are printed large


@dataclass(frozen=True, slots=True)
class FindingSection:
    """One finding of the page."""

    index: int
    finding: Finding
    frames: int  # how many figures there are
    figures: Iterator[Figure]  # can be read once: it decodes their images


def write_page(analysis: Analysis, read_frame: FrameReader, path: str | Path) -> None:
    """Write the page. A frame that cannot be decoded is a message in its place.

    One frame is decoded at a time. Raises OSError, which leaves an older file as it was, and
    MissingPackage.
    """
    title = ', '.join(dict.fromkeys(finding.question.query.text for finding in analysis.findings))
    timing = [(name, f'{seconds:.2f} s') for name, seconds in analysis.timing_s.items()]
    write_html(
        Path(path),
        'analysis.html',
        'page.css',
        script='page.js',
        title=title or 'analysis',
        analysis=analysis,
        sections=_sections(analysis, read_frame),
        scale=timeline.TimeScale(analysis.span_ns),
        timing=[*timing, ('frames decoded for the model', str(analysis.frames))],
        most_images=MOST_IMAGES,
        most_numbered=timeline.MOST_NUMBERED,
        most_paths=timeline.MOST_PATHS,
        most_stated=MOST_STATED,
        few_stated=_FEW_STATED,
        answer_words=answer_words,
        doubts=doubts,
        event_name=event_name,
        hexadecimal=hexadecimal,
        metres=metres,
        covered_ns=covered_ns,
        stated_totals=stated_totals,
        track_name=track_name,
        window_numbers=window_numbers,
    )


def _sections(analysis: Analysis, read_frame: FrameReader) -> list[FindingSection]:
    frames = [evidence_frames(*numbered) for numbered in enumerate(analysis.findings)]
    with_image = share_images([len(of_finding) for of_finding in frames])

    def figures(index: int, finding: Finding) -> Iterator[Figure]:
        for place, frame in enumerate(frames[index]):
            yield figure(frame, finding, read_frame, with_image=place in with_image[index])

    return [
        FindingSection(index, finding, len(frames[index]), figures(index, finding))
        for index, finding in enumerate(analysis.findings)
    ]


def answer_words(finding: Finding) -> str:
    """The merged answer in a few words: '4 events, 2 objects'."""
    parts = []
    if finding.events or not finding.tracks:
        parts.append(plural(finding.count, 'event'))
    if finding.tracks:
        parts.append(plural(len(finding.tracks), 'object'))
    return ', '.join(parts)


def stated_totals(windows: Sequence[AnsweredWindow]) -> str:
    """The total that each of the first windows states, a dash for none: '3, 4, -, ...'."""
    if all(window.stated is None for window in windows):
        return 'none'
    first = windows[:MOST_STATED]
    totals = ('\u2013' if window.stated is None else str(window.stated) for window in first)
    return ', '.join(totals) + (' \u2026' if len(first) < len(windows) else '')


def window_numbers(event: Event) -> str:
    """The windows that saw an event, the one whose point is used first, counted from 1: '2, 1'."""
    others = {sighting.window for sighting in event.duplicates} - {event.sighting.window}
    return ', '.join(str(window + 1) for window in [event.sighting.window, *sorted(others)])


def covered_ns(windows: Iterable[AnsweredWindow], span_ns: tuple[int, int]) -> int:
    """How much of the span the windows' answers cover, each moment counted once."""
    total, until_ns = 0, span_ns[0]
    for window in windows:
        end_ns = min(window.seen_until_ns, span_ns[1])
        total += max(0, end_ns - max(window.start_ns, until_ns))
        until_ns = max(until_ns, end_ns)
    return total
