# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pages of the documentation site that are not files in docs/. A hook of MkDocs, see mkdocs.yml.

The README is cut into several pages; other files of the repository become one page each; every
module of the package gets a page that mkdocstrings fills with its docstrings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = 'molmo_ground_ros'
# Sections of the README with a page of their own. The start page has the others.
README_PAGES: Mapping[str, tuple[str, ...]] = {
    'node.md': ('On a robot', 'Interfaces'),
    'engines.md': ('Graphs, engines, and what this machine can run',),
    'python.md': ('In Python',),
}
# Files of the repository, and the page that each of them is.
FILE_PAGES: Mapping[str, str] = {
    'CONTRIBUTING.md': 'contributing.md',
    'SECURITY.md': 'security.md',
    'models/tabletop/README.md': 'tabletop.md',
}
# Where links to other files of the repository lead on the site.
LINKS: Mapping[str, str] = {
    **FILE_PAGES,
    'CHANGELOG.rst': 'changelog.md',
    'LICENSE': 'license.md',
    'README.md': 'index.md',
}
DEFINITIONS = ('msg', 'srv', 'action')

_LINK = re.compile(r'\]\(([^)#:]+)(#[^)]*)?\)')


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of all modules into the navigation."""
    assert config.nav is not None
    reference = next(entry for entry in config.nav if 'Reference' in entry)
    reference['Reference'] = _navigation(modules())
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here."""
    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))
    return files


def pages() -> dict[str, str]:
    """All pages that are made here: path on the site to Markdown."""
    texts = {name: _on_site((ROOT / file).read_text(), file) for file, name in FILE_PAGES.items()}
    return {
        **readme_pages((ROOT / 'README.md').read_text()),
        **texts,
        'changelog.md': _changelog(),
        'license.md': f'# Licence\n\n```text\n{(ROOT / "LICENSE").read_text()}```\n',
        'interfaces.md': _interfaces(),
        **{_reference_page(module): _module_text(module) for module in modules()},
    }


def readme_pages(readme: str) -> dict[str, str]:
    """The README as a start page and a page for each entry of README_PAGES.

    Raises:
        ValueError: a section of README_PAGES is not in it.
    """
    opening, *parts = re.split(r'^## (?=\S)', _on_site(readme, 'README.md'), flags=re.MULTILINE)
    sections = {part.partition('\n')[0]: part.partition('\n')[2] for part in parts}
    pages = {}
    for name, titles in README_PAGES.items():
        missing = [title for title in titles if title not in sections]
        if missing:
            raise ValueError(f'README.md has no section {missing[0]!r}, which {name} is made of')
        texts = [sections.pop(title) for title in titles]
        others = ''.join(
            f'## {title}\n{text}' for title, text in zip(titles[1:], texts[1:], strict=True)
        )
        pages[name] = f'# {titles[0]}\n{texts[0]}{others}'
    start = ''.join(f'## {title}\n{text}' for title, text in sections.items())
    return {'index.md': opening + start, **pages}


def modules() -> list[str]:
    """Every public module of the package, with dots."""
    paths = [path.relative_to(ROOT) for path in (ROOT / PACKAGE).rglob('*.py')]
    names = ['.'.join(path.with_suffix('').parts).removesuffix('.__init__') for path in paths]
    return sorted(name for name in names if '._' not in name)


def _navigation(names: list[str]) -> list[Any]:
    """The modules as nested lists, each package with its own page first."""
    tree: dict[str, Any] = {}
    for name in names:
        branch = tree
        for part in name.split('.')[1:]:
            branch = branch.setdefault(part, {})
    return list(_entries(tree, PACKAGE))


def _entries(tree: Mapping[str, Any], above: str) -> Iterator[Any]:
    yield _reference_page(above)
    for part, inner in tree.items():
        name = f'{above}.{part}'
        yield {part: list(_entries(inner, name)) if inner else _reference_page(name)}


def _reference_page(module: str) -> str:
    path = Path('reference', *module.split('.')[1:])
    is_package = (ROOT.joinpath(*module.split('.')) / '__init__.py').is_file()
    if is_package:
        return (path / 'index.md').as_posix()
    # index.md is the page of the package itself.
    return path.with_name(f'{path.name.replace("index", "index_module")}.md').as_posix()


def _module_text(module: str) -> str:
    """The module's docstrings. A package is followed by what lies in it."""
    inner = [name for name in modules() if name.rpartition('.')[0] == module]
    folder = Path(_reference_page(module)).parent
    rows = [
        f'| [{name.rpartition(".")[2]}]({Path(_reference_page(name)).relative_to(folder)}) '
        f'| {_summary(name)} |\n'
        for name in inner
    ]
    table = f'\n| module | what |\n|---|---|\n{"".join(rows)}' if rows else ''
    return f'# {module.rpartition(".")[2]}\n\n`import {module}`\n\n::: {module}\n{table}'


def _summary(module: str) -> str:
    """The first line of the module's docstring."""
    path = ROOT.joinpath(*module.split('.'))
    inner = path / '__init__.py'
    file = inner if inner.is_file() else path.with_suffix('.py')
    text = ast.get_docstring(ast.parse(file.read_text())) or ''
    return text.partition('\n')[0].replace('|', '\\|')


def _changelog() -> str:
    """The changelog of ROS packages: its sections are Markdown as they are, its title is not."""
    _, _, sections = (ROOT / 'CHANGELOG.rst').read_text().partition(f'package {PACKAGE}\n')
    return f'# Changes\n{sections.partition(chr(10))[2]}'


def _interfaces() -> str:
    text = '# Messages, service, action\n'
    for kind in DEFINITIONS:
        for path in sorted((ROOT / kind).glob(f'*.{kind}')):
            text += f'\n## {kind}/{path.stem}\n\n```text\n{path.read_text()}```\n'
    return text


def _on_site(text: str, file: str) -> str:
    """The text with its links to files of the repository turned to pages of the site."""
    folder = (ROOT / file).parent

    def link(match: re.Match[str]) -> str:
        target = (folder / match[1]).resolve().relative_to(ROOT).as_posix()
        kind, _, name = target.partition('/')
        if kind in DEFINITIONS:
            return f'](interfaces.md#{kind}{Path(name).stem.lower()})'
        return f']({LINKS.get(target, target.removeprefix("docs/"))}{match[2] or ""})'

    return _LINK.sub(link, text)
