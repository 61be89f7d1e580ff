# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Make the virtual environment that `make demo` and `make test` run in, or bring it up to date.

`python3 -m tools.setup --venv .venv --for demo`. Takes a fraction of a second if all is done.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from tools.setup.steps import ROOT, SetupError, Stamp, reported, require_compiler, run

PYTHONS = ((3, 11), (3, 13))  # ROS 2 Jazzy and the pinned numpy have wheels for these.
REQUIREMENTS = ROOT / 'requirements'
# Some requirements come as source; they are built with this, not with whatever is newest that day.
BUILD_WITH = 'setuptools==79.0.1'
# Modules of many megabytes are compiled when first imported: most never are. Saves a minute.
PIP_INSTALL = (
    '-m',
    'pip',
    'install',
    '--no-compile',
    '--no-build-isolation',
    '--progress-bar',
    'off',
)
COMMAND = """\
#!{python}
import sys
from molmo_ground_ros.cli import main
sys.exit(main())
"""


def require_python() -> None:
    """Refuse a Python that ROS 2 has no wheels for, or that cannot make an environment.

    Raises:
        SetupError: this Python will not do.
    """
    oldest, newest = PYTHONS
    if not oldest <= sys.version_info[:2] <= newest:
        raise SetupError(
            f'{sys.executable} is Python {sys.version_info[0]}.{sys.version_info[1]}, and ROS 2 '
            f'from PyPI needs 3.11 to 3.13. Name another: make PYTHON=python3.12 ...'
        )
    if importlib.util.find_spec('ensurepip') is None or importlib.util.find_spec('venv') is None:
        raise SetupError(
            'this Python has no venv module. On Debian and Ubuntu: apt install python3-venv'
        )


def has_pip(venv: Path) -> bool:
    """Whether the environment is there, stands where it was made, and can install packages."""
    pip = venv / 'bin' / 'pip'
    if not pip.is_file() or str(venv / 'bin' / 'python') not in pip.read_text():
        return False
    return subprocess.call([str(venv / 'bin' / 'python'), '-c', '']) == 0


def make_environment(venv: Path, work: Path) -> None:
    """Create the environment unless it is there and works. One that was moved is made anew.

    Raises:
        SetupError: it could not be created, or the folder holds something else.
    """
    if has_pip(venv):
        return
    require_python()
    if (venv / 'pyvenv.cfg').is_file():
        for path in venv.iterdir():
            if path != work:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for path in work.glob('*.stamp'):
            path.unlink()
    elif any(path != work for path in venv.iterdir()):
        raise SetupError(f'{venv} is not empty and no virtual environment: name another with VENV=')
    with reported(f'creating a virtual environment in {venv}'):
        run([sys.executable, '-m', 'venv', str(venv)], work / 'venv.log')


def install(venv: Path, work: Path, requested: str) -> None:
    """Install the requirements of `make demo`, or those of `make test`, which include them."""
    python = str(venv / 'bin' / 'python')
    files = {'demo': ['constraints.txt', 'ros2-jazzy.txt', 'demo.txt']}
    files['dev'] = [*files['demo'], 'dev.txt']
    stamps = {
        name: Stamp(
            work / f'{name}.stamp', [REQUIREMENTS / pin for pin in pins], *PIP_INSTALL, BUILD_WITH
        )
        for name, pins in files.items()
    }
    if stamps['dev'].is_current() or stamps[requested].is_current():
        return
    with reported(f'installing requirements/{requested}.txt'):
        stamps[requested].clear()
        run([python, *PIP_INSTALL, BUILD_WITH], work / 'pip.log', PIP_USER='0')
        constraints = str(REQUIREMENTS / 'constraints.txt')
        listed = str(REQUIREMENTS / f'{requested}.txt')
        run([python, *PIP_INSTALL, '-c', constraints, '-r', listed], work / 'pip.log', PIP_USER='0')
        stamps[requested].write()


def install_apart(venv: Path, work: Path, name: str) -> None:
    """Install what some tests compare with into a folder of that name, away from all else."""
    pins = REQUIREMENTS / f'{name}.txt'
    folder = venv / name
    stamp = Stamp(work / f'{name}.stamp', [pins])
    if stamp.is_current():
        return
    with reported(f'installing requirements/{name}.txt'):
        stamp.clear()
        shutil.rmtree(folder, ignore_errors=True)
        command = [str(venv / 'bin' / 'python'), *PIP_INSTALL, '--no-deps', '-r', str(pins)]
        run([*command, '--target', str(folder)], work / 'pip.log', PIP_USER='0')
        stamp.write()


def add_command(venv: Path) -> None:
    """Put `molmo-ground` into the environment, running from the source tree."""
    path = venv / 'bin' / 'molmo-ground'
    path.write_text(COMMAND.format(python=venv / 'bin' / 'python'))
    path.chmod(0o755)


def main() -> None:
    """Do what is not yet done, one process at a time.

    Raises:
        SetupError: the machine lacks something, or a step failed.
    """
    parser = argparse.ArgumentParser(prog='python3 -m tools.setup', description=__doc__)
    parser.add_argument('--venv', type=Path, default=Path('.venv'), help='where it is, or shall be')
    parser.add_argument('--for', dest='requested', choices=('demo', 'dev'), default='dev')
    arguments = parser.parse_args()
    venv = arguments.venv.absolute()
    work = venv / 'setup'
    work.mkdir(parents=True, exist_ok=True)
    with (work / 'lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (work / 'interfaces.stamp').is_file():
            require_compiler()  # Now, rather than after minutes of downloads.
        make_environment(venv, work)
        install(venv, work, arguments.requested)
        if arguments.requested == 'dev':
            install_apart(venv, work, 'reference')
            install_apart(venv, work, 'newest_transformers')
            install_apart(venv, work, 'qwen_vocabulary')
        add_command(venv)
        # In a process of its own, for it must run in the environment it builds for.
        code = subprocess.call(
            [str(venv / 'bin' / 'python'), '-m', 'tools.setup.interfaces'], cwd=ROOT
        )
    sys.exit(code)


if __name__ == '__main__':
    try:
        main()
    except SetupError as err:
        sys.exit(f'set-up: {err}')
