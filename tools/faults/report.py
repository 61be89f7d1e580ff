# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rows for people, and the table of docs/faults.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from tools.faults.fault import Fault, Row, Verdict

_HEAD = """\
# What the node does when something fails

<!-- Written by `python -m tools.faults --docs`; a test says when that was forgotten. -->

Each row is a fault that `make faults` tries on the running node, over DDS, with a client in another
process. A row passes if client and diagnostics are told what stands here, and if the next right
answer comes within 2 s of the end of the fault. Where the model is loaded again, its load time is
added. `make faults ONLY=NAME` tries one; `python -m tools.faults --list` names all.

The rows run with `stuck_seconds` of 0.5 s. With the default of 30 s, a model that hangs is started
again that much later."""

# Characters of what the client or diagnostics said that a row shows.
_MOST = 200


def row_text(row: Row) -> str:
    """One row on some lines."""
    lines = [f'{row.verdict.value:9}  {_seconds(row):12}  {row.fault.name}: {row.fault.what}']
    if row.fault.untried:
        lines.append(f'reason       {row.fault.untried}')
    for title, words in (('client', row.client), ('diagnostics', row.diagnostics)):
        if words:
            lines.append(f'{title:11}  {_short(words)}')
    lines += [f'WRONG        {_short(failure, 4 * _MOST)}' for failure in row.failures]
    return '\n           '.join(lines)


def last_line(rows: Iterable[Row]) -> str:
    """How many passed and failed."""
    verdicts = [row.verdict for row in rows]
    untried = verdicts.count(Verdict.UNTRIED)
    counts = f'{verdicts.count(Verdict.PASSED)} passed, {verdicts.count(Verdict.FAILED)} failed'
    return f'({untried} not tried)\n{counts}' if untried else counts


def page(kinds: Mapping[str, Sequence[Fault]]) -> str:
    """The text of docs/faults.md: what the node does about each fault. kinds: faults by title."""
    lines = [_HEAD]
    for title, faults in kinds.items():
        lines += [f'\n## {title}\n', '| fault | what the node does | row |', '|---|---|---|']
        for fault in faults:
            tried = f'not tried: {fault.untried}' if fault.untried else f'`{fault.name}`'
            lines.append(f'| {fault.what} | {fault.does} | {tried} |')
    return '\n'.join(lines) + '\n'


def _seconds(row: Row) -> str:
    if row.fault.untried:
        return ''
    return 'no answer' if math.isnan(row.seconds) else f'{row.seconds:.2f} s'


def _short(words: str, most: int = _MOST) -> str:
    line = ''.join(c if c.isprintable() else f'<{ord(c):x}>' for c in words)
    return line if len(line) <= most else f'{line[: most - 3]}...'
