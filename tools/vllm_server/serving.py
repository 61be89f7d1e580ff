# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One vLLM server on loopback, from its start to its end."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.node_process import end
from tools.setup.steps import SetupError
from tools.vllm_server.environment import variables

NAME = 'tabletop'
PLUGIN = 'molmo_ground_ros'
_START_S, _END_S = 600.0, 30.0
_TAIL = 30
# Small enough for two cores; float32 as our own engine, so that only rounding may differ.
_OPTIONS = (
    '--trust-request-mm-kwargs',
    '--trust-remote-code',
    '--enforce-eager',
    *('--dtype', 'float32'),
    *('--max-num-seqs', '4'),
    *('--limit-mm-per-prompt', '{"video": 1, "image": 0}'),
)


@contextmanager
def served(binaries: Path, checkpoint: Path, plugin: str, log: Path) -> Iterator[str]:
    """The address of a server, as the setting `model`, until the block ends.

    plugin: PLUGIN, or '' for vLLM as it is. Raises SetupError if it does not start.
    """
    port = _free_port()
    command = [str(binaries / 'vllm'), 'serve', str(checkpoint), '--served-model-name', NAME]
    command += ['--host', '127.0.0.1', '--port', str(port), *_OPTIONS]
    environment = variables(binaries.parent) | {'VLLM_PLUGINS': plugin}
    with (
        log.open('wb') as output,
        subprocess.Popen(command, env=environment, stdout=output, stderr=output) as process,
    ):
        try:
            _wait(process, f'http://127.0.0.1:{port}/health', log)
            yield f'http://127.0.0.1:{port}/v1?frames=png#{NAME}'
        finally:
            end(process, _END_S)


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(('127.0.0.1', 0))
        port: int = held.getsockname()[1]
    return port


def _wait(process: subprocess.Popen[bytes], page: str, log: Path) -> None:
    """Until it answers."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(page, timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(1.0)
    tail = '\n'.join(log.read_text(errors='replace').splitlines()[-_TAIL:])
    raise SetupError(f'{tail}\nvLLM did not start; all of it is in {log}')
