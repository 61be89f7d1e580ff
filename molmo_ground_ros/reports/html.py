# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A page that holds all it needs and asks nothing of any network, and what pages are made of."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence

from molmo_ground_ros.reports.words import escaped


def document(title: str, body: Iterable[str], style: str, script: str = '') -> Iterator[str]:
    """The page in pieces. Its policy lets no script run but `script`, and loads nothing.

    body, style, script: HTML, CSS and JavaScript of our own; title: any text.
    """
    allowed = "'none'"
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        allowed = f"'sha256-{digest}'"
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src {allowed}; base-uri 'none'; form-action 'none'"
    )
    yield f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escaped(title)}</title>
<style>{style}</style></head><body>
"""
    yield from body
    yield f'<script>{script}</script>' if script else ''
    yield '</body></html>\n'


def facts(*rows: tuple[str, str]) -> str:
    """Names and values, one under the other; any text."""
    shown = ''.join(f'<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>' for name, value in rows)
    return f'<dl class="facts">{shown}</dl>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Cells are HTML already."""
    yield '<div class="scroll" tabindex="0"><table><thead><tr>'
    yield ''.join(f'<th scope="col">{name}</th>' for name in header)
    yield '</tr></thead><tbody>'
    for row in rows:
        yield '<tr>' + ''.join(f'<td>{cell}</td>' for cell in row) + '</tr>\n'
    yield '</tbody></table></div>'
