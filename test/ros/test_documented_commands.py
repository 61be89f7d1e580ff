# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What README and documentation tell a reader to type to ROS names what the running node has.

The `ros2` commands themselves are not on PyPI. Their words are checked: topics, services, actions,
types and requests against a running node, launch arguments, executables and files that ship.
"""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')
yaml = pytest.importorskip('yaml', reason='needs PyYAML, which comes with ROS')

from rclpy.action import ActionClient
from support.world import PATIENCE_S, World

from molmo_ground_ros import cli, config
from molmo_ground_ros.backends.replay import ReplayBackend
from molmo_ground_ros.grounding.standing.request import read_request

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / 'README.md', ROOT / 'SECURITY.md', *sorted((ROOT / 'docs').glob('*.md'))]
BLOCK = re.compile(r'^ *```(\w*)\n(.*?)^ *```$', re.MULTILINE | re.DOTALL)
INLINE = re.compile(r'`(ros2 [^`]+|rviz2 [^`]+)`')
SHARE = re.compile(r'\$\(ros2 pkg prefix --share molmo_ground_ros\)/([\w./-]+)')
NODE = '/molmo_ground'
TRANSITIONS = {'configure', 'activate', 'deactivate', 'cleanup', 'shutdown'}
# Answers of other nodes than ours, and words that stand for the reader's own.
FOREIGN = ('/camera/', 'TOPIC')


def commands() -> Iterator[tuple[str, list[str]]]:
    """(page, words) of each command to `ros2`, in blocks and in running text."""
    for page in PAGES:
        text = page.read_text()
        found = BLOCK.findall(text)
        blocks = [block.replace('\\\n', ' ') for kind, block in found if kind in ('', 'bash')]
        lines = [line.strip() for block in blocks for line in block.splitlines()]
        lines += INLINE.findall(BLOCK.sub('', text))
        for line in lines:
            for part in re.split(r' && ', line):
                if part.startswith('ros2 '):
                    yield page.name, shlex.split(part, comments=True)[1:]


def of(*verbs: str) -> list[tuple[str, list[str]]]:
    """Commands that begin with these words, without them; at least one."""
    found = [
        (page, words[len(verbs) :]) for page, words in commands() if words[: len(verbs)] == [*verbs]
    ]
    assert found, verbs
    return found


def names(words: list[str]) -> list[str]:
    """The words that are no options and no values of options with a blank between."""
    return [word for word in words if not word.startswith('-') and word != 'header']


def interface(name: str) -> Any:
    package, kind, stem = name.split('/')
    return getattr(importlib.import_module(f'{package}.{kind}'), stem)


@pytest.fixture
def world(start: Callable[..., World]) -> World:
    return start(ReplayBackend([]))


def test_topics_to_echo_are_published(world: World) -> None:
    published = {publisher.topic_name for publisher in world.node.publishers}
    for page, words in of('topic', 'echo'):
        (topic,) = names(words)
        if not topic.startswith(FOREIGN):
            assert topic in published, f'{page}: {topic}'


def test_services_to_call_are_offered_and_take_the_request(world: World) -> None:
    offered = {service.service_name: service.srv_type for service in world.node.services}
    for page, words in of('service', 'call'):
        service, kind, request = names(words)
        assert offered.get(service) is interface(kind), f'{page}: {service}'
        interface(kind).Request(**filled(interface(kind).Request, yaml.safe_load(request)))


def filled(kind: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Fields as the constructor takes them: messages in them are made, as `ros2` makes them."""
    types = kind.get_fields_and_field_types()
    fields = {}
    for name, value in values.items():
        if isinstance(value, dict):
            package, stem = types[name].split('/')
            inner = interface(f'{package}/msg/{stem}')
            value = inner(**filled(inner, value))
        fields[name] = value
    return fields


def test_actions_to_send_goals_to_are_offered(world: World) -> None:
    for page, words in of('action', 'send_goal'):
        action, kind, goal = names(words)
        client = ActionClient(world.client, interface(kind), action)
        assert client.wait_for_server(PATIENCE_S), f'{page}: {action}'
        assert interface(kind).Goal(**yaml.safe_load(goal)).query


def test_lifecycle_commands_name_the_node_and_a_transition() -> None:
    for page, words in of('lifecycle', 'set'):
        assert words[0] == NODE and words[1] in TRANSITIONS, page
    for page, words in of('lifecycle', 'get'):
        assert words == [NODE], page


def launch_arguments(file: str) -> set[str]:
    tree = ast.parse((ROOT / 'launch' / file).read_text())
    declared = {
        ast.literal_eval(call.args[0])
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == 'DeclareLaunchArgument'
    }
    return declared | (launch_arguments('ground.launch.py') if file.startswith('replay') else set())


def test_launch_files_and_their_arguments_exist() -> None:
    for page, words in of('launch'):
        if words[:1] == ['molmo_ground_ros']:
            _, file, *arguments = words
            given = {word.partition(':=')[0] for word in arguments if ':=' in word}
            assert given <= launch_arguments(file), page


def test_executables_exist_and_commands_are_understood() -> None:
    for page, (package, name, *words) in of('run'):
        if package == 'molmo_ground_ros':
            assert (ROOT / 'scripts' / name).is_file(), page
            if name == 'molmo-ground':
                assert callable(cli._parser(words).parse_args(words).run)


def test_files_of_the_installed_package_ship() -> None:
    cmake = (ROOT / 'CMakeLists.txt').read_text()
    (folders,) = re.findall(r'foreach\(folder ([\w ]+)\)', cmake)
    named = [(page.name, file) for page in PAGES for file in SHARE.findall(page.read_text())]
    assert named
    for page, file in named:
        assert (ROOT / file).exists(), f'{page}: {file}'
        assert file.partition('/')[0] in folders.split(), f'{page}: {file}'


def test_every_kind_of_command_is_known() -> None:
    """A command that no test above looks at must be one that needs nothing of ours."""
    checked = {
        *('action send_goal', 'lifecycle get', 'lifecycle set', 'service call', 'topic echo'),
        *('launch', 'run'),
    }
    others = {'topic hz', 'topic info', 'node list', 'node info', 'pkg prefix'}
    others |= {'security create_keystore', 'security create_enclave', 'security create_permission'}
    for page, words in commands():
        kind = words[0] if words[0] in checked else ' '.join(words[:2])
        assert kind in checked | others, f'{page}: ros2 {" ".join(words)}'


def parameters() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / 'config' / 'robot.yaml').read_text())
    return dict(loaded['/**']['ros__parameters'])


def test_robots_parameter_file_starts_the_node_with_its_camera(
    start: Callable[..., World],
) -> None:
    settings = config.settings(parameters())
    assert settings.cameras == ('front',)
    node = start(ReplayBackend([]), **parameters()).node
    subscribed = {subscription.topic_name for subscription in node.subscriptions}
    camera = '/camera/camera'
    assert {
        *(f'{camera}/color/image_raw', f'{camera}/color/camera_info'),
        *(f'{camera}/aligned_depth_to_color/{name}' for name in ('image_raw', 'camera_info')),
        *('/tf', '/tf_static'),
    } <= subscribed


def test_parameters_that_robot_md_shows_are_taken() -> None:
    page = (ROOT / 'docs' / 'robot.md').read_text()
    texts = [text for kind, text in BLOCK.findall(page) if kind == 'yaml']
    assert texts
    for text in texts:
        values = yaml.safe_load(text)['/**']['ros__parameters']
        config.settings({**parameters(), **values})
        assert standing(values)


def standing(values: dict[str, Any]) -> list[str]:
    """The texts of the standing questions in a parameter file."""
    return [
        read_request(number, entry).text
        for number, entry in enumerate(values['standing_queries'], start=1)
    ]


def test_service_file_starts_the_launch_file_with_the_robots_parameters(tmp_path: Path) -> None:
    text = (ROOT / 'config' / 'molmo_ground.service').read_text()
    (command,) = re.findall(r'^ExecStart=/bin/bash -c \'(.*)\'$', text, re.MULTILINE)
    *sourced, start_node = command.split(' && ')
    assert [step.split()[0] for step in sourced] == ['source'] * 3
    _, ros2, verb, package, file, *arguments = start_node.split()
    assert (ros2, verb, package) == ('ros2', 'launch', 'molmo_ground_ros')
    assert {word.partition(':=')[0] for word in arguments} <= launch_arguments(file)
    assert 'KillSignal=SIGINT' in text


@pytest.mark.skipif(shutil.which('systemd-analyze') is None, reason='needs systemd-analyze')
def test_systemd_takes_the_service_file(tmp_path: Path) -> None:
    shutil.copy(ROOT / 'config' / 'molmo_ground.service', tmp_path)
    verified = subprocess.run(
        ['systemd-analyze', 'verify', str(tmp_path / 'molmo_ground.service')],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    # What it says of other units of this machine is not ours.
    complaints = [line for line in verified.stderr.splitlines() if 'molmo_ground' in line]
    assert (verified.returncode, complaints) == (0, [])
