# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The release procedure of CONTRIBUTING.md, tried on a copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PREPARE = Path(sys.prefix) / 'bin' / 'catkin_prepare_release'
FILES = ('CHANGELOG.rst', 'package.xml', 'pyproject.toml')
AUTHOR = {
    f'GIT_{role}_{field}': text
    for role in ('AUTHOR', 'COMMITTER')
    for field, text in (('NAME', 'A Maintainer'), ('EMAIL', 'maintainer@example.invalid'))
}
# The configuration of whoever runs the tests may sign commits or run hooks.
GIT = os.environ | AUTHOR | {'GIT_CONFIG_GLOBAL': os.devnull, 'GIT_CONFIG_SYSTEM': os.devnull}

pytestmark = pytest.mark.skipif(
    not PREPARE.is_file() or shutil.which('git') is None,
    reason='needs git, and catkin_prepare_release: run it through `make test`',
)


def output_of(command: list[str], folder: Path) -> str:
    ran = subprocess.run(command, cwd=folder, env=GIT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, f'{command}:\n{ran.stdout}\n{ran.stderr}'
    return ran.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of the files that a release changes, with all of them committed."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    output_of(['git', 'init', '-q', '-b', 'main'], tmp_path)
    output_of(['git', 'remote', 'add', 'origin', str(tmp_path)], tmp_path)
    commit(tmp_path, 'Begin')
    return tmp_path


def commit(folder: Path, subject: str) -> None:
    output_of(['git', 'add', '--all'], folder)
    output_of(['git', 'commit', '-q', '-m', subject], folder)


def prepare_command() -> list[str]:
    """The command that the procedure names, without its folder."""
    (line,) = re.findall(
        r'^ *tools/ros_env\.sh (catkin_prepare_release .*)$',
        (ROOT / 'CONTRIBUTING.md').read_text(),
        re.MULTILINE,
    )
    return [str(PREPARE.parent / word) if i == 0 else word for i, word in enumerate(line.split())]


def test_procedure_dates_the_changelog_and_tags_one_version_everywhere(repository: Path) -> None:
    command = prepare_command()
    version = command[command.index('--version') + 1]
    project = repository / 'pyproject.toml'
    text, changes = re.subn(
        '^version = ".*"$', f'version = "{version}"', project.read_text(), flags=re.MULTILINE
    )
    assert changes == 1
    project.write_text(text)
    commit(repository, f'Set the version of the wheel to {version}')

    output_of([*command, '--non-interactive', '--no-color'], repository)

    assert output_of(['git', 'tag', '--points-at', 'HEAD'], repository).split() == [version]
    assert f'<version>{version}</version>' in output_of(
        ['git', 'show', f'{version}:package.xml'], repository
    )
    assert f'version = "{version}"' in output_of(
        ['git', 'show', f'{version}:pyproject.toml'], repository
    )
    changelog = output_of(['git', 'show', f'{version}:CHANGELOG.rst'], repository)
    assert re.search(rf'^{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$', changelog, re.MULTILINE)
    assert 'Forthcoming' not in changelog
