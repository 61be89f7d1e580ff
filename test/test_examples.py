# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The examples of README and documentation are run, or say what they need that is not here.

An example is a block of bash or Python. `<!-- needs: ... -->` on the line above it says what
the tests do not have. It is not run then, but its `molmo-ground` commands must still be understood.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from molmo_ground_ros import cli

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md'))]
LANGUAGES = ('bash', 'cpp', 'json', 'python', 'text', 'xml', 'yaml')
BLOCK = re.compile(
    r'(?:^ *<!-- needs: (?P<needs>[^\n]+) -->\n)?'
    r'^ *```(?P<language>\w*)\n(?P<text>.*?)^ *```$',
    re.MULTILINE | re.DOTALL,
)
NEEDED = ('cv2', 'onnxruntime', 'pyarrow', 'pycocotools', 'rosbags', 'tokenizers')


@dataclass(frozen=True)
class Example:
    page: str
    line: int
    language: str
    text: str
    needs: str  # '' where it can be run

    @property
    def name(self) -> str:
        return f'{self.page}:{self.line}'


def examples(path: Path) -> list[Example]:
    text = path.read_text()
    return [
        Example(
            path.relative_to(ROOT).as_posix(),
            text.count('\n', 0, match.start('language')) + 1,
            match['language'],
            match['text'],
            match['needs'] or '',
        )
        for match in BLOCK.finditer(text)
    ]


ALL = [example for page in PAGES for example in examples(page)]
RUN = [one for one in ALL if one.language in ('bash', 'python') and not one.needs]
COMMANDS = [
    pytest.param(line, id=f'{one.name} {line[:60]}')
    for one in ALL
    if one.language == 'bash'
    for line in one.text.replace('\\\n', ' ').splitlines()
    if line.lstrip().startswith('molmo-ground ')
]


def test_blocks_name_their_language() -> None:
    assert [one.name for one in ALL if one.language and one.language not in LANGUAGES] == []


def test_no_command_is_in_an_indented_block() -> None:
    indented = re.compile(r'^\n {4}(?:molmo-ground|python|pip|make|ros2) ', re.MULTILINE)
    outside = {page.name: BLOCK.sub('', page.read_text()) for page in PAGES}
    assert [name for name, text in outside.items() if indented.search(text)] == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where an example is run: what ships is there, and what it writes goes away."""
    for name in ('examples', 'models'):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in NEEDED),
    reason="needs pip install '.[bag,onnx,eval]'",
)
@pytest.mark.parametrize('example', RUN, ids=lambda example: example.name)
def test_example_runs(example: Example, folder: Path) -> None:
    commands = folder / 'bin'
    commands.mkdir()
    program = f'#!{sys.executable}\nimport sys\nfrom molmo_ground_ros.cli import main\n'
    (commands / 'molmo-ground').write_text(f'{program}sys.exit(main())\n')
    (commands / 'molmo-ground').chmod(0o755)
    path = os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ['PATH']])
    shell = ['bash', '-euo', 'pipefail', '-c', example.text]
    command = shell if example.language == 'bash' else [sys.executable, '-c', example.text]
    ran = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {'PATH': path, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, f'{example.text}\n{ran.stdout}\n{ran.stderr}'
    assert ran.stdout.strip()


@pytest.mark.parametrize('line', COMMANDS)
def test_command_is_understood(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    words = words[: words.index('|')] if '|' in words else words
    parsed = cli._parser(words).parse_args(words)
    assert callable(parsed.run)
