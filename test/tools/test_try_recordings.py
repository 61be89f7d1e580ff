# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`make try-recordings` on a second of its film; lerobot only where its environment is."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('av', reason="needs PyAV: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('pyarrow', reason="needs pyarrow: pip install 'molmo_ground_ros[lerobot]'")

from molmo_ground_ros.recording.lerobot.copy import write_copy
from molmo_ground_ros.recording.lerobot.forms import SUBTASKS
from molmo_ground_ros.recording.lerobot.notes import AFTER_LAST, EpisodeNotes, EventNote
from tools.try_recordings import lerobot, writers
from tools.try_recordings.film import FPS, SceneFilm, read_film
from tools.try_recordings.lerobot import FEATURE, NotTried
from tools.try_recordings.trial import Expected, faults_of_answers, faults_of_images

COUNT = 12
LOSSY = 4.0


@pytest.fixture(scope='module')
def film() -> SceneFilm:
    return read_film(COUNT)


def from_zero() -> np.ndarray:
    return np.arange(COUNT) * (10**9 // FPS)


WRITERS = {
    'scene.bag': (writers.write_ros1_bag, False),
    'turned.mp4': (writers.write_turned_mp4, True),
    'av1.mp4': (writers.write_av1_mp4, True),
    'fox.mcap': (writers.write_foxglove_mcap, False),
}


@pytest.mark.parametrize('name', WRITERS)
def test_sound_recording_has_no_fault_and_another_has(name, film, tmp_path: Path) -> None:
    if name.startswith('fox'):
        pytest.importorskip('foxglove', reason='needs foxglove-sdk: see requirements/dev.txt')
    write, lossy = WRITERS[name]
    path = tmp_path / name
    write(film, path)
    stamps = from_zero() if lossy else film.stamps
    most = LOSSY if lossy else 0.0
    assert faults_of_images(path, film, Expected(stamps, difference=most)) == []
    late = Expected(stamps + 10**9, difference=most)
    assert 'a stamp is 1.000 s off' in ''.join(faults_of_images(path, film, late))
    dark = SceneFilm(film.jpegs[::-1], film.stamps, ())
    backwards = faults_of_images(path, dark, Expected(stamps, difference=0.01))
    assert any('differs by' in fault for fault in backwards)
    assert faults_of_images(path, film, Expected(stamps[1:], difference=most))


@pytest.mark.parametrize(
    ('count', 'stamp_ns', 'x', 'fault'),
    [
        (1, 500_000_000, 100.0, ''),
        (2, 500_000_000, 100.0, 'count 2, not 1'),
        (1, 500_200_000, 100.0, 'no image has the stamp 500200000'),
        (1, 1_100_000_000, 100.0, 'a grasp at 1100000000, not 0'),
        (1, 500_000_000, 300.0, 'a grasp at (300, 50)'),
    ],
)
def test_answers_are_held_to_the_truth(count, stamp_ns, x, fault, film) -> None:
    truth = SceneFilm(film.jpegs, film.stamps, ((int(film.stamps[0]), 100.0, 50.0),))
    answer = {'camera': 'a', 'count': count, 'points': [{'stamp_ns': stamp_ns, 'x': x, 'y': 50.0}]}
    faults = faults_of_answers([answer], truth, Expected(from_zero()))
    assert faults == ([f'a: {fault}'] if fault else [])


def test_missing_environment_is_said_and_not_tried(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lerobot, 'FOLDER', tmp_path / '.lerobot')
    with pytest.raises(NotTried, match=r'it needs lerobot: the environment \.lerobot with'):
        lerobot.interpreter('', sets_up=False)
    with pytest.raises(NotTried, match='No such file'):
        lerobot.read_annotated(tmp_path, tmp_path / 'python', 1)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_lerobot_reads_the_annotated_copy_of_what_it_wrote(film, tmp_path: Path) -> None:
    try:
        python = lerobot.interpreter(os.environ.get('LEROBOT_PYTHON', ''), sets_up=False)
    except NotTried as err:
        pytest.skip(f'{err}: `make try-recordings` sets it up; or LEROBOT_PYTHON=PYTHON')
    root, copy = tmp_path / 'set', tmp_path / 'copy'
    lerobot.write_dataset(film, root, python, FPS)
    assert faults_of_images(root, film, Expected(from_zero(), lerobot.EPISODES, LOSSY)) == []
    event = EventNote(0, FEATURE, 'cube grasped', 300_000_000, 5.0, 6.0)
    write_copy(root, copy, SUBTASKS, {1: EpisodeNotes((event,), (), FEATURE)}, ['grasps'])
    assert json.loads(lerobot.read_annotated(copy, python, 1)) == {
        'length': lerobot.EPISODES * COUNT,
        'events': [COUNT + 3],
        'subtasks': [AFTER_LAST, 'cube grasped', 'not asked'],
        'shape': [3, 480, 640],
    }
