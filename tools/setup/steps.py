# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every step of the set-up does: run commands, report, and remember that it is done."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOG_TAIL = 40
# What a sourced ROS, a conda or a pip configuration may have set, and a clean set-up must not see.
FOREIGN = frozenset(
    {
        'AMENT_PREFIX_PATH',
        'CMAKE_PREFIX_PATH',
        'COLCON_PREFIX_PATH',
        'LD_LIBRARY_PATH',
        'PIP_PREFIX',
        'PIP_ROOT',
        'PIP_TARGET',
        'PYTHONHOME',
        'PYTHONPATH',
        'ROS_DISTRO',
        '_ROS_WHEELS_BOOTSTRAP_COMPLETE',
    }
)


class SetupError(Exception):
    """The machine lacks something, or a command failed. The message says what to do."""


class Stamp:
    """A file that says on what a step was last done."""

    def __init__(self, path: Path, files: Iterable[Path], *facts: str) -> None:
        """Name the file, and all that the step's outcome depends on."""
        self._path = path
        total = hashlib.sha256()
        for file in sorted(files):
            total.update(file.name.encode() + b'\0' + file.read_bytes() + b'\0')
        for fact in facts:
            total.update(fact.encode() + b'\0')
        self._key = total.hexdigest()

    def is_current(self) -> bool:
        """Whether the step was last done on what is there now."""
        return self._path.is_file() and self._path.read_text() == self._key

    def clear(self) -> None:
        """Forget the step: call before it starts, so that one cut short is done again."""
        self._path.unlink(missing_ok=True)

    def write(self) -> None:
        """Note that the step is done."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(self._key)


@contextmanager
def reported(what: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    print(f'set-up: {what} ...', flush=True)
    began = time.monotonic()
    yield
    print(f'set-up: {what}: done in {time.monotonic() - began:.0f} s', flush=True)


def run(command: list[str], log: Path, **environment: str) -> None:
    """Run a command with its output in a log file; the end of the log is shown if it fails.

    Raises:
        SetupError: the command could not be started or did not succeed.
    """
    own = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('w') as output:
        output.write(f'$ {" ".join(command)}\n')
        output.flush()
        try:
            code = subprocess.call(
                command, cwd=ROOT, env=own | environment, stdout=output, stderr=subprocess.STDOUT
            )
        except OSError as err:
            raise SetupError(f'cannot run {command[0]}: {err.strerror}') from err
    if code:
        lines = log.read_text(errors='replace').splitlines()[-LOG_TAIL:]
        text = '\n'.join(lines)
        raise SetupError(
            f'{text}\n{command[0]} failed with exit code {code}; all of it is in {log}'
        )


def require_compiler() -> None:
    """Look for a C++ compiler and for this Python's headers.

    Raises:
        SetupError: one of the two is missing.
    """
    if not any(map(shutil.which, ('c++', 'g++', 'clang++', os.environ.get('CXX', 'c++')))):
        raise SetupError('no C++ compiler found. On Debian and Ubuntu: apt install g++')
    header = Path(sysconfig.get_path('include')) / 'Python.h'
    if not header.is_file():
        raise SetupError(f'{header} is missing. On Debian and Ubuntu: apt install python3-dev')
