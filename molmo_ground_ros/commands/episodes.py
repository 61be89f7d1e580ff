# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The part of `analyze` that is about LeRobot data sets: which episodes, what is expected."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from molmo_ground_ros.analysis.findings import Analysis, Finding
from molmo_ground_ros.errors import BadSetting, one_line, visible
from molmo_ground_ros.recording.lerobot.choice import chosen_topics, is_lerobot
from molmo_ground_ros.recording.lerobot.copy import FORMS, check_copy, write_copy
from molmo_ground_ros.recording.lerobot.notes import EpisodeNotes, EventNote, TraceNote
from molmo_ground_ros.reports.answer_table import text_table

# The exit code where a count is not the expected one.
UNEXPECTED = 3
_TOPIC = re.compile(r'episode_(\d+)/(.+)')


def add_episodes(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        '--episodes', default='', metavar='N,N-N', help='of a LeRobot data set: only these'
    )
    parser.add_argument(
        '--camera', action='append', default=[], metavar='FEATURE',
        help="of a LeRobot data set: 'observation.images.top' or 'top'; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        '--expect', type=int, default=None, metavar='N',
        help=f'list the episodes or cameras whose count is not N, and exit with {UNEXPECTED}',
    )  # fmt: skip
    parser.add_argument(
        '--annotate', default='', metavar='FOLDER',
        help='copy the LeRobot data set there, with events, subtasks and traces in its frames',
    )  # fmt: skip
    parser.add_argument(
        '--annotation-form', default=FORMS[0], choices=FORMS,
        help='subtasks: for lerobot 0.4 and later; language: its language columns, for 0.6 and '
        'later (default: %(default)s)',
    )  # fmt: skip


def topics_of(arguments: argparse.Namespace) -> list[str]:
    """The cameras to ask about; [] for the only one. Checks the options.

    Raises BadSetting, BagError, MissingPackage.
    """
    datasets = [path for path in arguments.bag if is_lerobot(path)]
    if arguments.expect is not None and arguments.expect < 0:
        raise BadSetting('expect', arguments.expect, 'below zero')
    if not datasets:
        for name in ('episodes', 'camera', 'annotate'):
            if value := getattr(arguments, name):
                raise BadSetting(name, value, 'is of LeRobot data sets, and none is named')
        return list(arguments.topic)
    if len(arguments.bag) > 1:
        raise BadSetting('bag', arguments.bag, 'ask about a LeRobot data set by itself')
    if arguments.annotate:
        check_copy(Path(datasets[0]), Path(arguments.annotate), arguments.annotation_form)
    if arguments.topic:
        return list(arguments.topic)
    return chosen_topics(datasets[0], arguments.episodes, arguments.camera)


def judged(analysis: Analysis, expected: int | None) -> int:
    """List on stderr the answers whose count differs, or that leave a time out; the exit code."""
    lines = list[str]()
    for finding in analysis.findings:
        count = _count(finding)
        if expected is not None and (count != expected or finding.gaps):
            gap = ', and no answer for a part of it' if finding.gaps else ''
            words = finding.question.query.text
            lines.append(f'{finding.camera}: {count}, not {expected}{gap}: {words}')
    for line in lines:
        print(f'molmo-ground: {one_line(line)}', file=sys.stderr)
    return UNEXPECTED if lines else 0


def print_counts(analysis: Analysis) -> None:
    """Print the counts of all episodes as one table, if there are episodes."""
    rows = [
        [match[1].lstrip('0') or '0', match[2], str(_count(finding)), finding.question.query.text]
        for finding in analysis.findings
        if (match := _TOPIC.fullmatch(finding.camera))
    ]
    if rows:
        print(visible('\n' + text_table(['episode', 'camera', 'count', 'question'], rows)))


def write_annotations(analysis: Analysis, arguments: argparse.Namespace) -> None:
    """Write the annotated copy that `arguments` ask for, if they do. Raises BagError, OSError."""
    if not arguments.annotate:
        return
    columns, notes = _notes(analysis)
    root, target = Path(arguments.bag[0]), Path(arguments.annotate)
    write_copy(root, target, arguments.annotation_form, notes, columns)
    print(one_line(f'molmo-ground: the annotated copy is {target}'), file=sys.stderr)


def _count(finding: Finding) -> int:
    if finding.total is not None:
        return finding.total
    return len(finding.tracks) or len(finding.events)


def _notes(analysis: Analysis) -> tuple[list[str], dict[int, EpisodeNotes]]:
    """The names of the columns of counts, and the notes of each episode that was asked."""
    columns, parts = list[str](), dict[int, list[tuple[str, int, Finding]]]()
    for finding in analysis.findings:
        match = _TOPIC.fullmatch(finding.camera)
        if match is None:
            continue
        name = f'{finding.question.query.text} ({match[2]})'
        if name not in columns:
            columns.append(name)
        parts.setdefault(int(match[1]), []).append((match[2], columns.index(name), finding))
    return columns, {number: _episode(findings) for number, findings in parts.items()}


def _episode(findings: Sequence[tuple[str, int, Finding]]) -> EpisodeNotes:
    events = tuple(
        EventNote(
            column, camera, event.sighting.label or finding.question.query.text,
            event.point.stamp_ns, event.point.x, event.point.y,
        )
        for camera, column, finding in findings
        for event in finding.events
    )  # fmt: skip
    traces = tuple(
        TraceNote(
            camera, track.label, tuple((point.stamp_ns, point.x, point.y) for point in track.path)
        )
        for camera, _, finding in findings
        for track in finding.tracks
    )
    return EpisodeNotes(events, traces, findings[0][0])
