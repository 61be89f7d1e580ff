# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Generations and errors as values that JSON holds, and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from molmo_ground_ros.backends.base import Generation, Token
from molmo_ground_ros.errors import BackendError, GroundError, describe, traceback_text


def generation_value(generation: Generation) -> list[Any]:
    """A generation as nested lists."""
    tokens = [[token.text, token.logprob] for token in generation.tokens]
    return [generation.text, tokens, generation.truncated, generation.stopped]


def generation_of(value: list[Any]) -> Generation:
    """The generation that `generation_value` was called with."""
    text, tokens, truncated, stopped = value
    return Generation(text, tuple(Token(*token) for token in tokens), truncated, stopped)


def error_value(error: BaseException) -> dict[str, Any]:
    """An error as plain values: its classes, message and fields, and its traceback as text.

    A foreign error is sent as a BackendError, as `grounding.guarded_backend` makes it.
    """
    is_ours = isinstance(error, GroundError)
    kinds = type(error).__mro__ if is_ours else (BackendError,)
    fields = {name: value for name, value in vars(error).items() if is_ours and _is_plain(value)}
    return {
        'kinds': [kind.__name__ for kind in kinds],
        'message': describe(error),
        'fields': fields,
        'trace': '' if is_ours and error.__cause__ is None else traceback_text(error),
    }


def error_of(value: dict[str, Any]) -> GroundError:
    """The error that `error_value` was called with; of the nearest class that is loaded here."""
    loaded = {kind.__name__: kind for kind in _subclasses(GroundError)}
    kind = next((loaded[name] for name in value['kinds'] if name in loaded), BackendError)
    # Its own __init__ takes other arguments than the message.
    error = kind.__new__(kind, value['message'])
    vars(error).update({name: _tuples(field) for name, field in value['fields'].items()})
    return error


def _subclasses(kind: type[GroundError]) -> Iterator[type[GroundError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _subclasses(below)


def _is_plain(value: object) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, str))


def _tuples(value: Any) -> Any:
    """The value with tuples in place of lists: our errors hold no lists."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
