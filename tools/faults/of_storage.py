# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of disks, of models' folders and of networks."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tools.faults.fault import Fault
from tools.faults.node_process import ROOT, NodeSetup
from tools.faults.of_states import ACTIVATE, CLEAN_UP, CONFIGURE, DEACTIVATE, change
from tools.faults.planner import wait_until
from tools.faults.trial import ERROR, OK, WARN, Trial

SHIPPED = ROOT / 'models/tabletop'
# A folder that nobody may write to, root neither.
NOWHERE = '/proc/nowhere'
# A port of this machine that nothing listens on.
CLOSED = 'http://127.0.0.1:9'
OFFLINE = NodeSetup(
    environment=(('HF_HUB_OFFLINE', '0'), ('HTTPS_PROXY', CLOSED), ('HTTP_PROXY', CLOSED))
)


def _cannot_load(
    trial: Trial, backend: str, model: str, words: str, patience_s: float = 5.0
) -> None:
    """Let the node load another model, which fails with these words; then the right one again."""
    _load(trial, backend, model)
    trial.expect_status('model', ERROR, words, patience_s=patience_s)
    reply = trial.ask(expect='BACKEND_FAILED')
    trial.check(words in reply.error_msg, f'error_msg does not say {words!r}')
    _load(trial, 'replay', trial.node.model)
    trial.is_over()


def _load(trial: Trial, backend: str, model: str) -> None:
    change(trial, DEACTIVATE, CLEAN_UP)
    refused = trial.planner.set_parameters(backend=backend, model=model)
    trial.check(not refused, f'the parameters are refused: {refused}')
    change(trial, CONFIGURE, ACTIVATE)


def _missing(trial: Trial) -> None:
    _cannot_load(trial, 'onnx', '/nowhere/models/none', '/nowhere/models/none')


def _damaged(name: str, keep: int, words: str) -> Callable[[Trial], None]:
    """A copy of the shipped model, of which one file ends early."""

    def inject(trial: Trial) -> None:
        folder = trial.node.folder / 'damaged'
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(SHIPPED, folder)
        with (folder / name).open('r+b') as file:
            file.truncate(keep)
        _cannot_load(trial, 'onnx', str(folder), words)

    return inject


def _no_network(trial: Trial) -> None:
    _cannot_load(trial, 'torch', 'nobody/no-such-model', 'nobody/no-such-model', 60.0)


def _no_server(trial: Trial) -> None:
    _asks_server(trial, f'{CLOSED}/v1#model')


def _asks_server(trial: Trial, model: str) -> None:
    """Nothing is asked of a server before the first question, which fails with its address."""
    _load(trial, 'server', model)
    _wait_ready(trial, model)
    trial.camera.show(4)
    reply = trial.ask(expect='BACKEND_FAILED')
    address = model.removeprefix('http://').partition('/')[0]
    trial.check(address in reply.error_msg, f'error_msg does not say {address}')
    trial.expect_status('model', WARN, f'the last question failed: .*{address}')
    _load(trial, 'replay', trial.node.model)
    trial.is_over()


def _wait_ready(trial: Trial, model: str) -> None:
    def is_ready() -> bool:
        status = next(iter(trial.planner.statuses('model')), None)
        return status is not None and (status.message, status.hardware_id) == ('ready', model)

    wait_until(is_ready, f'{model} to load')


def _server_of_noise(trial: Trial) -> None:
    with _noise() as port:
        _asks_server(trial, f'http://127.0.0.1:{port}/v1#model')


@contextmanager
def _noise() -> Iterator[int]:
    """A server that answers every request with bytes that mean nothing; gives its port."""
    listener = socket.create_server(('127.0.0.1', 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(bytes(range(256)) * 4)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _works(trial: Trial) -> None:
    """With its folders out of order, the node has started; it must answer and end as well."""
    trial.note('the node has started')
    trial.ask()
    trial.expect_status('model', OK, '^ready$')


def _shipped_model(trial: Trial) -> None:
    """The shipped model, which needs no folder but its own."""
    _load(trial, 'onnx', str(SHIPPED))
    _wait_ready(trial, str(SHIPPED))
    trial.camera.show(4)
    trial.ask()
    _load(trial, 'replay', trial.node.model)
    trial.is_over()


_SAYS_WHICH = (
    '`BACKEND_FAILED` with the file and the reason; diagnostics report an error; cleaning up and '
    'configuring with another `model` mends it'
)

_SAYS_WHERE = (
    '`BACKEND_FAILED` with the address and the reason; the next question asks the server anew'
)

STORAGE = (
    Fault(
        'model-missing',
        "A model's folder that does not exist",
        _SAYS_WHICH,
        _missing,
        reloads=True,
    ),
    Fault(
        'weights-damaged',
        'Weights that end early',
        _SAYS_WHICH,
        _damaged('model.safetensors', 1_000_000, 'model.safetensors'),
        reloads=True,
    ),
    Fault(
        'graph-damaged',
        'An ONNX graph that ends early',
        _SAYS_WHICH,
        _damaged('decoder.float32.opset24.onnx', 30_000, 'decoder.float32.opset24.onnx'),
        reloads=True,
    ),
    Fault(
        'config-damaged',
        'A configuration that is no JSON',
        _SAYS_WHICH,
        _damaged('config.json', 100, 'config.json'),
        reloads=True,
    ),
    Fault(
        'no-network',
        'A model of the hub that is not in the cache, without a network',
        _SAYS_WHICH,
        _no_network,
        OFFLINE,
        reloads=True,
    ),
    Fault(
        'server-absent',
        'The backend `server`, and nothing listens there',
        _SAYS_WHERE,
        _no_server,
        reloads=True,
    ),
    Fault(
        'server-noise',
        'The backend `server`, and what listens there is no model',
        _SAYS_WHERE,
        _server_of_noise,
        reloads=True,
    ),
    Fault(
        'cache-read-only',
        'Folders for caches that cannot be written to',
        'the shipped model loads and answers',
        _shipped_model,
        NodeSetup(environment=(('HF_HOME', NOWHERE), ('XDG_CACHE_HOME', NOWHERE))),
        reloads=True,
    ),
    Fault(
        'log-read-only',
        'A folder for logs that cannot be written to',
        'it starts, answers, and logs to the console',
        _works,
        NodeSetup(environment=(('ROS_LOG_DIR', NOWHERE),)),
        reloads=True,
    ),
    Fault(
        'engine-of-another-version',
        'A TensorRT engine that is damaged or of another version',
        '`BACKEND_FAILED`, and the command that builds it',
        None,
        untried='it needs TensorRT and a GPU',
    ),
)
