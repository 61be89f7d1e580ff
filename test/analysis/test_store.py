# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.clips import make_clip

from molmo_ground_ros.analysis.store import Store, StoredAnswer, answer_json, answer_of, digest
from molmo_ground_ros.backends.replay import RecordedAnswer, ReplayBackend
from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.language.prompts import question_of
from molmo_ground_ros.storage.json_lines import BEFORE
from molmo_ground_ros.types import Answer, Query, Task

TEXTS = (
    'Counting the <points coords="0.5 1 333 251;3.0 2 100 1000">grasp</points> shows a total of 2.',
    '<tracks coords="0.0 1 100 100 2 7 9;0.5 1 501 500;30.0 3 1 1">cup</tracks>',
    'There are none.',
    "Sorry, I can't count grasps.",
    'Schraube \u00e9 \u4e2d \ud800 "\n\u2028',
)


def answer(text: str, logprobs: tuple[float, ...] = ()) -> Answer:
    backend = ReplayBackend([RecordedAnswer(text, logprobs=logprobs)])
    query = Query('Point to the cup', Task.AUTO, '/image', 1, 2)
    return Grounder(backend).ground(make_clip(), query)


@pytest.mark.parametrize('text', TEXTS)
@pytest.mark.parametrize('logprobs', [(), (-0.123456789,)], ids=['unknown', 'known'])
def test_answer_comes_back_as_it_was(text: str, logprobs: tuple[float, ...]) -> None:
    given = answer(text, logprobs)
    line = json.dumps(answer_json(given), allow_nan=False)
    back = answer_of(json.loads(line))
    assert repr(back) == repr(given)  # nan equals nothing
    assert (type(back.task), type(back.query.task)) == (Task, Task)


@given(st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_store_keeps_whatever_the_model_writes(tmp_path: Path, text: str) -> None:
    key = '/image', (5, 6), 0
    done = StoredAnswer(answer(text or 'x', (-0.5,)), 7, ((5, f'why {text}'),))
    with Store(tmp_path, 'd' * 64, resume=False) as store:
        store.add(key, done)
    with Store(tmp_path, 'd' * 64, resume=True) as store:
        assert repr(store.answers) == repr({key: done})


@pytest.mark.parametrize(
    'line',
    [b'{}', b'[]', b'null', b'\xff', b'{"window": [1, 2]', b'{"window": [1, 2], "answer": {}}'],
)
def test_line_that_is_no_answer_counts_as_not_asked(tmp_path: Path, line: bytes) -> None:
    done = StoredAnswer(answer(TEXTS[0]), 7, ())
    with Store(tmp_path, 'd' * 64, resume=False) as store:
        store.add(('/image', (1, 2), 0), done)
    with store.path.open('ab') as file:
        file.write(line + b'\n')
    with Store(tmp_path, 'd' * 64, resume=True) as store:
        store.add(('/image', (3, 4), 0), done)
    with Store(tmp_path, 'd' * 64, resume=True) as store:
        assert list(store.answers) == [('/image', (1, 2), 0), ('/image', (3, 4), 0)]


def test_finished_windows_are_not_lost_where_resume_was_forgotten(tmp_path: Path) -> None:
    done = StoredAnswer(answer(TEXTS[0]), 7, ())
    for _ in range(2):
        with Store(tmp_path, 'd' * 64, resume=False) as store:
            assert store.answers == {}
            store.add(('/image', (1, 2), 0), done)
    before = store.path.with_name(store.path.name + BEFORE)
    assert before.read_bytes() == store.path.read_bytes()


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    first, second = 'd' * 64, 'e' * 64  # another run's files are named alike
    with Store(tmp_path, first, resume=False) as store:
        store.add(('/image', (1, 2), 0), StoredAnswer(answer(TEXTS[0]), 7, ()))
        for name in (first, second):
            with pytest.raises(BadSetting, match=f'{tmp_path.name}.*another run is writing'):
                Store(tmp_path, name, resume=True)
    with Store(tmp_path, first, resume=True) as store:
        assert len(store.answers) == 1


def test_file_of_another_run_is_begun_anew(tmp_path: Path) -> None:
    digests = ['d' * 63 + '1', 'd' * 63 + '2']  # the same file name
    with Store(tmp_path, digests[0], resume=False) as store:
        store.add(('/image', (1, 2), 0), StoredAnswer(answer(TEXTS[0]), 7, ()))
    with Store(tmp_path, digests[1], resume=True) as store:
        assert store.answers == {}
    assert json.loads(store.path.read_bytes()) == {'run': digests[1]}


def test_digest_changes_with_all_that_answers_depend_on(tmp_path: Path) -> None:
    model, bag = tmp_path / 'model', tmp_path / 'bag'
    for folder in (model, bag):
        folder.mkdir()
        (folder / 'data').write_bytes(b'1')
    chosen = {'model': str(model), 'backend': 'onnx'}
    questions, windows = [question_of(Query('a'))], {'/image': [(1, 2)]}

    def now(**changed: object) -> str:
        given = {
            'sources': [str(bag)],
            'settings': chosen,
            'questions': questions,
            'windows': windows,
        }
        return digest(**{**given, **changed})

    first = now()
    assert now() == first
    changed = [
        now(settings=chosen | {'backend': 'torch'}),
        now(questions=[question_of(Query('b'))]),
        now(questions=[question_of(Query('a', Task.TRACK))]),
        now(windows={'/image': [(1, 3)]}),
        now(windows={'/top': [(1, 2)]}),
        now(sources=[str(bag), str(model)]),
    ]
    for folder in (model, bag):
        os.utime(folder / 'data', ns=(1, 1))
        changed.append(now())
        (folder / 'data').write_bytes(b'22')
        changed.append(now())
    assert len({first, *changed}) == 1 + len(changed)
