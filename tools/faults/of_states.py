# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Changes of parameters and states while the model answers, and wrong ones."""

from __future__ import annotations

import time
from typing import Any

from lifecycle_msgs.msg import Transition

from tools.faults.fault import Fault
from tools.faults.node_process import NodeSetup
from tools.faults.planner import wait_until
from tools.faults.trial import OK, WARN, Trial, new_mark

CONFIGURE, ACTIVATE = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE
DEACTIVATE, CLEAN_UP = Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP
SHUT_DOWN = Transition.TRANSITION_ACTIVE_SHUTDOWN


def change(trial: Trial, *transitions: int) -> None:
    """Make transitions, and expect each to succeed."""
    for transition in transitions:
        succeeded = trial.planner.change_state(transition)
        trial.check(succeeded, f'transition {transition} failed')


def _begin(trial: Trial, token_s: float = 0.03) -> Any:
    """Ask a question that takes about a second, and wait until the model is at it."""
    mark = new_mark()
    future = trial.planner.ask_async(f'Where is {mark}? !slow {token_s}')
    trial.wait_running(mark)
    return future


def _reply(trial: Trial, future: Any, expect: str) -> None:
    began = time.monotonic()
    wait_until(future.done, 'the reply')
    trial.saw(future.result(), time.monotonic() - began, expect)


def _live_parameter(trial: Trial) -> None:
    future = _begin(trial)
    trial.check(not trial.planner.set_parameters(timeout_seconds=7.0), 'it was refused')
    trial.check(not trial.planner.set_parameters(timeout_seconds=10.0), 'it was refused')
    _reply(trial, future, 'OK')
    trial.expect_status('model', OK, '^ready$')


def _fixed_parameter(trial: Trial) -> None:
    future = _begin(trial)
    reason = trial.planner.set_parameters(model='/another')
    trial.note(f'refused: {reason}')
    trial.check('until the node is unconfigured' in reason, f'the reason is {reason!r}')
    _reply(trial, future, 'OK')


def _wrong_parameters(trial: Trial) -> None:
    wrong: tuple[tuple[str, Any, str], ...] = (
        ('timeout_seconds', -5.0, ''),
        ('timeout_seconds', float('nan'), ''),
        ('max_new_tokens', 10**9, ''),
        ('image_topics', ['/a', '/a'], 'distinct'),
        ('image_topics', ['/no such name'], 'no such name'),
        ('timeout_seconds', 'soon', ''),
    )
    for name, value, words in wrong:
        reason = trial.planner.set_parameters(**{name: value})
        trial.note(f'{name} = {value!r} refused: {reason}')
        trial.check(bool(reason) and words in reason, f'{name} = {value!r}: {reason!r}')


def _camera_leaves(trial: Trial) -> None:
    """The camera that a question is about is removed while it is answered."""
    other = trial.new_camera()
    trial.use_cameras(trial.camera, other)
    mark = new_mark()
    question = f'Where is {mark}? !slow 0.03'
    future = trial.planner.ask_async(question, camera=trial.camera.topic)
    trial.wait_running(mark)
    trial.use_cameras(other)
    _reply(trial, future, 'OK')
    trial.ask(camera=trial.camera.topic, expect='BAD_REQUEST')
    trial.recovered_s = trial.seconds_to_right_answer(camera=other)


def _deactivate(trial: Trial) -> None:
    future = _begin(trial)
    change(trial, DEACTIVATE)
    _reply(trial, future, 'OK')
    trial.ask(expect='NOT_ACTIVE')
    trial.expect_status(trial.camera.topic, WARN, 'inactive')
    change(trial, ACTIVATE)
    trial.is_over()


def _clean_up(trial: Trial) -> None:
    future = _begin(trial, 1.0)
    change(trial, DEACTIVATE, CLEAN_UP)
    _reply(trial, future, 'SHUTTING_DOWN')
    trial.expect_status('model', WARN, 'unconfigured')
    change(trial, CONFIGURE, ACTIVATE)
    trial.is_over()


def _wrong_transitions(trial: Trial) -> None:
    for transition in (CONFIGURE, ACTIVATE, CLEAN_UP, 99):
        succeeded = trial.planner.change_state(transition)
        trial.check(not succeeded, f'transition {transition} succeeded while active')
    trial.note('each was refused')


def _shut_down(trial: Trial) -> None:
    future = _begin(trial, 1.0)
    children = trial.node.children()
    change(trial, SHUT_DOWN)
    _reply(trial, future, 'SHUTTING_DOWN')
    trial.ask(expect='NOT_ACTIVE')
    trial.check_ended(children)
    trial.start_again()


def _terminate(trial: Trial) -> None:
    future = _begin(trial, 1.0)
    children = trial.node.children()
    seconds = trial.node.end()
    trial.note(f'SIGTERM ended the node in {seconds:.2f} s')
    trial.check(seconds < 2.0, f'SIGTERM took {seconds:.2f} s')
    _reply(trial, future, 'SHUTTING_DOWN')
    trial.check_ended(children)
    trial.start_again()


STATES = (
    Fault(
        'parameter-live',
        'A parameter changes while the model answers',
        'it holds from the next question on; the answer comes',
        _live_parameter,
        quick=True,
    ),
    Fault(
        'parameter-fixed',
        'A parameter is set that cannot change while the node runs',
        'it is refused with the reason; the answer comes',
        _fixed_parameter,
    ),
    Fault(
        'parameters-wrong',
        'Parameters are set to values that they do not take',
        'each is refused with the reason',
        _wrong_parameters,
    ),
    Fault(
        'camera-removed',
        'The camera that a question is about is removed while it is answered',
        'the answer comes; later questions about it are `BAD_REQUEST`',
        _camera_leaves,
    ),
    Fault(
        'deactivate',
        'The node is deactivated while the model answers',
        'the answer comes; later questions are `NOT_ACTIVE`; images and model stay',
        _deactivate,
    ),
    Fault(
        'clean-up',
        'The node is cleaned up while the model answers',
        '`SHUTTING_DOWN` at once; the model is freed, and loads again with `configure`',
        _clean_up,
        reloads=True,
    ),
    Fault(
        'transitions-wrong',
        'Transitions that the state does not allow',
        'they are refused; the node stays active',
        _wrong_transitions,
    ),
    Fault(
        'shut-down',
        'The node is shut down by its manager while the model answers',
        "`SHUTTING_DOWN` at once; the model's process ends",
        _shut_down,
        NodeSetup(alone=True),
        reloads=True,
    ),
    Fault(
        'sigterm',
        'SIGTERM while the model answers',
        '`SHUTTING_DOWN` at once; the node and its processes end within 2 s',
        _terminate,
        NodeSetup(alone=True),
        reloads=True,
    ),
)
