# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults around standing questions: wrong ones, a model that dies, a state file that is no use."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from typing import Any

from molmo_ground_ros import msg, srv
from molmo_ground_ros.ros import convert
from tools.faults.fault import Fault
from tools.faults.node_process import FOLDER, NodeSetup
from tools.faults.planner import NoSign, code_of, duration
from tools.faults.trial import ERROR, WARN, Trial, new_mark

_S = 1_000_000_000
STATE = 'state of standing questions'
FEW = NodeSetup((('standing_limit', 3),))
NOWHERE = NodeSetup((('state_file', '/proc/nowhere/state.json'),))
FULL = NodeSetup(full_disk=True)


def _set(trial: Trial, text: str = '', **fields: Any) -> Any:
    """Set a standing question that is asked every second; returns the reply."""
    values = {'period': duration(1.0), 'window': duration(2.0), 'task': 2, **fields}
    query = msg.StandingQuery(query=text or f'How many times is {new_mark()} grasped?', **values)
    return trial.planner.call(srv.SetQuery, 'set_query', srv.SetQuery.Request(query=query))


def _remove_all(trial: Trial) -> None:
    for query in _list(trial):
        request = srv.RemoveQuery.Request(id=query.id)
        trial.planner.call(srv.RemoveQuery, 'remove_query', request)


def _list(trial: Trial) -> list[Any]:
    request = srv.ListQueries.Request()
    return list(trial.planner.call(srv.ListQueries, 'list_queries', request).queries)


def _answered(trial: Trial, identity: str) -> int:
    return next((int(query.answered) for query in _list(trial) if query.id == identity), 0)


def _wait_answered(trial: Trial, identity: str, more: int, patience_s: float = 10.0) -> None:
    """Show images until a standing question was answered so often more. Raises NoSign."""
    until = _answered(trial, identity) + more
    deadline = time.monotonic() + patience_s
    while _answered(trial, identity) < until:
        trial.camera.show(4)
        if time.monotonic() > deadline:
            raise NoSign(f'no answer to the standing question within {patience_s:g} s')


def _wrong(trial: Trial) -> None:
    wrong: tuple[tuple[str, dict[str, Any]], ...] = (
        (' ', {}),
        ('a' * 100_000, {}),
        ('', {'task': 77}),
        ('', {'cameras': ['/nowhere']}),
        ('', {'period': duration(-1.0)}),
        ('', {'window': duration(3600.0)}),
        ('', {'id': 'x' * 10_000}),
    )
    for text, fields in wrong:
        reply = _set(trial, text, **fields)
        trial.note(f'{code_of(reply)}: {reply.error_msg[:60]}')
        trial.check(code_of(reply) == 'BAD_REQUEST', f'{fields or text[:10]}: {code_of(reply)}')
    removed = trial.planner.call(
        srv.RemoveQuery, 'remove_query', srv.RemoveQuery.Request(id='\x1b[2Jnobody')
    )
    trial.check(code_of(removed) == 'BAD_REQUEST', f'removing nobody: {code_of(removed)}')
    trial.check(not _list(trial), 'there are standing questions')


def _too_many(trial: Trial) -> None:
    codes = [code_of(_set(trial)) for _ in range(5)]
    trial.note(', '.join(codes))
    trial.check(codes[:3] == ['OK'] * 3 and 'OK' not in codes[3:], f'the codes are {codes}')
    trial.check(len(_list(trial)) == 3, f'there are {len(_list(trial))}')
    _remove_all(trial)


def _model_dies(trial: Trial) -> None:
    identity = _set(trial).id
    _wait_answered(trial, identity, 2)
    asked = trial.ask('!signal 9', expect='BACKEND_FAILED')
    began = time.monotonic()
    trial.check('SIGKILL' in asked.error_msg, 'error_msg names no SIGKILL')
    _wait_answered(trial, identity, 1)
    trial.note(f'the standing question is answered again after {time.monotonic() - began:.2f} s')
    trial.expect_status('model', WARN, 'restarting: .*SIGKILL')
    trial.recovered_s = time.monotonic() - began
    _remove_all(trial)


def _slow_model(trial: Trial) -> None:
    """The model takes 2 s for what is due every second of stamps, which come ten times as fast."""
    identity = _set(trial, f'How many times is {new_mark()} grasped? !slow 0.05').id
    end = time.monotonic() + 4.0
    while time.monotonic() < end:
        trial.camera.show(2, pause_s=0.1)
    query = next(query for query in _list(trial) if query.id == identity)
    trial.note(f'due {query.due}, answered {query.answered}, skipped {query.skipped}')
    trial.check(query.skipped > 0, 'no turn was skipped')
    trial.check(query.answered > 0, 'it was never answered')
    trial.expect_status(f"standing question '{identity}'", WARN, 'asked every .* answered every')
    _remove_all(trial)
    trial.is_over()


def _goes_wrong(trial: Trial) -> None:
    """The model raises at each turn, and diagnostics say so."""
    identity = _set(trial, f'How many times is {new_mark()} grasped? !raise RuntimeError').id
    trial.camera.show(12, pause_s=0.05)
    trial.expect_status(f"standing question '{identity}'", WARN, 'not answered: RuntimeError')
    _remove_all(trial)
    trial.is_over()


def _damaged_state(trial: Trial) -> None:
    """A node that is started again finds its state file damaged."""
    path = trial.node.folder / 'state.json'
    trial.node.end()
    path.write_text('{"format": 1, "questions": [], "digest"')
    trial.start_again()
    trial.expect_status(STATE, ERROR, 'it is damaged', patience_s=5.0)
    kept = path.with_name(f'{path.name}.refused')
    trial.note(f'it is kept as {kept.name}')
    trial.check(kept.exists(), f'there is no {kept.name}')


def _killed_node(trial: Trial) -> None:
    """A standing question and its events outlive a node that is killed."""
    reply = _set(trial)
    _wait_answered(trial, reply.id, 6)
    total = sum(query.total for query in _list(trial))
    trial.node.end(signal.SIGKILL)
    trial.start_again()
    queries = [query for query in _list(trial) if query.id == reply.id]
    trial.note(f'{total} events before, {[query.total for query in queries]} after')
    trial.check(bool(queries) and queries[0].total >= total, 'the question or its events are lost')
    _remove_all(trial)


def _unwritable(words: str) -> Callable[[Trial], None]:
    """The state cannot be written: the standing question is answered, and diagnostics say so."""

    def inject(trial: Trial) -> None:
        identity = _set(trial).id
        _wait_answered(trial, identity, 2)
        trial.note(f'answered {_answered(trial, identity)} times')
        trial.expect_status(STATE, ERROR, words, patience_s=5.0)
        _remove_all(trial)
        trial.ask()

    return inject


def _time_jumps(trial: Trial) -> None:
    """A recording loops under a standing question: it is asked on."""
    identity = _set(trial).id
    _wait_answered(trial, identity, 2)
    trial.camera.jump(-3600 * _S)
    trial.camera.show(4)
    _wait_answered(trial, identity, 2)
    newest = max(convert.stamp_ns(query.covered_until) for query in _list(trial))
    trial.note(f'covered until {newest / 1e9:.1f} s')
    trial.check(not math.isnan(newest), 'nothing is covered')
    _remove_all(trial)


_GOES_ON = 'diagnostics report it; the questions are answered, but not remembered'

STANDING = (
    Fault(
        'standing-wrong',
        'Standing questions with wrong words, tasks, cameras, times and ids',
        '`BAD_REQUEST`; the message names the value',
        _wrong,
        quick=True,
    ),
    Fault(
        'standing-too-many',
        'More standing questions than `standing_limit`',
        'they are refused; those before stay',
        _too_many,
        FEW,
    ),
    Fault(
        'standing-model-dies',
        "The model's process is killed while there is a standing question",
        'it is asked again once the process has started again',
        _model_dies,
        reloads=True,
    ),
    Fault(
        'standing-model-slow',
        'The model is slower than a standing question is due',
        'turns are skipped and counted, and none piles up; diagnostics say how slow it is',
        _slow_model,
    ),
    Fault(
        'standing-raises',
        'The model raises at a standing question',
        'diagnostics name the error; it is asked again at its next turn',
        _goes_wrong,
    ),
    Fault(
        'standing-time-jumps',
        'Time jumps back under a standing question',
        'it is asked on',
        _time_jumps,
    ),
    Fault(
        'node-killed-with-state',
        'The node is killed, and started again with its `state_file`',
        'standing questions, events and totals go on',
        _killed_node,
        NodeSetup((('state_file', f'{FOLDER}/state.json'),), alone=True, topic='/fault/kept'),
        reloads=True,
    ),
    Fault(
        'state-damaged',
        'A state file that is damaged',
        'it is set aside as `*.refused`, and diagnostics report it; the node starts without it',
        _damaged_state,
        NodeSetup((('state_file', f'{FOLDER}/state.json'),), alone=True),
        reloads=True,
    ),
    Fault(
        'state-read-only',
        'A state file that cannot be written',
        _GOES_ON,
        _unwritable('/proc/nowhere'),
        NOWHERE,
    ),
    Fault(
        'disk-full',
        'The disk of the state file and the logs is full',
        _GOES_ON,
        _unwritable('No space left'),
        FULL,
    ),
)
