# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import importlib.util
import json
import sys
from pathlib import Path

import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")

import cv2
from support.analyses import Knowing, failing_at, write_long_bag
from support.bags import jpeg_message, write_bag
from support.clips import stamp
from support.full_disk import full_after

from molmo_ground_ros import backends, cli
from molmo_ground_ros.commands.analyze import MOST_POINTS
from molmo_ground_ros.language.grammar import format_tracks

CUP, BALL = 'How many times was the cup grasped?', 'How many times did the ball roll?'


@pytest.fixture(scope='module')
def bag(tmp_path_factory) -> Path:
    return write_long_bag(tmp_path_factory.mktemp('long') / 'bag')


@pytest.fixture
def analyze(monkeypatch, tmp_path):
    """Runs the command with a model that knows; gives its exit code."""

    def command(*arguments: object, backend=None) -> int:
        loaded = backend or Knowing()
        monkeypatch.setitem(backends.BACKENDS, 'replay', lambda _: loaded)
        words = ['analyze', *map(str, arguments), '--backend', 'replay', '--model', 'knowing']
        return cli.main(words)

    return command


def test_span_over_63_s_is_one_merged_answer_with_the_totals_beside_it(
    bag, analyze, capsys
) -> None:
    assert analyze(bag, '--query', CUP) == 0
    captured = capsys.readouterr()
    assert 'count: 3 (the windows state 2, 2, 1)' in captured.out
    assert str(stamp(60.0)) in captured.out
    assert '60.00 s' in captured.out
    assert 'in 3 windows' in captured.out
    assert 'windows: done' in captured.err


class Following(Knowing):
    """Has one object in every frame."""

    @staticmethod
    def _say(clip, prompt):
        return format_tracks([(seconds, 1, 0.5, 0.5) for seconds in clip.seconds], 'cup')


def test_of_a_long_track_the_first_and_last_points_are_printed(bag, analyze, capsys) -> None:
    assert analyze(bag, '--query', 'Track the cup', backend=Following()) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.startswith('1  ')]
    assert len(rows) == MOST_POINTS
    assert str(stamp(0.0)) in rows[0] and str(stamp(150.0)) in rows[-1]
    (more,) = (line for line in lines if line.startswith('...'))
    assert '(101 more: --json or --out)' in more


def test_shorter_windows_for_a_model_of_shorter_clips(bag, analyze, capsys) -> None:
    backend = Knowing()
    assert analyze(bag, '--query', CUP, '--window', '25', '--json', backend=backend) == 0
    assert [start_ns for start_ns, _ in backend.calls] == [stamp(20.0 * i) for i in range(7)] + [
        stamp(125.0)
    ]
    record = json.loads(capsys.readouterr().out)
    assert record['count'] == 3
    assert [point['stamp_ns'] for point in record['points']] == [
        stamp(3.0), stamp(60.0), stamp(100.0),
    ]  # fmt: skip


def test_json_of_one_question_is_its_merged_answer(bag, analyze, capsys) -> None:
    assert analyze(bag, '--query', CUP, '--json') == 0
    record = json.loads(capsys.readouterr().out)
    assert (record['count'], record['count_least'], record['count_most']) == (3, 3, 3)
    assert [point['id'] for point in record['points']] == [1, 2, 3]
    assert [window['stated'] for window in record['windows']] == [2, 2, 1]
    assert (record['gaps'], record['losses'], record['complete']) == ([], [], True)


def test_several_bags_cameras_and_questions_are_answers_in_order(tmp_path, analyze, capsys) -> None:
    bags = []
    for day in range(2):  # 20 s each, at 50 s and at 95 s
        times = [50 + 45 * day + i / 4 for i in range(80)]
        messages = [jpeg_message(time) for time in times]
        topics = {'/left': messages, '/right': messages, '/top': messages}
        bags.append(write_bag(tmp_path / f'bag{day}', topics))
    questions = tmp_path / 'questions.txt'
    questions.write_text(f'{BALL}\n')
    options = ['--query', CUP, '--questions', questions, '--topic', '/right', '--topic', '/left']
    assert analyze(*bags, *options, '--json') == 0
    answers = json.loads(capsys.readouterr().out)['answers']
    assert [(answer['camera'], answer['query'], answer['count']) for answer in answers] == [
        ('/right', CUP, 2), ('/right', BALL, 1), ('/left', CUP, 2), ('/left', BALL, 1),
    ]  # fmt: skip
    assert analyze(*bags, *options) == 0
    out = capsys.readouterr().out
    assert f'{CUP} (/right)' in out and f'{BALL} (/left)' in out


def test_records_are_written_and_resume_after_interrupt_gives_the_same(
    bag, analyze, tmp_path, capsys
) -> None:
    assert analyze(bag, '--query', CUP, '--out', tmp_path / 'whole') == 0
    first_run = (tmp_path / 'whole' / 'records.jsonl').read_bytes()
    assert len(first_run.splitlines()) == 3

    def interrupt(clip, _) -> None:
        if clip.start_ns == stamp(58):
            raise KeyboardInterrupt

    out = tmp_path / 'out'
    capsys.readouterr()
    assert analyze(bag, '--query', CUP, '--out', out, backend=Knowing(interrupt)) == 130
    captured = capsys.readouterr()
    assert 'count: 2' in captured.out
    assert 'interrupted' in captured.out
    assert captured.err.endswith('--resume goes on from them\n')
    assert len((out / 'records.jsonl').read_bytes().splitlines()) == 2
    backend = Knowing()
    assert analyze(bag, '--query', CUP, '--out', out, '--resume', backend=backend) == 0
    assert [start_ns for start_ns, _ in backend.calls] == [stamp(58), stamp(87)]
    assert (out / 'records.jsonl').read_bytes() == first_run


def test_full_disk_is_an_error_and_the_finished_windows_stay(
    bag, analyze, tmp_path, capsys
) -> None:
    assert analyze(bag, '--query', CUP, '--out', tmp_path / 'whole') == 0
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'records.jsonl').write_text('older')
    capsys.readouterr()
    with full_after(2000):  # two windows fit
        assert analyze(bag, '--query', CUP, '--out', out) == 2
    assert 'File too large' in capsys.readouterr().err
    assert (out / 'records.jsonl').read_text() == 'older'
    backend = Knowing()
    assert analyze(bag, '--query', CUP, '--out', out, '--resume', backend=backend) == 0
    assert 0 < len(backend.calls) < 3
    first_run = (tmp_path / 'whole' / 'records.jsonl').read_bytes()
    assert (out / 'records.jsonl').read_bytes() == first_run


def test_gaps_and_losses_are_printed(tmp_path, analyze, capsys) -> None:
    bag = write_long_bag(tmp_path / 'bag', corrupt=[20.0])
    assert analyze(bag, '--query', CUP, backend=Knowing(failing_at(58.0))) == 0
    out = capsys.readouterr().out
    assert 'no answer from 63.0 s to 87.0 s: the GPU is gone' in out
    assert 'lost: ' in out and 'cannot be decoded' in out
    assert 'undecided: point 2: unconfirmed' not in out


class Forging(Knowing):
    """Writes what a terminal would obey, and lines that look like ours."""

    TEXT = '\x1b[2J\x1b]0;owned\x07\ncount: 99\r\u202e%s'

    @classmethod
    def _say(cls, clip, prompt):
        if 'ball' in prompt:
            return cls.TEXT
        rows = [(seconds, 1, 0.5, 0.5) for seconds in clip.seconds[:2]]
        return format_tracks(rows, cls.TEXT)


def test_what_a_model_writes_is_no_line_of_ours_and_no_command_to_a_terminal(
    bag, analyze, capsys
) -> None:
    asked = ['--query', 'Track the cup\x1b[31m\ncount: 98', '--query', BALL]
    assert analyze(bag, *asked, '--end', '20', backend=Forging()) == 0
    lines = capsys.readouterr().out.split('\n')
    assert all(line.isprintable() for line in lines)
    assert not [line for line in lines if line.startswith(('count: 98', 'count: 99'))]
    assert [line for line in lines if '<U+001B>[2J' in line]


def test_span_and_sheet_of_a_long_recording(bag, analyze, tmp_path, capsys) -> None:
    sheet = tmp_path / 'sheet.png'
    options = ['--start', '50', '--end', '130.5', '--sheet', sheet]
    assert analyze(bag, '--query', CUP, *options) == 0
    out = capsys.readouterr().out
    assert 'count: 2' in out
    assert '10.00 s' in out  # from the span's start
    assert cv2.imread(str(sheet)) is not None


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        pytest.param([], 'ask something', id='no question'),
        pytest.param(['--query', CUP, '--query', CUP], 'twice', id='a question twice'),
        pytest.param(['--query', CUP, '--resume'], '--out', id='resume from nothing'),
        pytest.param(['--query', CUP, '--out', 'BAG'], 'lies in the recording', id='out in bag'),
        pytest.param(['--query', CUP, '--query', BALL, '--sheet', 'x.png'], 'one', id='sheet'),
        pytest.param(['--questions', 'none.txt'], 'none.txt', id='no such file'),
        pytest.param(['--query', CUP, '--start', '200'], 'ends at 150.000 s', id='past the end'),
        pytest.param(['--query', CUP, '--window', '9'], 'from 10 to 63 s', id='short window'),
        pytest.param(['--query', CUP, '--window', '64'], 'from 10 to 63 s', id='long window'),
        pytest.param(['--query', CUP, '--window', 'nan'], 'window', id='window of no length'),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(bag, analyze, capsys, options, message) -> None:
    backend = Knowing()
    arguments = [str(bag) if option == 'BAG' else option for option in options]
    assert analyze(bag, *arguments, backend=backend) == 2
    captured = capsys.readouterr()
    assert captured.out == ''
    assert captured.err.count('\n') == 1
    assert message in captured.err
    assert not backend.calls


def test_several_cameras_are_listed_where_none_is_named(tmp_path, analyze, capsys) -> None:
    messages = [jpeg_message(0.0)]
    bag = write_bag(tmp_path / 'bag', {'/left': messages, '/right': messages})
    assert analyze(bag, '--query', CUP) == 2
    assert '/left, /right' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        pytest.param(['--ray', '127.0.0.1:1'], 'nothing answers there', id='nobody listens'),
        pytest.param(['--ray', '127.0.0.1:99999'], 'nothing answers there', id='no such port'),
        pytest.param(['--ray', 'ray://127.0.0.1:1'], 'nothing answers there', id='client'),
        pytest.param(['--ray', 'yes'], "not 'local', 'auto', 'host:port'", id='no address'),
        pytest.param(['--ray-workers', '2'], 'without --ray', id='workers of nothing'),
        pytest.param(['--ray', 'local', '--ray-workers', '-1'], 'below zero', id='workers'),
    ],
)
def test_bad_ray_is_one_line_before_anything_is_read(analyze, capsys, options, message) -> None:
    if importlib.util.find_spec('ray') is None:
        pytest.skip("needs ray: pip install 'molmo_ground_ros[ray]'")
    assert analyze('no_such_bag.mcap', '--query', CUP, *options) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count('\n')) == ('', 1)
    assert message in captured.err


def test_missing_ray_names_the_extra(analyze, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'ray', None)
    assert analyze('no_such_bag.mcap', '--query', CUP, '--ray', 'local') == 2
    assert "pip install 'molmo_ground_ros[ray]'" in capsys.readouterr().err
