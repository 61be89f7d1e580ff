# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest
from support.clips import make_clip

from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.errors import BackendError, DoesNotFit
from molmo_ground_ros.grounding.guarded_backend import Call, GuardedBackend, Purpose

RAISED = [
    SystemExit(3),
    KeyboardInterrupt(),
    GeneratorExit(),
    StopIteration(),
    MemoryError('\ud800'),
]


def asked(backend: GuardedBackend) -> None:
    backend.generate(make_clip(), ['Where?'], GenerateOptions(), lambda _index, _text: True)


def failing(error: BaseException) -> GuardedBackend:
    def step() -> None:
        raise error

    return GuardedBackend(ReplayBackend(['yes'], repeat=True, delay=step))


@pytest.mark.parametrize('error', RAISED, ids=lambda error: type(error).__name__)
def test_whatever_a_backend_raises_is_a_backend_error_with_its_cause(error: BaseException) -> None:
    backend = failing(error)
    with pytest.raises(BackendError, match=type(error).__name__) as raised:
        asked(backend)
    assert raised.value.__cause__ is error
    assert backend.call is None


def test_errors_of_ours_pass_unchanged() -> None:
    error = DoesNotFit('the prompt', [('keys', 10)], 5, 'memory', [])
    with pytest.raises(DoesNotFit) as raised:
        asked(failing(error))
    assert raised.value is error


def test_call_is_known_while_the_backend_is_at_it() -> None:
    calls: list[Call | None] = []
    backend = GuardedBackend(ReplayBackend(['yes'], delay=lambda: calls.append(backend.call)))
    asked(backend)
    assert [call.purpose for call in calls if call] == [Purpose.ANSWER]
    assert backend.call is None


def test_failure_to_close_is_logged_only(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(ReplayBackend):
        def close(self) -> None:
            raise SystemExit('will not')

    GuardedBackend(Stubborn([])).close()
    assert 'failed to close' in caplog.text
