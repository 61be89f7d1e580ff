# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of what the model writes: wrong, endless, cut off, hostile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tools.faults.fault import Fault
from tools.faults.texts import TEXTS
from tools.faults.trial import OK, Trial

# What a terminal obeys.
_CONTROLS = ('\x1b', '\x07', '\r', '\u202e')


def _says(
    name: str, holds: Callable[[Any], bool], words: str, **request: Any
) -> Callable[[Trial], None]:
    """The model writes this text; the reply must be OK and hold."""

    def inject(trial: Trial) -> None:
        reply = trial.ask(f'!say {name}', **request)
        points = reply.points
        trial.note(f'count {points.count}, {len(points.points)} points')
        trial.check(holds(reply), words)
        trial.expect_status('model', OK, '^ready$')
        log = trial.node.log()
        trial.check(not any(sign in log for sign in _CONTROLS), 'the log holds control characters')

    return inject


def _has(points: int, count: int = -1) -> Callable[[Any], bool]:
    return lambda reply: len(reply.points.points) == points and reply.points.count == count


def _is(name: str) -> Callable[[Any], bool]:
    return lambda reply: reply.answer == TEXTS[name]


_SOUND = 'the sound points of the answer, and its words unchanged'
_AS_DATA = '`OK` with the words unchanged: they are never a format, a path or a command'

TEXT = (
    Fault(
        'text-malformed',
        'An element whose rows make no sense',
        _SOUND,
        _says('malformed', lambda r: not r.points.points, 'points were made up'),
        quick=True,
    ),
    Fault(
        'text-empty',
        'Nothing at all',
        '`OK` without points or count',
        _says('empty', _has(0), 'it is not empty'),
    ),
    Fault(
        'text-cut',
        'An answer that ends in the middle of a row',
        _SOUND,
        _says('cut', _has(1), 'there is not the one sound point'),
    ),
    Fault(
        'text-repeated',
        'The same row three hundred times',
        'the point once',
        _says('repeated', _has(1), 'there is not one point'),
    ),
    Fault(
        'text-endless',
        'A text that never ends',
        '`OK` with `truncated` at the limit of tokens',
        _says('endless', lambda r: r.truncated, 'truncated is false'),
    ),
    Fault(
        'text-far',
        'Coordinates beyond the image, times that are not finite',
        _SOUND,
        _says('far', _has(1), 'there is not the one sound point'),
    ),
    Fault(
        'text-no-such-time',
        'A time at which there is no frame',
        'no point: a stamp is never made up',
        _says('no-such-time', _has(0), 'a point was made up'),
    ),
    Fault(
        'text-huge-count',
        'A count that no message can hold',
        '`OK` without a count',
        _says('huge-count', _has(1), 'there is a count', task=2),
    ),
    Fault(
        'text-huge-id',
        'Ids that no message can hold',
        '`OK` with the points whose ids one can',
        _says('huge-id', lambda r: r.error_code == 0, 'it failed'),
    ),
    Fault(
        'text-surrogate',
        'Lone surrogates and NULs',
        '`OK` with U+FFFD in their place',
        _says('surrogate', lambda r: r.points.label == 'b\ufffdl\ufffdck', 'the label is another'),
        quick=True,
    ),
    Fault(
        'text-terminal',
        'Commands to a terminal, and a forged line of the log',
        _AS_DATA,
        _says('terminal', _is('terminal'), 'the words have changed'),
    ),
    Fault(
        'text-format',
        'Formats, shell commands, paths, SQL',
        _AS_DATA,
        _says('format', _is('format'), 'the words have changed'),
    ),
    Fault(
        'text-markup',
        'HTML and nested elements',
        _AS_DATA,
        _says('markup', _is('markup'), 'the words have changed'),
    ),
    Fault(
        'text-long',
        'Five megabytes in one word',
        _AS_DATA,
        _says('long', _is('long'), 'the words have changed'),
    ),
)
