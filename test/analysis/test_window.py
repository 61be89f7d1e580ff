# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pickle

import pytest

from molmo_ground_ros.analysis.window import failure
from molmo_ground_ros.errors import (
    BackendError,
    BadSetting,
    DoesNotFit,
    GroundError,
    MissingPackage,
    TopicNotFound,
)


@pytest.mark.parametrize(
    'error',
    [
        BackendError('gone'),
        BadSetting('threads', -1, 'below zero'),
        DoesNotFit('model', [('weights', 5)], 3, 'memory', []),
        MissingPackage('scipy', 'bag'),
        TopicNotFound('a.mcap', '/x', ['/y']),
    ],
)
def test_errors_cross_processes_as_they_are(error: GroundError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert (str(back), vars(back)) == (str(error), vars(error))


def test_error_that_is_not_ours_is_told_by_name_with_its_trace() -> None:
    try:
        raise RuntimeError('illegal memory access')
    except RuntimeError as err:
        told = failure(err)
    assert str(told.error) == 'RuntimeError: illegal memory access'
    assert 'test_window.py' in told.trace
