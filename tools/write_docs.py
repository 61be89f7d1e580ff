# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write what is made from code: config/ground.yaml, tables of the README and of docs/jetson.md.

`python -m tools.write_docs` after a change of a setting or of what a window takes; a test says when
it was forgotten.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from molmo_ground_ros import config
from tools import jetson

ROOT = Path(__file__).parent.parent
YAML = ROOT / 'config/ground.yaml'
README = ROOT / 'README.md'
JETSON = ROOT / 'docs/jetson.md'
BEGIN = '<!-- parameters: written by `python -m tools.write_docs` -->'
END = '<!-- end of parameters -->'
TABLES = {'plans': jetson.plans_table, 'windows': jetson.windows_table}  # of docs/jetson.md

_YAML_HEAD = """\
# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
# Every parameter of the node with its default, written by `python -m tools.write_docs`.
# Copy this file, keep the lines you change, and pass it:
#     ros2 launch molmo_ground_ros ground.launch.py params_file:=/path/to/yours.yaml
/**:
  ros__parameters:
"""


def main() -> int:
    """Write all three files."""
    YAML.write_text(yaml_text())
    README.write_text(with_table(README.read_text()))
    JETSON.write_text(with_jetson_tables(JETSON.read_text()))
    return 0


def takes(limits: config.Bounds) -> str:
    """The values a setting takes, in words; '' where any will do."""
    if limits.choices:
        return ', '.join(limits.choices)
    if limits.lowest is None:
        return ''
    return f'{limits.lowest:g} to {limits.highest:g}'


def yaml_text() -> str:
    """The whole of config/ground.yaml."""
    lines = []
    for name, limits in config.limits().items():
        lines.append(f'    # {limits.text}')
        if takes(limits):
            lines.append(f'    # Takes: {takes(limits)}.')
        lines.append(f'    {name}: {_yaml_value(config.default(name))}')
    return _YAML_HEAD + '\n'.join(lines) + '\n'


def _yaml_value(value: object) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def table() -> str:
    """The README's table of parameters."""
    rows = ['| parameter | default | takes | meaning |', '|---|---|---|---|']
    for name, limits in config.limits().items():
        live = ' Can change while running.' if limits.live else ''
        value = _yaml_value(config.default(name))
        rows.append(f'| `{name}` | `{value}` | {takes(limits)} | {limits.text}{live} |')
    return '\n'.join(rows)


def with_table(readme: str) -> str:
    """The README with the table between its two marks."""
    return _between(readme, BEGIN, END, table())


def with_jetson_tables(text: str) -> str:
    """docs/jetson.md with each of its tables between its two marks."""
    for name, make_table in TABLES.items():
        begin = f'<!-- {name}: written by `python -m tools.write_docs` -->'
        text = _between(text, begin, f'<!-- end of {name} -->', make_table())
    return text


def _between(text: str, begin: str, end: str, text_between: str) -> str:
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f'{before}{begin}\n{text_between}\n{end}{after}'


if __name__ == '__main__':
    sys.exit(main())
