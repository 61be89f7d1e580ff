# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""package.xml, pyproject.toml, changelog and requirements agree with each other and the code."""

from __future__ import annotations

import ast
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = ET.parse(ROOT / 'package.xml').getroot()
REQUIREMENTS = sorted((ROOT / 'requirements').glob('*.txt'))
PROJECT = (ROOT / 'pyproject.toml').read_text()
# What the ROS side imports, by the rosdep key that brings it.
KEYS = {'cv2': 'python3-opencv', 'numpy': 'python3-numpy'}


def declared(*tags: str) -> set[str]:
    return {element.text or '' for tag in tags for element in MANIFEST.iter(tag)}


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {
        node.module or ''
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not node.level
    }
    return {name.partition('.')[0] for name in names}


def pins(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if line and line[0] not in '#-']
    return dict(line.split('==') for line in lines)


def test_one_version_everywhere():
    stated = re.search(r'^version = "(.+)"$', PROJECT, re.MULTILINE)
    assert stated
    assert MANIFEST.findtext('version') == stated[1]
    changelog = (ROOT / 'CHANGELOG.rst').read_text()
    assert re.search(
        rf'^({re.escape(stated[1])} \(\d{{4}}-\d\d-\d\d\)|Forthcoming)$', changelog, re.MULTILINE
    )


def test_licence_is_the_one_named():
    assert MANIFEST.findtext('license') == 'Apache-2.0'
    assert 'license = "Apache-2.0"' in PROJECT
    assert (
        'Apache License\n                           Version 2.0' in (ROOT / 'LICENSE').read_text()
    )


def test_manifest_makes_this_an_interface_package_built_by_cmake():
    assert MANIFEST.get('format') == '3'
    assert MANIFEST.findtext('export/build_type') == 'ament_cmake'
    assert declared('member_of_group') == {'rosidl_interface_packages'}
    assert 'rosidl_default_generators' in declared('buildtool_depend')
    assert 'rosidl_default_runtime' in declared('exec_depend')


def test_everything_the_ros_side_imports_is_declared():
    sources = [*ROOT.glob('molmo_ground_ros/ros/*.py'), *ROOT.glob('launch/*.py')]
    names = set().union(*map(imported, sources)) - sys.stdlib_module_names - {'molmo_ground_ros'}
    assert {KEYS.get(name, name) for name in names} <= declared('depend', 'exec_depend')


def test_source_files_say_whose_and_under_what_licence():
    folders = ('molmo_ground_ros', 'tools', 'launch', 'test')
    sources = [path for folder in folders for path in (ROOT / folder).rglob('*.py')]
    marks = (
        'SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors',
        'License-Identifier: Apache-2.0',
    )
    bare = [
        str(path.relative_to(ROOT))
        for path in sources
        if not all(mark in path.read_text()[:300] for mark in marks)
    ]
    assert not bare


@pytest.mark.parametrize('path', REQUIREMENTS, ids=lambda path: path.name)
def test_requirements_are_pinned_and_name_no_index(path):
    text = path.read_text()
    for line in text.splitlines():
        assert re.fullmatch(r'#.*|-r [a-z0-9-]+\.txt|[A-Za-z0-9._-]+==[0-9][0-9a-z.]*', line), line
    assert '://' not in text


# Installed in environments and folders of their own, where other versions are on purpose.
OF_THEIR_OWN = (
    'lerobot.txt',
    'molmo2_released.txt',
    'newest_transformers.txt',
    'vllm_cpu.txt',
)


def test_every_requirement_is_held_by_the_constraints():
    def same(name: str) -> str:
        return re.sub('[-_.]+', '-', name).lower()

    held = {
        same(name): version for name, version in pins(ROOT / 'requirements/constraints.txt').items()
    }
    for path in REQUIREMENTS:
        if path.name in OF_THEIR_OWN:
            continue
        for name, version in pins(path).items():
            assert held[same(name)] == version, f'{path.name}: {name}'
    assert held['torch'] == '2.13.0'
