# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files that the documentation names exist, and so do the classes of the glossary."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'molmo_ground_ros'
PAGES = sorted([*ROOT.glob('docs/*.md'), ROOT / 'README.md', ROOT / 'CONTRIBUTING.md'])
ROOMS = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}
# A path of this repository: in a folder of ours, or of one of the package's rooms.
_PATH = re.compile(r'`((?:[\w.-]+/)+[\w.-]*)`')
# Folders that commands write into: what a page says of them is there after the command only.
WRITTEN = {'out', 'build'}
_CLASS = re.compile(r'`((?:[a-z]\w*\.)+)([A-Z]\w+)`')


def named_paths(page):
    for path in _PATH.findall(page.read_text()):
        top = path.partition('/')[0]
        if top in ROOMS:
            yield PACKAGE / path
        elif (ROOT / top).is_dir() and top not in WRITTEN:
            yield ROOT / path


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page):
    # A ROS interface is named without its suffix: srv/Ground.
    there = [path.exists() or any(path.parent.glob(f'{path.name}.*')) for path in named_paths(page)]
    missing = [
        path for path, is_there in zip(named_paths(page), there, strict=True) if not is_there
    ]
    assert not missing, [str(path.relative_to(ROOT)) for path in missing]


def test_architecture_names_every_room():
    text = (ROOT / 'docs' / 'architecture.md').read_text()
    assert [room for room in ROOMS if f'`{room}`' not in text] == []


def defined(module):
    """Names that a module or package defines or imports."""
    path = PACKAGE / module.replace('.', '/')
    file = path / '__init__.py' if path.is_dir() else path.with_suffix('.py')
    assert file.is_file(), module
    names = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def test_every_class_of_the_glossary_is_where_it_says():
    text = (ROOT / 'docs' / 'glossary.md').read_text()
    classes = _CLASS.findall(text)
    assert len(classes) > 30
    missing = [f'{m}{name}' for m, name in classes if name not in defined(m.removesuffix('.'))]
    assert missing == []


def test_glossary_has_at_most_forty_terms_and_none_twice():
    text = (ROOT / 'docs' / 'glossary.md').read_text()
    terms = re.findall(r'^\| ([a-z][a-z ]*) \|', text, re.MULTILINE)
    terms = [term for term in terms if term != 'term']
    assert len(terms) == len(set(terms)) <= 40
