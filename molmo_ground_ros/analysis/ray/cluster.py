# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Joining a Ray that runs, or starting one on this machine; and leaving it.

What Ray reads from the environment stays there: it reads some of it when it is imported, and some
in every process it starts.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from molmo_ground_ros.analysis.ray.share import Machine
from molmo_ground_ros.errors import BadSetting, MissingPackage

# LOCAL: start a Ray on this machine. AUTO: join the one that runs on it.
LOCAL, AUTO = 'local', 'auto'
LOOPBACK = '127.0.0.1'
# How long a connection may take.
ANSWER_S = 5.0
# How long joining a cluster may take. It usually takes about a second.
JOIN_S = 40.0
# Room for what workers hand over, which is text. It is close to the least that Ray accepts.
STORE_BYTES = 100_000_000

_ADDRESS = re.compile(r'(?:ray://)?(?P<host>[^/:]+|\[[^]/]+\]):(?P<port>\d{1,5})')
# Ray itself waits many minutes for a cluster that does not answer, and cannot be interrupted then.
_PROBE = 'import ray, sys; ray.init(sys.argv[1], log_to_driver=False); ray.shutdown()'


def check(address: str) -> None:
    """Raise MissingPackage without Ray, BadSetting for an address where nothing listens."""
    # Ray must not be imported before its settings are made.
    if importlib.util.find_spec('ray') is None:
        raise MissingPackage('ray', 'ray')
    if address in (LOCAL, AUTO):
        return
    match = _ADDRESS.fullmatch(address)
    if match is None:
        why = f"not '{LOCAL}', '{AUTO}', 'host:port' or 'ray://host:port'"
        raise BadSetting('ray', address, why)
    try:
        where = match['host'].strip('[]'), int(match['port'])
        socket.create_connection(where, timeout=ANSWER_S).close()
    except (OSError, OverflowError) as err:
        raise BadSetting('ray', address, f'nothing answers there: {err}') from err


@contextmanager
def joined(address: str) -> Iterator[list[Machine]]:
    """Ray, for as long as the context lasts: what its machines offer.

    LOCAL starts one of this machine's CPUs and GPUs that listens on loopback alone, and ends it.
    Until the end what this process prints goes to stderr: a thread of Ray prints its news.
    Raises as `check` does, and BadSetting where Ray does not start or cannot be joined.
    """
    check(address)
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    if address == LOCAL:
        _keep_local()
    import ray

    with (
        tempfile.TemporaryDirectory(prefix='ray-', ignore_cleanup_errors=True) as folder,
        redirect_stdout(sys.stderr),
    ):
        try:
            if address == LOCAL:
                with _temporary_files(folder):
                    ray.init(
                        LOCAL, include_dashboard=False, log_to_driver=False, _temp_dir=folder,
                        logging_level=logging.ERROR, object_store_memory=STORE_BYTES,
                    )  # fmt: skip
            else:
                _probe(address)
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as err:
            ray.shutdown()
            raise BadSetting('ray', address, f'Ray says: {_last_line(str(err))}') from err
        try:
            nodes = [node for node in ray.nodes() if node['Alive']]
            if address == LOCAL and any(node['NodeManagerAddress'] != LOOPBACK for node in nodes):
                why = 'it would listen to the network: Ray was imported without our settings'
                raise BadSetting('ray', address, why)
            offers = [node['Resources'] for node in nodes]
            yield [Machine(offer.get('CPU', 0.0), offer.get('GPU', 0.0)) for offer in offers]
        finally:
            ray.shutdown()


def _keep_local() -> None:
    """Nobody else reaches a Ray that is started now: loopback alone, and a key of its own.

    Without the first Ray listens on all interfaces; the second would be written to the home folder.
    """
    os.environ.setdefault('RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER', '0')
    os.environ.setdefault('RAY_AUTH_MODE', 'token')
    os.environ.setdefault('RAY_AUTH_TOKEN', secrets.token_hex(32))


@contextmanager
def _temporary_files(folder: str) -> Iterator[None]:
    """Processes that are started now unpack there: one that is killed deletes nothing."""
    before = os.environ.get('TMPDIR')
    os.environ['TMPDIR'] = folder
    try:
        yield
    finally:
        del os.environ['TMPDIR']
        if before is not None:
            os.environ['TMPDIR'] = before


def _probe(address: str) -> None:
    """Join in another process first, which can be ended. Raises BadSetting."""
    command = [sys.executable, '-c', _PROBE, address]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=JOIN_S)
    except subprocess.TimeoutExpired as err:
        raise BadSetting('ray', address, f'no Ray answers there within {JOIN_S:g} s') from err
    if ran.returncode:
        raise BadSetting('ray', address, f'Ray says: {_last_line(ran.stderr)}')


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), 'nothing')
