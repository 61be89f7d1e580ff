# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")

from support.bags import jpeg_message, write_bag
from support.clips import stamp

from molmo_ground_ros import backends, cli
from molmo_ground_ros.backends.replay import ReplayBackend

ROOT = Path(__file__).parents[1]
QUESTION = 'How many times was the red block grasped?'
GRASPS = (
    'Counting the <points coords="0.5 1 500 250;3.0 2 100 800">grasp of the red block</points> '
    'shows a total of 2.'
)
TRACKS = '<tracks coords="0.0 1 100 100;0.5 1 500 500;9.0 1 1 1">cup</tracks>'


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_bag(tmp_path / 'bag', {'/image': [jpeg_message(i / 10) for i in range(31)]})


def answers(tmp_path: Path, text: str) -> list[str]:
    """Options that make the model say `text`."""
    path = tmp_path / 'answers.txt'
    path.write_text(text)
    return ['--backend', 'replay', '--model', str(path)]


def test_json_is_one_object_with_the_promised_keys(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ['--query', QUESTION, '--json', *answers(tmp_path, GRASPS)]
    assert cli.main(['analyze', str(recording), *options]) == 0
    record = json.loads(capsys.readouterr().out)
    assert set(record) >= {
        'query', 'task', 'text', 'count', 'points', 'tracks', 'frames_used', 'frames_expected',
        'truncated', 'model',
    }  # fmt: skip
    assert set(record['points'][0]) == {
        'stamp_ns', 'camera', 'frame_id', 'id', 'x', 'y', 'score', 'probability', 'position',
    }  # fmt: skip
    assert (record['query'], record['task'], record['count']) == (QUESTION, 'count', 2)
    assert [point['stamp_ns'] for point in record['points']] == [stamp(0.5), stamp(3.0)]
    assert (record['frames_used'], record['frames_expected']) == (7, 7)


def test_table_and_contact_sheet_for_people(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / 'sheet.png'
    options = ['--query', QUESTION, '--sheet', str(sheet), *answers(tmp_path, GRASPS)]
    assert cli.main(['analyze', str(recording), *options]) == 0
    out = capsys.readouterr().out
    assert 'count: 2' in out
    assert str(stamp(3.0)) in out
    assert '7 of 7 frames' in out
    assert cv2.imread(str(sheet)) is not None


def test_tracks_and_what_was_not_used_are_printed(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ['--query', 'cup', '--task', 'track', *answers(tmp_path, TRACKS)]
    assert cli.main(['analyze', str(recording), *options]) == 0
    out = capsys.readouterr().out
    assert 'track 1: cup' in out
    assert 'not used: no such frame' in out


def test_model_that_fails_is_exit_code_1(
    recording: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(backends.BACKENDS, 'replay', lambda _: ReplayBackend([]))
    options = ['--query', QUESTION, *answers(tmp_path, 'x')]
    assert cli.main(['analyze', str(recording), *options]) == 1
    assert capsys.readouterr().err.startswith('molmo-ground: ')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        pytest.param(['missing.mcap'], "bag 'missing.mcap': no such file", id='missing bag'),
        pytest.param(['BROKEN'], 'cannot be read', id='broken bag'),
        pytest.param(['BAG', '--topic', '/top'], "'/top'; the known ones: '/image'", id='topic'),
        pytest.param(['BAG', '--backend', 'magic'], "unknown backend 'magic'", id='backend'),
        pytest.param(['BAG', '--model', 'EMPTY'], 'config.json', id='model folder without files'),
        pytest.param(['BAG', '--query', ' '], 'the question is empty', id='empty question'),
        pytest.param(['BAG', '--start', '5', '--end', '2'], 'from 5.0 s to 2.0 s', id='span'),
        pytest.param(['BAG', '--dtype', 'int3'], "'int3'", id='dtype'),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_exit_code_2(
    recording: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    (tmp_path / 'empty').mkdir()
    broken = tmp_path / 'broken.mcap'
    broken.write_bytes(b'no recording')
    places = {'BAG': recording, 'BROKEN': broken, 'EMPTY': tmp_path / 'empty'}
    changed = [str(places.get(argument, argument)) for argument in arguments]
    query = [] if '--query' in changed else ['--query', QUESTION]
    assert cli.main(['analyze', *changed, *query]) == 2
    captured = capsys.readouterr()
    assert captured.out == ''
    assert captured.err.count('\n') == 1
    assert message in captured.err


def test_sheet_in_a_missing_folder_is_exit_code_2(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / 'missing' / 'sheet.png'
    options = ['--query', QUESTION, '--sheet', str(sheet), *answers(tmp_path, GRASPS)]
    assert cli.main(['analyze', str(recording), *options]) == 2
    assert str(sheet) in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'absent'),
    [
        (['--help'], ['cv2', 'numpy', 'rosbags', 'torch', 'onnxruntime', 'tokenizers']),
        (['build', '--help'], ['cv2', 'rosbags', 'torch', 'onnxruntime', 'tokenizers']),
        (['doctor', '--help'], ['cv2', 'rosbags', 'torch', 'onnxruntime', 'tokenizers']),
    ],
    ids=' '.join,
)
def test_help_imports_nothing_that_takes_time(arguments: list[str], absent: list[str]) -> None:
    program = (
        'import sys\nfrom molmo_ground_ros import cli\ntry:\n    cli.main(sys.argv[2:])\n'
        'finally:\n    print("imported", {*sys.argv[1].split(",")} & {*sys.modules})'
    )
    command = [sys.executable, '-c', program, ','.join(absent), *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert ran.stdout.endswith('imported set()\n')
    assert 'usage: molmo-ground' in ran.stdout


def test_interrupt_is_exit_code_130(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> ReplayBackend:
        raise KeyboardInterrupt

    monkeypatch.setitem(backends.BACKENDS, 'replay', interrupt)
    assert cli.main(['analyze', str(recording), '--query', 'x?', '--backend', 'replay']) == 130


def test_cut_off_answer_says_so(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ['--query', QUESTION, '--max-new-tokens', '30', *answers(tmp_path, GRASPS)]
    assert cli.main(['analyze', str(recording), *options]) == 0
    assert 'cut off by the token limit' in capsys.readouterr().out


def test_another_models_answer_is_read_in_its_own_format(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = answers(tmp_path, '{"count": 1, "points": [{"time": 0.5, "point": [250, 500]}]}')
    options = ['--query', QUESTION, '--json', '--answer-format', 'gemini', *answer]
    assert cli.main(['analyze', str(recording), *options]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record['count'], [point['stamp_ns'] for point in record['points']]) == (1, [stamp(0.5)])
    assert cli.main(['analyze', str(recording), *options, '--answer-format', 'gpt']) == 2
    assert "answer_format = 'gpt': must be one of molmo2," in capsys.readouterr().err
