# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Many recordings as the cameras of one worker."""

import importlib.util
import shutil
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")

from support.analyses import CUP, Knowing
from support.clips import stamp
from support.indexes import look_up, never, write_short_bag

from molmo_ground_ros.analysis.moments.asking import LocalAsker, RayAsker
from molmo_ground_ros.analysis.moments.database import NAME, Database
from molmo_ground_ros.analysis.moments.indexing import Indexer, Outcome
from molmo_ground_ros.analysis.ray.separate import SeparateRecordings, camera_key
from molmo_ground_ros.analysis.ray.worker import Ready, Worker, WorkerTask
from molmo_ground_ros.analysis.window import Failure, Work
from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.errors import BackendError, BagError
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.loader import GrounderLoader
from molmo_ground_ros.recording import open_recording

ROOT = Path(__file__).resolve().parents[3]
SPAN = stamp(0.0), stamp(5.0)


def key_of(path: Path) -> str:
    with open_recording([path]) as recording:
        return camera_key(str(path), recording)


@pytest.fixture
def bags(tmp_path) -> list[Path]:
    return [write_short_bag(tmp_path / name, f'/{name}') for name in ('monday', 'tuesday')]


def test_recording_of_a_key_is_opened_and_the_one_before_closed(bags):
    keys = [key_of(bag) for bag in bags]
    with SeparateRecordings() as recordings:
        assert [recordings[key].topic for key in (*keys, keys[1])] == [
            '/monday',
            '/tuesday',
            '/tuesday',
        ]
        assert list(recordings) == [keys[1]]
    assert not len(recordings)


def test_recording_that_is_gone_or_another_is_refused(bags):
    key = key_of(bags[0])
    shutil.rmtree(bags[0])
    with SeparateRecordings() as recordings:
        with pytest.raises(BagError, match='no such file'):
            recordings[key]
        write_short_bag(bags[0], '/monday', seconds=3.0)
        with pytest.raises(BackendError, match='it reads another recording at '):
            recordings[key]


def test_worker_asks_about_one_recording_after_the_other(bags):
    task = WorkerTask(str(ROOT), (), (), '', '', (CUP,), lambda: Grounder(Knowing()), separate=True)
    worker = Worker()
    assert isinstance(worker.load(task), Ready)
    for bag in bags:
        outcome = worker.ask(Work(key_of(bag), SPAN, -1, (0,)))
        assert outcome.answers[0].camera == f'/{bag.name}'
    shutil.rmtree(bags[0])
    lost = worker.ask(Work('["/none", "/image", 1, 0, 0]', SPAN, -1, (0,)))
    assert isinstance(lost.failures[0], Failure)
    assert 'no such file' in str(lost.failures[0].error)
    worker.close()


@pytest.mark.slow  # Ray takes ten seconds to start
def test_workers_on_ray_index_what_this_process_does(bags, tmp_path, monkeypatch):
    if importlib.util.find_spec('ray') is None:  # imported, it would read its settings too early
        pytest.skip("needs ray: pip install 'molmo_ground_ros[ray]'")
    monkeypatch.setenv('PYTHONPATH', f'{ROOT}:{ROOT / "test"}')
    answers = tmp_path / 'answers.jsonl'
    answers.write_text(
        '{"match": "cup", "text": "Counting the <points coords=\\"3.0 1 500 500\\">cup</points>'
        ' shows a total of 1."}\n'
    )
    (tmp_path / 'broken.mcap').write_bytes(b'no recording')
    loader = GrounderLoader('replay', BackendSettings(str(answers)))
    with (
        Database(tmp_path / NAME, writable=True) as database,
        Indexer(database, (CUP,), 'replay', RayAsker('local', 2, loader)) as indexer,
    ):
        reports = {Path(report.path).name: report for report in indexer.run(tmp_path)}
    assert {name: report.outcome for name, report in reports.items()} == {
        'broken.mcap': Outcome.UNREADABLE,
        'monday': Outcome.INDEXED,
        'tuesday': Outcome.INDEXED,
    }
    assert {moment.camera for moment in look_up(tmp_path).moments} == {'/monday', '/tuesday'}
    with (
        Database(tmp_path / NAME, writable=True) as database,
        Indexer(database, (CUP,), 'replay', LocalAsker(never)) as indexer,
    ):
        assert {report.outcome for report in indexer.run(tmp_path)} == {
            Outcome.UNREADABLE,
            Outcome.UNCHANGED,
        }
