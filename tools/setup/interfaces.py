# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Build the messages, the service and the action into an environment that holds the ROS 2 wheels.

Run by that environment's own Python, from the root: `.venv/bin/python -m tools.setup.interfaces`.
Knows nothing of how the environment came about.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path

from tools.setup.steps import ROOT, SetupError, Stamp, reported, require_compiler, run

PACKAGE = 'molmo_ground_ros'
# Packages of messages that no wheel holds, and that are built first: a folder for each.
MESSAGES = ROOT / 'tools' / 'setup' / 'messages'
SOURCES = ('CMakeLists.txt', 'package.xml', 'msg/*.msg', 'srv/*.srv', 'action/*.action')
# The wheels were built in /opt/python/cp311-cp311 or the like, and their CMake files still say so.
WHEEL_BUILDER = re.compile(
    r'/opt/python/cp\d+-cp\d+/(include/python\d\.\d+|lib/[^;" ]*?/numpy/_?core/include)'
)


def point_to_own_headers(share: Path) -> None:
    """Replace the wheel builder's include folders by this Python's own."""
    import numpy as np

    own = {'include': sysconfig.get_path('include'), 'lib': np.get_include()}
    for path in share.rglob('*.cmake'):
        text = path.read_text()
        fixed = WHEEL_BUILDER.sub(lambda match: own[match[1].partition('/')[0]], text)
        if fixed != text:
            path.write_text(fixed)


def ros_environment(prefix: Path) -> dict[str, str]:
    """What CMake and the generators need to find the wheels' tools and libraries."""
    libraries = [prefix / 'lib', *sorted(Path(sysconfig.get_path('platlib')).glob('ros_*.libs'))]
    return {
        'PATH': f'{prefix / "bin"}{os.pathsep}{os.environ["PATH"]}',
        'AMENT_PREFIX_PATH': str(prefix),
        'LD_LIBRARY_PATH': os.pathsep.join(map(str, libraries)),
        '_ROS_WHEELS_BOOTSTRAP_COMPLETE': '1',  # The wheels would start Python twice otherwise.
    }


def remove_installed(manifest: Path) -> None:
    """Delete what an earlier build installed, so that a removed message is gone."""
    if manifest.is_file():
        for line in manifest.read_text().splitlines():
            Path(line).unlink(missing_ok=True)
        manifest.unlink()


def build(source: Path, prefix: Path, work: Path) -> None:
    """Generate, compile and install the interfaces of one package into the environment at prefix.

    source: the folder with its CMakeLists.txt. work: a folder for what is built, and for the logs.
    """
    work.mkdir(parents=True, exist_ok=True)
    folder = work / 'build'
    shutil.rmtree(folder, ignore_errors=True)
    cmake = str(prefix / 'bin' / 'cmake')
    environment = ros_environment(prefix)
    configure = [
        *(cmake, '-S', str(source), '-B', str(folder), '-G', 'Ninja'),
        f'-DCMAKE_INSTALL_PREFIX={prefix}',
        f'-DCMAKE_PREFIX_PATH={prefix}',
        f'-DPython3_EXECUTABLE={prefix / "bin" / "python"}',
        '-DPython3_FIND_VIRTUALENV=ONLY',
        '-DINTERFACES_ONLY=ON',
        '-DBUILD_TESTING=OFF',
    ]
    run(configure, work / 'configure.log', **environment)
    run([cmake, '--build', str(folder)], work / 'build.log', **environment)
    remove_installed(work / 'installed.txt')
    run([cmake, '--install', str(folder)], work / 'install.log', **environment)
    shutil.move(folder / 'install_manifest.txt', work / 'installed.txt')
    shutil.rmtree(folder)


def join_with_source(purelib: Path) -> None:
    """Let the source tree be the package, and the installed folder a part of it.

    The generated `__init__.py` is empty. Without it the folder is a namespace portion: Python takes
    the source tree, wherever on the path, and its `extend_path` finds msg, srv and action here.
    """
    (purelib / PACKAGE / '__init__.py').unlink(missing_ok=True)
    (purelib / f'{PACKAGE}.pth').write_text(f'{ROOT}\n')


def main() -> None:
    """Bring the interfaces in this Python's environment up to date.

    Raises:
        SetupError: the machine lacks something, or the build failed.
    """
    prefix = Path(sys.prefix)
    work = prefix / 'setup'
    purelib = Path(sysconfig.get_path('purelib'))
    sources = [path for pattern in SOURCES for path in ROOT.glob(pattern)]
    sources += [*MESSAGES.rglob('*.*'), Path(__file__), ROOT / 'requirements' / 'ros2-jazzy.txt']
    stamp = Stamp(
        work / 'interfaces.stamp',
        sources,
        *(str(ROOT), str(prefix), sys.version),
    )
    if stamp.is_current() and (purelib / PACKAGE / 'msg').is_dir():
        return
    if sys.prefix == sys.base_prefix:
        raise SetupError(f'{sys.executable} is not the Python of a virtual environment')
    with reported('building the messages, the service and the action'):
        require_compiler()
        stamp.clear()
        point_to_own_headers(prefix / 'share')
        for package in sorted(MESSAGES.iterdir()):
            build(package, prefix, work / package.name)
        build(ROOT, prefix, work)
        join_with_source(purelib)
        stamp.write()


if __name__ == '__main__':
    try:
        main()
    except SetupError as err:
        sys.exit(f'set-up: {err}')
