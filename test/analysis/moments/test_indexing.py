# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")

from support.analyses import BALL, CUP, Knowing, failing_at, lacking, write_long_bag
from support.clips import stamp
from support.indexes import index, look_up, never, write_short_bag

from molmo_ground_ros.analysis.moments.database import NAME
from molmo_ground_ros.analysis.moments.indexing import Outcome
from molmo_ground_ros.analysis.moments.places import PlaceNews
from molmo_ground_ros.errors import BadModel

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path) -> Path:
    write_short_bag(tmp_path / 'monday')
    write_short_bag(tmp_path / 'deep' / 'tuesday', '/other')
    return tmp_path


def test_every_recording_below_the_folder_is_asked_about(folder):
    reports = index(folder)
    assert {name: report.outcome for name, report in reports.items()} == {
        'monday': Outcome.INDEXED,
        'tuesday': Outcome.INDEXED,
    }
    found = look_up(folder).moments
    assert {(moment.camera, moment.stamp_ns, moment.label) for moment in found} == {
        ('/image', stamp(3.0), 'cup'),
        ('/other', stamp(3.0), 'cup'),
    }
    assert all(moment.thumbnail.startswith(b'\xff\xd8') for moment in found)
    assert {moment.seconds for moment in found} == {3.0}


def test_nothing_is_asked_twice(folder):
    index(folder)
    reports = index(folder, load=never)
    assert {report.outcome for report in reports.values()} == {Outcome.UNCHANGED}
    assert {report.news for report in reports.values()} == {PlaceNews.SAME}


def test_new_question_alone_is_asked(folder):
    index(folder)
    backend = Knowing()
    index(folder, backend, questions=(CUP, BALL))
    asked = [prompts for _, prompts in backend.calls]
    assert asked == [[BALL.prompt]] * 2
    assert look_up(folder, 'cup').total == 2


def test_other_options_merge_anew_and_ask_only_about_new_windows(tmp_path):
    write_long_bag(tmp_path / 'long')
    index(tmp_path)
    backend = Knowing()
    index(tmp_path, backend, length_ns=40_000_000_000)
    assert all(start != stamp(58.0) for start, _ in backend.calls)
    reports = index(tmp_path, load=never, thumbnails=False)
    assert reports['long'].outcome is Outcome.INDEXED
    assert all(moment.thumbnail is None for moment in look_up(tmp_path).moments)


def test_another_model_is_asked_and_the_first_not_again(folder):
    index(folder)
    backend = Knowing()
    index(folder, backend, model='second')
    assert len(backend.calls) == 2
    index(folder, load=never)
    assert look_up(folder).total == 2


def test_moved_recording_is_the_same_recording(folder):
    index(folder)
    (folder / 'monday').rename(folder / 'deep' / 'renamed')
    reports = index(folder, load=never)
    assert reports['renamed'].news is PlaceNews.MOVED
    assert reports['monday'].news is PlaceNews.GONE
    names = {Path(moment.recording).name for moment in look_up(folder).moments}
    assert names == {'renamed', 'tuesday'}


def test_copy_is_told_and_its_moments_are_listed_once(folder):
    index(folder)
    shutil.copytree(folder / 'monday', folder / 'second')
    assert index(folder, load=never)['second'].news is PlaceNews.COPY
    assert look_up(folder).total == 2


def test_overwritten_recording_is_asked_about_and_its_old_moments_are_left_out(folder):
    index(folder)
    shutil.rmtree(folder / 'monday')
    write_short_bag(folder / 'monday', seconds=2.0)
    backend = Knowing()
    assert index(folder, backend)['monday'].news is PlaceNews.CHANGED
    assert len(backend.calls) == 1
    assert [moment.camera for moment in look_up(folder).moments] == ['/other']


def test_deleted_recording_keeps_its_moments_and_says_that_it_is_gone(folder):
    index(folder)
    shutil.rmtree(folder / 'monday')
    assert {moment.camera: moment.gone for moment in look_up(folder).moments} == {
        '/image': True,
        '/other': False,
    }
    assert index(folder, load=never)['monday'].news is PlaceNews.GONE
    assert 'monday' not in index(folder, load=never)
    assert look_up(folder).total == 2


def test_recording_that_cannot_be_read_is_told_and_the_others_are_asked_about(folder):
    (folder / 'broken.mcap').write_bytes(b'no recording')
    report = index(folder)['broken.mcap']
    assert report.outcome is Outcome.UNREADABLE
    assert 'broken.mcap' in report.why
    matches = look_up(folder)
    assert matches.total == 2
    assert [(Path(path).name, why == report.why) for path, why in matches.unreadable] == [
        ('broken.mcap', True)
    ]


def test_window_that_failed_is_asked_again_and_the_others_are_not(tmp_path):
    write_long_bag(tmp_path / 'long')
    first = index(tmp_path, Knowing(failing_at(58.0)))['long']
    assert (first.outcome, first.why) == (Outcome.INCOMPLETE, 'the GPU is gone')
    backend = Knowing()
    second = index(tmp_path, backend)['long']
    assert second.outcome is Outcome.INDEXED
    assert [start for start, _ in backend.calls] == [stamp(58.0)]


def test_recording_without_any_answer_is_told_and_the_next_is_asked_about(folder):
    reports = index(folder, Knowing(failing_at(0.0)))
    assert {report.outcome for report in reports.values()} == {Outcome.INCOMPLETE}
    assert {report.outcome for report in index(folder).values()} == {Outcome.INDEXED}


def test_model_that_cannot_be_loaded_ends_the_run(folder):
    with pytest.raises(BadModel, match='it lacks weights'):
        index(folder, load=lacking)


def test_interrupted_run_merges_what_was_answered(tmp_path):
    write_long_bag(tmp_path / 'long')

    def interrupt(clip, prompts):
        if clip.start_ns == stamp(58.0):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index(tmp_path, Knowing(interrupt))
    assert [moment.stamp_ns for moment in look_up(tmp_path).moments] == [stamp(60.0), stamp(3.0)]
    backend = Knowing()
    index(tmp_path, backend)
    assert [start for start, _ in backend.calls] == [stamp(58.0), stamp(87.0)]


def test_going_back_to_other_options_merges_again_and_asks_nothing(tmp_path):
    write_long_bag(tmp_path / 'long')
    index(tmp_path)
    index(tmp_path, length_ns=40_000_000_000)
    assert index(tmp_path, load=never)['long'].outcome is Outcome.INDEXED
    assert index(tmp_path, load=never)['long'].outcome is Outcome.UNCHANGED


def test_run_that_is_killed_loses_no_answer(tmp_path):
    write_long_bag(tmp_path / 'long')
    held, calls = tmp_path / 'held', tmp_path / 'calls'
    process = run_alone(tmp_path, calls, held, 58.0)
    wait_for(held, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    connection = sqlite3.connect(tmp_path / NAME)
    assert connection.execute('PRAGMA integrity_check').fetchone() == ('ok',)
    answered = connection.execute('SELECT start_ns FROM answers').fetchall()
    connection.close()
    assert answered == [(stamp(0.0),)]
    backend = Knowing()
    index(tmp_path, backend)
    assert [start for start, _ in backend.calls] == [stamp(58.0), stamp(87.0)]


def test_two_runs_at_once_ask_about_each_recording_once(tmp_path):
    for number in range(6):
        write_short_bag(tmp_path / f'bag_{number}', f'/camera_{number}')
    calls = tmp_path / 'calls'
    for process in [run_alone(tmp_path, calls) for _ in range(2)]:
        assert process.wait(60) == 0
    index(tmp_path, load=never)
    asked = calls.read_text().splitlines()
    assert sorted(asked) == [f'/camera_{number} {stamp(0.0)}' for number in range(6)]
    connection = sqlite3.connect(tmp_path / NAME)
    assert connection.execute('PRAGMA integrity_check').fetchone() == ('ok',)
    connection.close()
    assert look_up(tmp_path).total == 6


def run_alone(
    folder: Path, calls: Path, hold: Path | None = None, seconds: float = 0
) -> subprocess.Popen[bytes]:
    """A run in a process of its own."""
    held = [str(hold), str(seconds)] if hold else []
    command = [sys.executable, '-m', 'support.indexes', str(folder), str(calls), *held]
    paths = f'{ROOT}{os.pathsep}{ROOT / "test"}'
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, 'PYTHONPATH': paths})


def wait_for(file: Path, process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + 60
    while not file.exists():
        assert process.poll() is None, 'the run ended'
        assert time.monotonic() < until_s, 'the run did not come so far'
        time.sleep(0.05)
