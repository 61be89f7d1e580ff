# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Continuous integration, hooks and forms: files that nothing else in the repository reads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip('yaml', reason='needs PyYAML, which comes with ROS')

ROOT = Path(__file__).resolve().parents[2]
HOOKS = ROOT / '.pre-commit-config.yaml'
WORKFLOWS = sorted((ROOT / '.github' / 'workflows').glob('*'))
FORMS = sorted((ROOT / '.github' / 'ISSUE_TEMPLATE').glob('*.yaml'))
MAKEFILE = (ROOT / 'Makefile').read_text()
TARGETS = set(re.findall(r'^([a-z-]+):', MAKEFILE, re.MULTILINE))
PRE_COMMIT = Path(sys.prefix) / 'bin' / 'pre-commit'


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)['jobs'].values() for step in job['steps']]


def make_targets(text: str) -> list[str]:
    """The targets that shell lines ask make for."""
    return re.findall(r'^\s*make ([a-z-]+)', text, re.MULTILINE)


def lint_commands() -> list[str]:
    """The commands of `make lint`, in their order."""
    recipe = re.search(r'^lint:.*\n((?:\t.*\n)+)', MAKEFILE, re.MULTILINE)
    assert recipe
    return [line.removeprefix('\t@$(IN_ENV) ') for line in recipe[1].splitlines()]


def test_there_is_a_workflow_and_a_form_for_each_kind_of_issue() -> None:
    assert [path.name for path in WORKFLOWS] == ['ci.yaml']
    assert [path.name for path in FORMS] == ['bug.yaml', 'feature.yaml']


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.name)
def test_workflow_asks_make_for_targets_that_exist(path: Path) -> None:
    asked = [target for step in steps(path) for target in make_targets(step.get('run', ''))]
    assert set(asked) >= {'lint', 'test', 'demo'}  # what README and CONTRIBUTING tell to type
    assert set(asked) <= TARGETS


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_to_a_version(path: Path) -> None:
    actions = [step['uses'] for step in steps(path) if 'uses' in step]
    assert actions
    for action in actions:
        assert re.fullmatch(r'[\w-]+/[\w-]+@v\d+\.\d+\.\d+', action), action


def test_workflow_builds_with_colcon_in_both_distributions() -> None:
    job = read(ROOT / '.github/workflows/ci.yaml')['jobs']['colcon']
    assert job['strategy']['matrix']['ros'] == ['jazzy', 'lyrical']
    assert job['container'] == 'ros:${{ matrix.ros }}'
    runs = '\n'.join(step.get('run', '') for step in job['steps'])
    readme = (ROOT / 'README.md').read_text()
    command = 'colcon build --packages-select molmo_ground_ros'
    assert command in runs
    assert command in readme
    for kind, name in re.findall(r'ros2 interface show molmo_ground_ros/(\w+)/(\w+)', runs):
        assert (ROOT / kind / f'{name}.{kind}').is_file()
    for name in re.findall(r'ros2 launch molmo_ground_ros (\S+)', runs):
        assert (ROOT / 'launch' / name).is_file()


def test_continuous_integration_lints_before_it_tests() -> None:
    asked = make_targets((ROOT / '.ci/run').read_text())
    assert asked[:2] == ['lint', 'test']
    assert set(asked) <= TARGETS


def test_lint_checks_style_format_types_and_spelling() -> None:
    assert lint_commands() == ['ruff check .', 'ruff format --check .', 'mypy', 'codespell']


def test_hooks_run_the_tools_of_lint_at_their_pinned_versions() -> None:
    pinned = (ROOT / 'requirements/dev.txt').read_text()
    (repository,) = read(HOOKS)['repos']
    assert repository['repo'] == 'local'  # others would be downloaded, at versions of their own
    entries = [hook['entry'].split() for hook in repository['hooks']]
    for entry in entries:
        assert entry[0] == 'tools/ros_env.sh'
        assert re.search(rf'^{entry[1]}==', pinned, re.MULTILINE), entry[1]
    tools = [command.split()[0] for command in lint_commands()]
    assert [entry[1] for entry in entries] == tools


@pytest.mark.skipif(not PRE_COMMIT.is_file(), reason='needs pre-commit: run `make test`')
def test_pre_commit_takes_its_configuration() -> None:
    command = [str(PRE_COMMIT), 'validate-config', str(HOOKS)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, '', '')


@pytest.mark.parametrize('path', FORMS, ids=lambda path: path.name)
def test_form_has_what_the_forge_asks_for(path: Path) -> None:
    form = read(path)
    assert set(form) == {'name', 'description', 'labels', 'body'}
    kinds = {'markdown', 'textarea', 'input'}
    assert {part['type'] for part in form['body']} <= kinds
    questions = [part for part in form['body'] if part['type'] != 'markdown']
    names = [part['id'] for part in questions]
    assert len(set(names)) == len(names)
    assert all(part['attributes']['label'] for part in questions)


def test_files_that_the_pages_for_contributors_name_exist() -> None:
    pages = [ROOT / 'SECURITY.md', *(ROOT / '.github').glob('*.md'), *FORMS]
    for page in pages:
        for name in re.findall(r'\b(?:docs/)?[\w.-]+\.(?:md|rst|sh)\b', page.read_text()):
            assert (ROOT / name).exists(), f'{page.name}: {name}'


def test_every_file_has_an_owner() -> None:
    lines = (ROOT / '.github/CODEOWNERS').read_text().splitlines()
    rules = [line.split() for line in lines if line and not line.startswith('#')]
    assert rules[0][0] == '*'
    assert all(owner.startswith('@') for _, *owners in rules for owner in owners)
