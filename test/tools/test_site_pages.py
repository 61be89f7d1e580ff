# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the documentation site is made of. `make docs` itself builds it and holds its links."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

pytest.importorskip('mkdocs', reason='needs MkDocs: run `make test`')

from mkdocs.config import load_config

from tools import site_pages

ROOT = Path(__file__).resolve().parents[2]
README = '# name\n\nOne sentence.\n\n## First\n\na\n\n## In Python\n\nb\n\n### More\n\nc\n'


def in_navigation(entries: list[object]) -> list[str]:
    pages: list[str] = []
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            pages += in_navigation(value) if isinstance(value, list) else [value]
    return pages


def test_navigation_holds_every_page_once() -> None:
    config = site_pages.on_config(load_config(str(ROOT / 'mkdocs.yml')))
    pages = in_navigation(config.nav)
    assert len(set(pages)) == len(pages)
    files = {path.name for path in (ROOT / 'docs').glob('*.md')}
    assert set(pages) == files | set(site_pages.pages())


def test_every_module_has_a_page_with_its_docstrings() -> None:
    pages = site_pages.pages()
    room = pages['reference/frames/index.md']
    assert '::: molmo_ground_ros.frames.windows\n' in pages['reference/frames/windows.md']
    assert '::: molmo_ground_ros.frames\n' in room
    assert re.search(r'^\| \[windows\]\(windows\.md\) \| \S.*\|$', room, re.MULTILINE)
    files = list((ROOT / 'molmo_ground_ros').rglob('*.py'))
    assert len([name for name in pages if name.startswith('reference/')]) == len(files)


def test_readme_becomes_a_start_page_and_a_page_for_each_named_section(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(site_pages, 'README_PAGES', {'python.md': ('In Python',)})
    assert site_pages.readme_pages(README) == {
        'index.md': '# name\n\nOne sentence.\n\n## First\n\na\n\n',
        'python.md': '# In Python\n\nb\n\n### More\n\nc\n',
    }


def test_section_that_left_the_readme_is_named() -> None:
    with pytest.raises(ValueError, match=r"no section 'On a robot', which node\.md is made of"):
        site_pages.readme_pages(README)


def test_links_to_files_of_the_repository_lead_to_pages_of_the_site() -> None:
    pages = site_pages.pages()
    targets = re.findall(r'\]\(([^)#:]+)(?:#[^)]*)?\)', pages['index.md'] + pages['node.md'])
    assert {'bags.md', 'contributing.md', 'changelog.md', 'tabletop.md'} <= set(targets)
    files = {path.name for path in (ROOT / 'docs').iterdir()}
    assert set(targets) <= files | set(pages)


def test_message_definitions_are_shown_as_they_are() -> None:
    text = site_pages.pages()['interfaces.md']
    assert (ROOT / 'srv/Ground.srv').read_text() in text
    assert '## msg/PointArray\n' in text


def test_site_asks_no_network_for_fonts() -> None:
    config = load_config(str(ROOT / 'mkdocs.yml'))
    assert config.theme['font'] is False
    assert 'offline' not in config.plugins  # its pages load a script from a network
    assert importlib.util.find_spec('material') is not None
