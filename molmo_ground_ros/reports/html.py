# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Jinja2 templates to pages that hold all they need and ask nothing of any network.

The templates, style sheets and scripts are files in `templates/`. Every value that a template
prints is escaped, so that no text of a model or a recording can become a tag or a script.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molmo_ground_ros.errors import MissingPackage, visible
from molmo_ground_ros.reports import words
from molmo_ground_ros.storage.atomic import atomic_file

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / 'templates'


def write_html(
    path: Path, template: str, *styles: str, scripts: Sequence[str] = (), **values: object
) -> None:
    """Write a page through `atomic_file`, a piece at a time.

    template, styles, scripts: names of files in `templates/`; the scripts become a single one, in
    their order. values: what the template reads; iterators among them are read when the template
    comes to them. Raises OSError, and MissingPackage where Jinja2 is not installed.
    """
    pieces = render(template, *styles, scripts=scripts, **values)
    with atomic_file(path) as unfinished, unfinished.open('w', encoding='utf-8') as file:
        file.writelines(pieces)


def render(
    template: str, *styles: str, scripts: Sequence[str] = (), **values: object
) -> Iterator[str]:
    """The page that `write_html` writes, in pieces. Raises MissingPackage."""
    environment = _environment()
    # Style and script are ours: they are the only texts that are not escaped.
    from markupsafe import Markup

    code = '\n'.join((TEMPLATES / script).read_text('utf-8') for script in scripts)
    return environment.get_template(template).generate(
        style=Markup(''.join((TEMPLATES / style).read_text('utf-8') for style in styles)),
        script=Markup(code),
        script_source=Markup(_script_source(code)),
        **values,
    )


def _script_source(code: str) -> str:
    """The source that the page's policy allows scripts from: `code` itself, by its digest."""
    if not code:
        return "'none'"
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return f"'sha256-{digest}'"


@functools.cache
def _environment() -> Environment:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ModuleNotFoundError as err:
        raise MissingPackage('jinja2', 'bag') from err
    environment = Environment(
        autoescape=True,
        finalize=_finalized,
        loader=FileSystemLoader(TEMPLATES),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    for filter_ in (words.clock, words.date, words.score, words.trust, words.plural):
        environment.filters[filter_.__name__] = filter_
    return environment


def _finalized(value: Any) -> Any:
    """What a template prints of a value: its text with hidden characters named.

    Jinja2 escapes the text afterwards. Numbers, and HTML that a template made, stay as they are.
    """
    if type(value) is str:
        # Nearly every text is printable, and then this check is all that it costs.
        return value if value.isprintable() else visible(value)
    return value if isinstance(value, int) or hasattr(value, '__html__') else visible(value)
