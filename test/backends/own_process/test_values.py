# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Generations and errors as JSON, and back."""

from __future__ import annotations

import json
import math

import pytest

from molmo_ground_ros.backends.base import Generation, Token
from molmo_ground_ros.backends.own_process import values
from molmo_ground_ros.errors import BackendError, BadModel, DoesNotFit, ErrorCode, GroundError


def through_json(value: object) -> object:
    return json.loads(json.dumps(value))


@pytest.mark.parametrize(
    'generation',
    [
        Generation('There are none.'),
        Generation('a\ud83d', (Token('a', -0.1), Token('\ud83d', -math.inf)), truncated=True),
        Generation('', stopped=True),
    ],
)
def test_generation_comes_back_as_it_was(generation: Generation) -> None:
    value = through_json(values.generation_value(generation))
    assert values.generation_of(value) == generation  # type: ignore[arg-type]


def test_probability_that_is_not_known_stays_so() -> None:
    value = through_json(values.generation_value(Generation('a', (Token('a', math.nan),))))
    (token,) = values.generation_of(value).tokens  # type: ignore[arg-type]
    assert math.isnan(token.logprob)


def sent(error: BaseException) -> GroundError:
    return values.error_of(through_json(values.error_value(error)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    'error',
    [
        BadModel('a/b', 'it lacks config.json'),
        DoesNotFit('a prompt', [('cache', 3), ('scores', 4)], 5, 'memory', ['less']),
        BackendError('the driver is gone'),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_of_ours_keeps_its_class_message_and_values(error: GroundError) -> None:
    back = sent(error)
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))


def test_foreign_error_is_a_backend_error_with_its_traceback() -> None:
    try:
        raise SystemExit('no licence')
    except SystemExit as error:
        value = values.error_value(error)
        back = sent(error)
    assert (type(back), str(back)) == (BackendError, 'SystemExit: no licence')
    assert 'test_foreign_error_is_a_backend_error' in value['trace']


def test_class_that_is_not_loaded_here_becomes_the_nearest_that_is() -> None:
    value = values.error_value(BadModel('m', 'why'))
    value['kinds'][0] = 'BadModelOfAnotherProcess'
    assert type(values.error_of(value)) is BackendError
    value['kinds'] = ['ZeroDivisionError', 'object']
    back = values.error_of(value)
    assert (type(back), back.code) == (BackendError, ErrorCode.BACKEND_FAILED)


def test_fields_that_are_no_plain_values_stay_behind() -> None:
    error = BackendError('it failed')
    error.cause = object()  # type: ignore[attr-defined]
    error.number = 3  # type: ignore[attr-defined]
    assert vars(sent(error)) == {'number': 3}
