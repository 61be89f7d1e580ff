# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of the model: it raises, hangs, is killed, or cannot be loaded."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from tools.faults.fault import Fault
from tools.faults.node_process import END_S, NodeSetup
from tools.faults.of_states import ACTIVATE, CLEAN_UP, CONFIGURE, DEACTIVATE, change
from tools.faults.trial import ERROR, OK, WARN, Trial, new_mark

ALONE = NodeSetup(alone=True)
IN_PROCESS = NodeSetup((('own_process', False),))
CLEANED = '\N{REPLACEMENT CHARACTER}'


def _raises(error: str) -> Callable[[Trial], None]:
    """The model raises an error whose message holds a lone surrogate."""

    def inject(trial: Trial) -> None:
        reply = trial.ask(f'!raise {error}', expect='BACKEND_FAILED')
        words = f'{error}: as ordered {CLEANED}'
        trial.check(reply.error_msg == words, f'error_msg is not {words!r}')
        trial.expect_status('model', WARN, f'^the last question failed: {words}')

    return inject


def _exhausts_memory(trial: Trial) -> None:
    reply = trial.ask('!fill 50', expect='BACKEND_FAILED')
    trial.check('MemoryError' in reply.error_msg, 'error_msg names no MemoryError')
    trial.expect_status('model', WARN, 'MemoryError')


def _hangs_in_answer(trial: Trial) -> None:
    trial.ask('!hang 60', timeout_s=0.5, expect='TIMEOUT')
    # The process is ended stuck_seconds after its answer was no longer needed.
    trial.expect_status('model', WARN, 'restarting: .* after its answer was no longer needed')


def _hangs_in_preparing(trial: Trial) -> None:
    trial.node.order('prepare', 'hang 60')
    trial.camera.show(4)
    try:
        trial.expect_status('model', WARN, 'restarting: .*preparing one frame')
        trial.note('no question was open')
    finally:
        trial.node.order('prepare', '')


def _dies(order: str, words: str) -> Callable[[Trial], None]:
    """The model's process ends in the middle of an answer."""

    def inject(trial: Trial) -> None:
        began = time.monotonic()
        reply = trial.ask(f'!{order}', expect='BACKEND_FAILED')
        trial.check(time.monotonic() - began < 1.0, 'the error took more than 1 s')
        trial.check(words in reply.error_msg, f'error_msg does not say {words!r}')
        trial.expect_status('model', WARN, f'restart.*{words}')

    return inject


def _dies_idle(trial: Trial) -> None:
    (child,) = trial.node.children()
    os.kill(child, signal.SIGKILL)
    trial.is_over()
    trial.note('no question was open')
    trial.expect_status('model', WARN, 'restart.*was ended by SIGKILL')


def _dies_thrice(trial: Trial) -> None:
    """The process dies of loading, too: the pauses between restarts grow."""
    trial.node.order('load', 'signal 11')
    trial.ask('!signal 11', expect='BACKEND_FAILED')
    trial.expect_status('model', WARN, '^restarts=2$')
    trial.ask(expect='MODEL_LOADING')
    trial.node.order('load', '')
    # The pause may be up to 4 s by now; the model is loaded when diagnostics name it no more.
    trial.expect_status('model', WARN, '^the last question failed', time.monotonic() + 0.2, 6.0)
    trial.is_over()


def _hangs_in_closing(trial: Trial) -> None:
    trial.node.order('close', 'hang 60')
    _ends_in_time(trial)


def _hangs_in_loading(trial: Trial) -> None:
    """The model is loaded once more, which never ends."""
    trial.node.order('load', 'hang 60')
    change(trial, DEACTIVATE, CLEAN_UP, CONFIGURE, ACTIVATE)
    trial.ask(expect='MODEL_LOADING')
    trial.expect_status('model', WARN, '^loading$')
    _ends_in_time(trial)


def _ends_in_time(trial: Trial) -> None:
    """SIGTERM ends the node and its children within 2 s; then another node answers."""
    children = trial.node.children()
    seconds = trial.node.end()
    trial.note(f'SIGTERM ended the node in {seconds:.2f} s')
    trial.check(seconds < END_S, f'SIGTERM took {seconds:.2f} s')
    trial.check_ended(children)
    trial.start_again()


def _node_is_killed(trial: Trial) -> None:
    children = trial.node.children()
    future = trial.planner.ask_async(f'Where is {new_mark()}? !hang 60')
    time.sleep(0.2)
    trial.node.end(signal.SIGKILL)
    trial.check(not future.done(), 'a killed node has replied')
    trial.note('no reply: the client must have a time limit of its own')
    trial.check_ended(children)
    trial.start_again()


def _in_process_hang(trial: Trial) -> None:
    trial.ask('!hang 2', timeout_s=0.5, expect='TIMEOUT')
    trial.expect_status('model', ERROR, 'has not come back from answering a question')
    trial.ask(expect='BACKEND_FAILED')
    trial.expect_status('model', OK, '^ready$', time.monotonic())
    trial.is_over()


_FAILS = '`BACKEND_FAILED` with the message; the next question is answered'
_RESTARTS = (
    '`BACKEND_FAILED` at once, with the signal or exit code; the process is started again, and '
    'images stay'
)

MODEL = (
    Fault('raises', 'The model raises an exception', _FAILS, _raises('RuntimeError'), quick=True),
    Fault(
        'raises-system-exit',
        'The model raises `SystemExit`',
        _FAILS,
        _raises('SystemExit'),
    ),
    Fault(
        'raises-interrupt',
        'The model raises `KeyboardInterrupt`',
        _FAILS,
        _raises('KeyboardInterrupt'),
    ),
    Fault(
        'raises-generator-exit',
        'The model raises another `BaseException`',
        _FAILS,
        _raises('GeneratorExit'),
    ),
    Fault('memory-error', 'The model finds no memory', _FAILS, _exhausts_memory),
    Fault(
        'raises-in-process',
        'The model raises `SystemExit`, without a process of its own',
        _FAILS,
        _raises('SystemExit'),
        IN_PROCESS,
    ),
    Fault(
        'hangs-in-process',
        'The model hangs, without a process of its own',
        '`TIMEOUT`; after `stuck_seconds`, questions are refused until it comes back',
        _in_process_hang,
        IN_PROCESS,
    ),
    Fault(
        'hangs-in-answer',
        'The model hangs while it answers',
        '`TIMEOUT`; after `stuck_seconds`, its process is started again',
        _hangs_in_answer,
        reloads=True,
    ),
    Fault(
        'hangs-in-prepare',
        'The model hangs while it encodes a frame ahead of questions',
        'after `stuck_seconds`, its process is started again',
        _hangs_in_preparing,
        reloads=True,
    ),
    Fault(
        'sigkill-in-answer',
        "The model's process is killed while it answers, as where memory runs out",
        _RESTARTS,
        _dies('signal 9', 'SIGKILL'),
        reloads=True,
        quick=True,
    ),
    Fault(
        'sigsegv-in-answer',
        "The model's process crashes while it answers",
        _RESTARTS,
        _dies('signal 11', 'SIGSEGV'),
        reloads=True,
    ),
    Fault(
        'exit-in-answer',
        'A library ends the process while it answers',
        _RESTARTS,
        _dies('exit 3', 'exited with code 3'),
        reloads=True,
    ),
    Fault(
        'sigkill-idle',
        "The model's process is killed while no question is open",
        'it is started again; questions are refused with `MODEL_LOADING` meanwhile',
        _dies_idle,
        reloads=True,
    ),
    Fault(
        'dies-of-loading',
        "The model's process crashes, and then each time that it loads",
        'it is started again with growing pauses; questions are refused with `MODEL_LOADING`',
        _dies_thrice,
        NodeSetup(alone=True),
        reloads=True,
    ),
    Fault(
        'hangs-in-load',
        'The model never ends loading',
        'questions are refused with `MODEL_LOADING`; SIGTERM ends the node within 2 s',
        _hangs_in_loading,
        ALONE,
        reloads=True,
    ),
    Fault(
        'hangs-in-close',
        'The model hangs while it is closed',
        'SIGTERM ends the node and its processes within 2 s',
        _hangs_in_closing,
        ALONE,
        reloads=True,
    ),
    Fault(
        'node-is-killed',
        'The node itself is killed',
        "the model's process ends with it; a node that is started again answers",
        _node_is_killed,
        ALONE,
        reloads=True,
    ),
    Fault(
        'kernel-oom',
        "Linux ends the model's process because memory runs out",
        'as `sigkill-in-answer`; the error says that memory is the likely cause',
        None,
        untried='it needs a memory limit (cgroup) that only root may set',
    ),
    Fault(
        'cuda-fault',
        'The GPU reports an error that ends its context, or hangs',
        'as `sigsegv-in-answer` and `hangs-in-answer`',
        None,
        untried='it needs a GPU',
    ),
)
