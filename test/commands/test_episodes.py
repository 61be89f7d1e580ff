# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`analyze` on LeRobot data sets, with a model that sees which episode it is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip('av', reason="needs PyAV: pip install 'molmo_ground_ros[bag]'")
pytest.importorskip('pyarrow', reason="needs pyarrow: pip install 'molmo_ground_ros[lerobot]'")

import pyarrow.parquet as pq
from support.analyses import Knowing

from molmo_ground_ros import backends, cli
from molmo_ground_ros.commands.episodes import UNEXPECTED
from molmo_ground_ros.language.grammar import format_count, format_tracks, number_points
from tools.fuzz_recordings.lerobot import FRAMES, VIDEO_KEY, write_v3

HOW_MANY = 'How many times was the cube grasped?'


class Seeing(Knowing):
    """Says one event in the first two episodes, two in the third; or a track."""

    @staticmethod
    def _say(clip, prompt):
        if 'rack' in prompt:
            return format_tracks([(seconds, 1, 0.5, 0.5) for seconds in clip.seconds], 'cube')
        count = 2 if clip.frames[0].image[0, 0, 0] > 130 else 1
        spots = [(clip.seconds[number + 1], 0.5, 0.25) for number in range(count)]
        return format_count(number_points(spots), 'cube grasped')


@pytest.fixture(scope='module')
def dataset(tmp_path_factory) -> Path:
    return write_v3(tmp_path_factory.mktemp('lerobot') / 'set')


@pytest.fixture
def analyze(monkeypatch):
    """Runs the command; gives its exit code."""

    def command(*arguments: object) -> int:
        monkeypatch.setitem(backends.BACKENDS, 'replay', lambda _: Seeing())
        words = ['analyze', *map(str, arguments), '--backend', 'replay', '--model', 'seeing']
        return cli.main(words)

    return command


def test_every_episode_and_camera_is_counted(dataset, analyze, capsys) -> None:
    assert analyze(dataset, '--query', HOW_MANY, '--json') == 0
    answers = json.loads(capsys.readouterr().out)['answers']
    assert {answer['camera']: answer['count'] for answer in answers} == {
        f'episode_00000{episode}/observation.images.{camera}': 2 if episode == 2 else 1
        for episode in range(3)
        for camera in ('top', 'wrist')
    }


def test_episodes_whose_count_differs_are_listed(dataset, analyze, capsys) -> None:
    asked = (dataset, '--query', HOW_MANY, '--camera', 'top', '--expect', 1)
    assert analyze(*asked) == UNEXPECTED
    captured = capsys.readouterr()
    differing = [line for line in captured.err.splitlines() if ', not 1' in line]
    assert differing == [f'molmo-ground: episode_000002/{VIDEO_KEY}: 2, not 1: {HOW_MANY}']
    assert '\n2        observation.images.top  2      How many times' in captured.out
    assert analyze(*asked, '--episodes', '0-1') == 0
    assert ', not 1' not in capsys.readouterr().err


def test_annotated_copy_has_the_events_on_their_frames(dataset, analyze, tmp_path: Path) -> None:
    out, copy = tmp_path / 'out', tmp_path / 'copy'
    questions = ('--query', HOW_MANY, '--query', 'Track the cube')
    assert analyze(dataset, *questions, '--camera', 'top', '--annotate', copy, '--out', out) == 0
    rows = pq.read_table(copy / 'data/chunk-000/file-000.parquet').to_pylist()
    events = [k for k, row in enumerate(rows) if row['annotation.events'] == [1, 0]]
    assert events == [5, FRAMES + 5, 2 * FRAMES + 5, 2 * FRAMES + 10]
    assert [k for k, row in enumerate(rows) if row['annotation.traces']] == [0, FRAMES, 2 * FRAMES]
    records = [json.loads(line) for line in (out / 'records.jsonl').read_text().splitlines()]
    assert f'episode_000002/{VIDEO_KEY}' in {record['camera'] for record in records}


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--episodes', '7'], "episodes = '7': there are those from 0 to 2"),
        (['--camera', 'left'], "camera = 'left': it has the cameras"),
        (['--expect', '-1'], 'expect = -1: below zero'),
        (['examples/tabletop.mcap'], 'ask about a LeRobot data set by itself'),
    ],
)
def test_bad_options_are_refused(arguments, words, dataset, analyze, capsys) -> None:
    assert analyze(dataset, *arguments, '--query', HOW_MANY) == 2
    assert words in capsys.readouterr().err


def test_options_of_data_sets_need_one(analyze, capsys) -> None:
    assert analyze('examples/tabletop.mcap', '--camera', 'top', '--query', HOW_MANY) == 2
    assert 'is of LeRobot data sets, and none is named' in capsys.readouterr().err
