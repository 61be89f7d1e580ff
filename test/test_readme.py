# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the README tells a reader to type is typed here."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from molmo_ground_ros import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / 'README.md').read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf'```{language}\n(.*?)```', README, re.DOTALL)


def commands(start: str) -> list[list[str]]:
    """The shell lines that begin with `start`, split into words."""
    lines = [line for block in blocks('bash') for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in line.split('&&')]
    return [shlex.split(part, comments=True) for part in parts if part.startswith(start)]


def test_it_opens_with_one_sentence_the_sheet_and_two_commands() -> None:
    title, sentence, sheet, _ = README.split('\n\n', 3)
    assert title == '# molmo_ground_ros'
    assert sentence.count('.') == 1
    assert (ROOT / re.search(r'\((.*?)\)', sheet)[1]).stat().st_size > 10_000
    assert commands('make') == [['make', 'demo'], ['make', 'test']]


def test_make_targets_exist() -> None:
    makefile = (ROOT / 'Makefile').read_text()
    for _, target in commands('make'):
        assert re.search(rf'^{target}:', makefile, re.MULTILINE), target


def test_links_lead_somewhere() -> None:
    for target in re.findall(r'\]\(([^)]+)\)', README):
        assert (ROOT / target).exists(), target


def test_launch_arguments_are_declared() -> None:
    launches = [words for words in commands('ros2 launch') if len(words) > 4]
    assert launches
    for words in launches:
        # replay.launch.py takes the arguments of ground.launch.py, too.
        files = {words[3], 'ground.launch.py'}
        source = ''.join((ROOT / 'launch' / file).read_text() for file in files)
        for argument in words[4:]:
            name = argument.split(':=')[0]
            assert f"'{name}'" in source, name


@pytest.mark.parametrize(
    ('verb', 'kind', 'part', 'names'),
    [
        ('service call', 'srv', 'Request', ['ground', 'set_query']),
        ('action send_goal', 'action', 'Goal', ['ground']),
    ],
)
def test_requests_to_paste_fit_the_interfaces(
    verb: str, kind: str, part: str, names: list[str]
) -> None:
    yaml = pytest.importorskip('yaml', reason='needs PyYAML, which comes with ROS')
    pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')
    asked = commands(f'ros2 {verb}')
    assert [words[-3] for words in asked] == [f'/molmo_ground/{name}' for name in names]
    for words in asked:
        package, folder, name = words[-2].split('/')
        assert (package, folder) == ('molmo_ground_ros', kind)
        interface = getattr(importlib.import_module(f'molmo_ground_ros.{kind}'), name)
        request = getattr(interface, part)()
        fill(request, yaml.safe_load(words[-1]))
        assert request.query


def fill(message: Any, fields: dict[str, Any]) -> None:
    """Set the fields of a message, as `ros2` does with what is pasted."""
    for name, value in fields.items():
        if isinstance(value, dict):
            fill(getattr(message, name), value)
        else:
            setattr(message, name, value)


def test_analyze_command_counts_the_grasps_in_the_shipped_bag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")
    monkeypatch.chdir(ROOT)
    (words,) = commands('molmo-ground analyze')
    words[words.index('--sheet') + 1] = str(tmp_path / 'sheet.png')
    assert cli.main(words[1:]) == 0
    assert 'count: 3' in capsys.readouterr().out
    assert (tmp_path / 'sheet.png').exists()


@pytest.mark.parametrize('words', commands('molmo-ground build'), ids=' '.join)
def test_build_commands_plan_what_fits(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip('tokenizers', reason="needs pip install '.[onnx]'")
    monkeypatch.chdir(ROOT)
    assert cli.main([*words[1:], '--dry-run']) == 0
    assert 'capacity' in capsys.readouterr().out


def test_doctor_command_is_understood(capsys: pytest.CaptureFixture[str]) -> None:
    (words,) = commands('molmo-ground doctor')
    with pytest.raises(SystemExit) as ended:
        cli.main([*words[1:], '--help'])
    assert ended.value.code == 0
    assert (ROOT / words[words.index('--model') + 1]).is_dir()


def test_python_example_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")
    monkeypatch.chdir(ROOT)
    # Those that ask a running node are run by test/ros/test_client.py.
    (example,) = (block for block in blocks('python') if not re.search(r'\bground[.,]', block))
    exec(compile(example, 'README.md', 'exec'), {})
    count, points = capsys.readouterr().out.split(' ', 1)
    assert count == '3'
    assert points.count('176380560') + points.count('17638056') >= 3
