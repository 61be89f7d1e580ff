# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An analysis as one HTML page that holds all it needs and asks nothing of any network.

Its size is bounded where recordings are not: see figures.MOST_PICTURES. What a model or a
recording wrote stands in it as escaped text; the page's policy lets no script run but its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from molmo_ground_ros.analysis.findings import Analysis, Finding, Pictures
from molmo_ground_ros.analysis.stitch import AnsweredWindow, Stitched
from molmo_ground_ros.reports.figures import (
    MOST_PICTURES,
    Shot,
    event_name,
    figure,
    pictured,
    shots,
    track_name,
)
from molmo_ground_ros.reports.html import document, facts, table
from molmo_ground_ros.reports.style import SCRIPT, STYLE
from molmo_ground_ros.reports.timeline import timeline
from molmo_ground_ros.reports.words import clock, date, doubts, escaped, score
from molmo_ground_ros.storage.atomic import atomic_file

MOST_STATED = 16  # totals of windows shown beside the merged number; the table has them all
_FEW_STATED = 5  # of them are shown large


def write_page(analysis: Analysis, pictures: Pictures, path: str | Path) -> None:
    """Write the page. Decodes one frame at a time; one that cannot be decoded is told in its place.

    Raises OSError, and leaves an older file as it was.
    """
    with atomic_file(Path(path)) as partial, partial.open('w', encoding='utf-8') as file:
        file.writelines(_page(analysis, pictures))


def _page(analysis: Analysis, pictures: Pictures) -> Iterator[str]:
    title = ', '.join(dict.fromkeys(finding.question.query.text for finding in analysis.findings))
    return document(title or 'analysis', _body(analysis, pictures), STYLE, SCRIPT)


def _body(analysis: Analysis, pictures: Pictures) -> Iterator[str]:
    yield from _heading(analysis)
    yield '<main>'
    found = [shots(index, finding) for index, finding in enumerate(analysis.findings)]
    chosen = pictured([len(one) for one in found])
    for index, finding in enumerate(analysis.findings):
        yield from _finding(index, finding, analysis, pictures, found[index], chosen[index])
    yield from _about(analysis)
    yield '</main>'


def _heading(analysis: Analysis) -> Iterator[str]:
    first_ns, last_ns = analysis.span_ns
    yield '<header><h1>What the recording shows</h1>'
    yield facts(
        ('recording', ', '.join(analysis.sources)),
        ('cameras', ', '.join(analysis.cameras)),
        ('span', f'{clock(last_ns - first_ns)} from {date(first_ns) or f"stamp {first_ns} ns"}'),
        ('model', analysis.model),
    )
    if not analysis.complete:
        yield '<p class="warn">The run was interrupted: windows it did not reach are gaps.</p>'
    if analysis.losses:
        yield '<p class="warn">The recording is damaged: '
        yield '<a href="#losses">what is lost</a>.</p>'
    if len(analysis.findings) > 1:
        yield '<nav aria-label="Questions"><ul>'
        for index, finding in enumerate(analysis.findings):
            answer = escaped(_answer(finding.stitched))
            yield f'<li><a href="#q{index + 1}">{escaped(finding.question.query.text)}</a> '
            yield f'<span class="faint">{escaped(finding.camera)}</span>: {answer}</li>'
        yield '</ul></nav>'
    yield '</header>\n'


def _finding(
    index: int,
    finding: Finding,
    analysis: Analysis,
    pictures: Pictures,
    found: Sequence[Shot],
    chosen: set[int],
) -> Iterator[str]:
    stitched = finding.stitched
    zero_ns = analysis.span_ns[0]
    heading = escaped(finding.question.query.text)
    yield f'<section class="finding" id="q{index + 1}"><h2>{heading}</h2>'
    yield f'<p class="faint">camera {escaped(finding.camera)}</p>'
    yield from _cards(stitched)
    yield '<h3>Timeline</h3>'
    yield from timeline(index, stitched, analysis.span_ns)
    if found:
        yield '<div class="steps"><button type="button" data-by="-1">Previous</button>'
        yield '<button type="button" data-by="1">Next</button></div>'
        yield '<div class="shots" aria-live="polite">'
        for place, shot in enumerate(found):
            yield from figure(shot, finding, pictures, zero_ns, picture=place in chosen)
        yield '</div>\n'
    yield from _events(index, stitched, zero_ns)
    yield from _tracks(index, stitched, zero_ns)
    yield from _coverage(stitched, analysis.span_ns)
    yield from _windows(stitched, zero_ns)
    yield '</section>\n'


def _answer(stitched: Stitched) -> str:
    """The merged answer in a few words."""
    parts = []
    if stitched.events or not stitched.tracks:
        parts.append(_many(stitched.count, 'event'))
    if stitched.tracks:
        parts.append(_many(len(stitched.tracks), 'object'))
    return ', '.join(parts)


def _cards(stitched: Stitched) -> Iterator[str]:
    answered = [window for window in stitched.windows if window.text]
    yield '<div class="answer">'
    pointed = stitched.events or stitched.tracks
    if pointed or any(window.stated is not None for window in stitched.windows):
        yield f'<div class="card"><b>{_answer(stitched)}</b>merged over all windows'
        if stitched.events:
            yield f'<br>at least {stitched.count_least}, at most {stitched.count_most}'
        yield '</div>'
        shown = stitched.windows[:MOST_STATED]
        more = ' \u2026' if len(shown) < len(stitched.windows) else ''
        stated = ', '.join('\u2013' if w.stated is None else str(w.stated) for w in shown)
        if all(window.stated is None for window in stitched.windows):
            stated, more = 'none', ''
        many = ' many' if len(shown) > _FEW_STATED else ''
        yield f'<div class="card{many}"><b>{stated}{more}</b>'
        yield 'totals the model states, window by window; windows overlap</div>'
    else:
        words = answered[0].text if answered else 'There is no answer.'
        yield f'<div class="card words"><b class="said">{escaped(words)}</b>'
        if len(answered) > 1:
            yield f'the first of {len(answered)} windows; all are below'
        yield '</div>'
    yield '</div>'


def _events(index: int, stitched: Stitched, zero_ns: int) -> Iterator[str]:
    if not stitched.events:
        return
    yield '<h3>Events</h3>'
    rows = []
    for event in stitched.events:
        point = event.shown.point
        others = sorted({one.window for one in event.duplicates} - {event.shown.window})
        windows = ', '.join(str(window + 1) for window in [event.shown.window, *others])
        rows.append([
            _link(event_name(index, event.id), event.id),
            clock(point.stamp_ns - zero_ns),
            str(point.stamp_ns),
            f'({point.x:.1f}, {point.y:.1f})',
            score(point.score),
            escaped(event.shown.label),
            windows,
            escaped('; '.join(doubts(event))),
        ])  # fmt: skip
    header = ('#', 'time', 'stamp [ns]', 'pixel', 'score', 'label', 'windows', 'doubts')
    yield from table(header, rows)


def _tracks(index: int, stitched: Stitched, zero_ns: int) -> Iterator[str]:
    if not stitched.tracks:
        return
    yield '<h3>Objects followed</h3>'
    rows = []
    for track in stitched.tracks:
        first, last = track.points[0].point, track.points[-1].point
        rows.append([
            _link(track_name(index, track.id), track.id),
            escaped(track.label),
            f'{clock(first.stamp_ns - zero_ns)} to {clock(last.stamp_ns - zero_ns)}',
            str(len(track.points)),
            f'({first.x:.1f}, {first.y:.1f}) to ({last.x:.1f}, {last.y:.1f})',
            escaped('; '.join(doubts(track))),
        ])  # fmt: skip
    yield from table(('#', 'label', 'seen', 'points', 'pixel', 'doubts'), rows)


def _coverage(stitched: Stitched, span_ns: tuple[int, int]) -> Iterator[str]:
    zero_ns, last_ns = span_ns
    seen = clock(seen_ns(stitched.windows, span_ns))
    yield f'<h3>Coverage</h3><p>{seen} of {clock(last_ns - zero_ns)} was seen by the model.</p>'
    if stitched.gaps:
        yield '<ul>'
        for gap in stitched.gaps:
            start, end = clock(gap.start_ns - zero_ns), clock(gap.end_ns - zero_ns)
            yield f'<li>not seen: {start} to {end}: {escaped(gap.reason)}</li>'
        yield '</ul>'


def seen_ns(windows: Iterable[AnsweredWindow], span_ns: tuple[int, int]) -> int:
    """How much of the span the windows' answers speak for, each moment once."""
    total, until_ns = 0, span_ns[0]
    for window in windows:
        end_ns = min(window.seen_until_ns, span_ns[1])
        total += max(0, end_ns - max(window.start_ns, until_ns))
        until_ns = max(until_ns, end_ns)
    return total


def _windows(stitched: Stitched, zero_ns: int) -> Iterator[str]:
    yield f'<details><summary>Windows ({len(stitched.windows)}) and the words of the model'
    yield '</summary>'
    rows = []
    for window in stitched.windows:
        said = f'<span class="said">{escaped(window.text)}</span>'
        said += ''.join(
            f'<br>not used: {escaped(one.reason)}: <span class="said">{escaped(one.text)}</span>'
            for one in window.rejected
        )
        rows.append([
            str(window.index + 1),
            f'{clock(window.start_ns - zero_ns)} to {clock(window.end_ns - zero_ns)}',
            escaped(f'{window.state.value} {window.reason}'),
            '\u2013' if window.stated is None else str(window.stated),
            str(window.occurrences),
            str(window.tracks),
            f'{window.frames_used} of {window.frames_expected}',
            said,
        ])  # fmt: skip
    header = ('#', 'time', 'state', 'stated total', 'points', 'tracks', 'frames', 'words')
    yield from table(header, rows)
    yield '</details>'


def _about(analysis: Analysis) -> Iterator[str]:
    yield '<section class="about">'
    if analysis.losses:
        yield '<h3 id="losses">What is lost of the recording</h3><ul>'
        yield from (f'<li class="said">{escaped(loss)}</li>' for loss in analysis.losses)
        yield '</ul>'
    yield '<h3>Settings</h3>'
    yield facts(*analysis.settings.items())
    yield '<h3>Timing</h3>'
    timing = [(name, f'{seconds:.2f} s') for name, seconds in analysis.timing_s.items()]
    yield facts(*timing, ('frames decoded for the model', str(analysis.frames)))
    yield f"""<h3>How to read this</h3>
<p>Windows of the recording were shown to the model one by one; they overlap, and what two of them
saw counts once. Stamps are those of the camera's messages, pixels those of its pictures, from the
top-left corner. Scores are the model's own and not calibrated. Events in brown carry a doubt.
Pictures are reduced to show the place; the page holds {MOST_PICTURES} at most. The evidence is the
recording at that stamp.</p></section>"""


def _link(name: str, number: int) -> str:
    return f'<a href="#{name}" data-shows="{name}">{number}</a>'


def _many(number: int, what: str) -> str:
    return f'{number} {what}' if number == 1 else f'{number} {what}s'
