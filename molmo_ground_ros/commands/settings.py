# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Options that stand for settings. A setting has underscores in its name, its option hyphens.

Until 0.2 options with underscores are read as well, for scripts that were written before.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import fields

from molmo_ground_ros import config

_SETTINGS = tuple(field.name for field in fields(config.Settings))


def add_settings(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Add an option for each of these settings, with the setting's own default and explanation."""
    defaults = config.Settings()
    for name in names:
        value = getattr(defaults, name)
        text = f'{config.limits()[name].text} Default: {value}.'
        parser.add_argument(_spelled(f'--{name}'), type=type(value), default=value, help=text)


def with_hyphens(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of a command line with hyphens in its options, and a note for each that had none.

    Options may be shortened as far as argparse takes them. What follows `--` is no option.
    """
    end = words.index('--') if '--' in words else len(words)
    options = {word.partition('=')[0] for word in words[:end] if _is_old(word)}
    notes = [
        f'{option} is now spelled {_spelled(option)}; version 0.2 no longer reads the old spelling'
        for option in sorted(options)
    ]
    rewritten = [_rewritten(word) if _is_old(word) else word for word in words[:end]]
    return [*rewritten, *words[end:]], notes


def _is_old(word: str) -> bool:
    option = word.partition('=')[0]
    names = option.startswith('--') and any(name.startswith(option[2:]) for name in _SETTINGS)
    return names and '_' in option


def _rewritten(word: str) -> str:
    option, equals, value = word.partition('=')
    return f'{_spelled(option)}{equals}{value}'


def _spelled(option: str) -> str:
    return option.replace('_', '-')
