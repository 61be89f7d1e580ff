# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page about a proof: Markdown, to be posted as it is. Nothing in it names the machine."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

from tools.gpu_proof.outcome import ROOT, Outcome, Status

_MARKS = {Status.PASSED: 'passed', Status.FAILED: '**failed**', Status.SKIPPED: 'skipped'}


def page(facts: Mapping[str, str], outcomes: Mapping[str, Outcome], minutes: float) -> str:
    """All of it. outcomes: by the name of the check."""
    counts = {
        status: sum(outcome.status is status for outcome in outcomes.values()) for status in Status
    }
    total = ', '.join(f'{count} {status}' for status, count in counts.items())
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    lines = [
        f'# molmo_ground_ros on {facts["card"]}',
        '',
        f'`make gpu-proof`, {today}, {minutes:.1f} min: {total}.',
        '',
        '| | |',
        '| --- | --- |',
        *(f'| {name} | {_cell(text)} |' for name, text in facts.items()),
        '',
        '| check | result | what was found, or why not | power of the card | s |',
        '| --- | --- | --- | --- | --- |',
    ]
    for name, outcome in outcomes.items():
        cells = name, _MARKS[outcome.status], outcome.text, outcome.power, f'{outcome.seconds:.0f}'
        lines.append(f'| {" | ".join(_cell(cell) for cell in cells)} |')
    figures = figures_of(outcomes)
    if figures:
        lines += ['', '| figure | value |', '| --- | --- |']
        lines += [f'| `{name}` | {value} |' for name, value in figures.items()]
    for name, outcome in outcomes.items():
        if outcome.output:
            lines += ['', f'## {name}: the end of its output', '', '```', outcome.output, '```']
    return without_owner('\n'.join(lines) + '\n')


def figures_of(outcomes: Mapping[str, Outcome]) -> dict[str, object]:
    """The figures of all checks."""
    return {name: value for outcome in outcomes.values() for name, value in outcome.figures.items()}


def without_owner(text: str) -> str:
    """A text in which the folders of the machine's owner are replaced."""
    for folder, replacement in ((ROOT, '.'), (Path.home(), '~')):
        if folder != Path('/'):
            text = text.replace(str(folder), replacement)
    return text


def _cell(text: str) -> str:
    """A text on one line that does not end its cell."""
    return ' '.join(text.split()).replace('|', '\\|')
