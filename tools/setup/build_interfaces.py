# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Build the messages, the service and the action into a virtual environment that holds the ROS 2 wheels.

Run by the environment's own Python: `.venv/bin/python tools/setup/build_interfaces.py`. Knows nothing of
how the environment came about. Works with the standard library alone; a second call that finds nothing
changed returns at once.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = 'molmo_ground_ros'
SOURCES = ('CMakeLists.txt', 'package.xml', 'msg/*.msg', 'srv/*.srv', 'action/*.action')
# The wheels were built in /opt/python/cp311-cp311 or the like, and their CMake files still say so.
WHEEL_BUILDER = re.compile(r'/opt/python/cp\d+-cp\d+/(include/python\d\.\d+|lib/[^;" ]*?/numpy/_?core/include)')
# Of a ROS installation or a conda that the calling shell has activated, nothing may leak into the build.
FOREIGN = ('AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH', 'COLCON_PREFIX_PATH', 'PYTHONPATH', 'PYTHONHOME')


class SetupError(Exception):
    """The machine lacks something, or a command failed. The message says what to do."""


def digest(paths: Iterable[Path], *facts: str) -> str:
    """SHA-256 over the names and contents of files and over further facts, as hexadecimal text."""
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(path.name.encode() + b'\0' + path.read_bytes() + b'\0')
    for fact in facts:
        total.update(fact.encode() + b'\0')
    return total.hexdigest()


def is_current(stamp: Path, key: str) -> bool:
    """Whether the step that writes this stamp has already run on what the key stands for."""
    return stamp.is_file() and stamp.read_text() == key


def write_stamp(stamp: Path, key: str) -> None:
    """Note that a step is done."""
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(key)


def run(command: list[str], log: Path, **environment: str) -> None:
    """Run a command with its output in a log file; show the end of the log if it fails.

    Raises:
        SetupError: the command could not be started or did not succeed.
    """
    clean = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('a') as output:
        output.write(f'\n$ {" ".join(command)}\n')
        output.flush()
        try:
            code = subprocess.call(command, stdout=output, stderr=subprocess.STDOUT, env=clean | environment)
        except OSError as err:
            raise SetupError(f'cannot run {command[0]}: {err}') from err
    if code:
        tail = ''.join(log.read_text(errors='replace').splitlines(keepends=True)[-40:])
        raise SetupError(f'{Path(command[0]).name} failed with exit code {code}; the end of {log}:\n{tail}')


def require_compiler() -> None:
    """Look for a C++ compiler and this Python's headers.

    Raises:
        SetupError: one of the two is missing.
    """
    if not shutil.which(os.environ.get('CXX', '').split(' ')[0] or 'c++') and not shutil.which('g++'):
        raise SetupError('no C++ compiler found. On Debian and Ubuntu: apt install g++')
    header = Path(sysconfig.get_path('include')) / 'Python.h'
    if not header.is_file():
        raise SetupError(f'{header} is missing. On Debian and Ubuntu: apt install python3-dev')


def point_to_own_headers(share: Path) -> int:
    """Replace the wheel builder's include folders by this Python's own; return how many files changed."""
    import numpy as np

    own = {'include': sysconfig.get_path('include'), 'lib': np.get_include()}
    changed = 0
    for path in share.rglob('*.cmake'):
        text = path.read_text()
        fixed = WHEEL_BUILDER.sub(lambda match: own[match[1].partition('/')[0]], text)
        if fixed != text:
            path.write_text(fixed)
            changed += 1
    return changed


def remove_installed(manifest: Path) -> None:
    """Delete what an earlier build installed, so that a removed message is gone."""
    if manifest.is_file():
        for line in manifest.read_text().splitlines():
            Path(line).unlink(missing_ok=True)
        manifest.unlink()


def build(prefix: Path, work: Path) -> None:
    """Generate, compile and install the interfaces into the environment at prefix."""
    shutil.rmtree(work / 'build', ignore_errors=True)
    (work / 'interfaces.log').unlink(missing_ok=True)
    log = work / 'interfaces.log'
    cmake = str(prefix / 'bin' / 'cmake')
    libraries = [prefix / 'lib', *sorted(Path(sysconfig.get_path('platlib')).glob('ros_*.libs'))]
    environment = {
        'PATH': f'{prefix / "bin"}{os.pathsep}{os.environ["PATH"]}',
        'AMENT_PREFIX_PATH': str(prefix),
        'LD_LIBRARY_PATH': os.pathsep.join(map(str, libraries)),
    }
    configure = [
        cmake, '-S', str(ROOT), '-B', str(work / 'build'), '-G', 'Ninja',
        f'-DCMAKE_INSTALL_PREFIX={prefix}', f'-DCMAKE_PREFIX_PATH={prefix}',
        f'-DPython3_EXECUTABLE={prefix / "bin" / "python"}', '-DPython3_FIND_VIRTUALENV=ONLY',
        '-DINTERFACES_ONLY=ON', '-DBUILD_TESTING=OFF',
    ]  # fmt: skip
    run(configure, log, **environment)
    run([cmake, '--build', str(work / 'build')], log, **environment)
    remove_installed(work / 'installed.txt')
    run([cmake, '--install', str(work / 'build')], log, **environment)
    shutil.move(work / 'build' / 'install_manifest.txt', work / 'installed.txt')
    shutil.rmtree(work / 'build')


def join_with_source(purelib: Path) -> None:
    """Let the source tree be the package, and the installed folder a part of it.

    The generated `__init__.py` is empty. Without it the folder is a namespace portion: Python takes the
    source tree, wherever that is on the path, and its `extend_path` finds msg, srv and action here.
    """
    (purelib / PACKAGE / '__init__.py').unlink(missing_ok=True)
    (purelib / f'{PACKAGE}.pth').write_text(f'{ROOT}\n')


def main() -> None:
    """Bring the interfaces in this Python's environment up to date."""
    prefix = Path(sys.prefix)
    work = prefix / 'setup'
    stamp = work / 'interfaces.stamp'
    purelib = Path(sysconfig.get_path('purelib'))
    sources = [path for pattern in SOURCES for path in ROOT.glob(pattern)]
    key = digest([*sources, Path(__file__)], str(ROOT), str(prefix), sys.version)
    if is_current(stamp, key) and (purelib / PACKAGE / 'msg').is_dir():
        return
    if sys.prefix == sys.base_prefix:
        raise SetupError(f'{sys.executable} is not the Python of a virtual environment')
    require_compiler()
    stamp.unlink(missing_ok=True)
    point_to_own_headers(prefix / 'share')
    build(prefix, work)
    join_with_source(purelib)
    write_stamp(stamp, key)


if __name__ == '__main__':
    try:
        main()
    except SetupError as err:
        sys.exit(f'set-up: {err}')
