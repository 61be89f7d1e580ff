# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import textwrap
from pathlib import Path

import pytest

from molmo_ground_ros.commands import questions
from molmo_ground_ros.commands.questions import read_questions
from molmo_ground_ros.errors import BadSetting, GroundError, UnknownTask
from molmo_ground_ros.types import Query, Task


def read(tmp_path: Path, name: str, text: str, task: Task = Task.AUTO) -> list[Query]:
    path = tmp_path / name
    path.write_text(text, encoding='utf-8')
    return read_questions(str(path), task)


def test_plain_text_is_one_question_a_line(tmp_path: Path) -> None:
    text = '# of Monday\nHow many cups?\n\n  the blue Würfel  \r\n'
    assert read(tmp_path, 'q.txt', text, Task.POINT) == [
        Query('How many cups?', Task.POINT),
        Query('the blue Würfel', Task.POINT),
    ]


def test_yaml_is_a_list_of_texts_or_of_texts_with_their_task(tmp_path: Path) -> None:
    pytest.importorskip('ruamel.yaml', reason="needs pip install '.[bag]'")
    text = '- How many cups?\n- query: the blue cup\n  task: track\n- {query: the lid}\n'
    assert read(tmp_path, 'q.yaml', text, Task.COUNT) == [
        Query('How many cups?', Task.COUNT),
        Query('the blue cup', Task.TRACK),
        Query('the lid', Task.COUNT),
    ]


def test_yaml_example_in_the_docstring_is_read(tmp_path: Path) -> None:
    pytest.importorskip('ruamel.yaml', reason="needs pip install '.[bag]'")
    lines = (questions.__doc__ or '').splitlines()
    example = textwrap.dedent('\n'.join(line for line in lines if line.startswith('    ')))
    assert read(tmp_path, 'q.yaml', example, Task.COUNT) == [
        Query('How many times was the red block grasped?', Task.COUNT),
        Query('the blue cup', Task.TRACK),
    ]


@pytest.mark.parametrize(
    ('name', 'text', 'error', 'match'),
    [
        pytest.param('q.txt', '\n# nothing\n', BadSetting, 'no question', id='nothing asked'),
        pytest.param('q.yaml', '- a: [', BadSetting, 'not YAML', id='no YAML'),
        pytest.param('q.yaml', 'query: a', BadSetting, 'not a list', id='no list'),
        pytest.param('q.yml', '- 3', BadSetting, 'neither', id='a number'),
        pytest.param('q.yaml', '- {query: a, taks: x}', BadSetting, "'taks'", id='unknown key'),
        pytest.param('q.yaml', '- {query: a, task: x}', UnknownTask, "'x'", id='unknown task'),
        pytest.param('q.yaml', '- {query: a, task: [x]}', UnknownTask, 'x', id='task of no name'),
        pytest.param('q.yaml', '', BadSetting, 'not a list', id='empty'),
        pytest.param('q.yaml', '- !!python/name:os.system x', BadSetting, 'YAML', id='code'),
    ],
)
def test_file_that_is_not_understood_is_an_error(
    tmp_path: Path, name: str, text: str, error: type[GroundError], match: str
) -> None:
    pytest.importorskip('ruamel.yaml', reason="needs pip install '.[bag]'")
    with pytest.raises(error, match=match):
        read(tmp_path, name, text)


def test_file_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / 'q.txt').write_bytes(b'\xff\xfe')
    with pytest.raises(BadSetting, match='UTF-8'):
        read_questions(str(tmp_path / 'q.txt'), Task.AUTO)
