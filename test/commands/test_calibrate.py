# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`molmo-ground calibrate` on records whose truth is known, and `analyze` with its file."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('scipy', reason="needs scipy: pip install 'molmo_ground_ros[eval]'")
pytest.importorskip('jinja2', reason="needs jinja2: pip install 'molmo_ground_ros[bag]'")

from molmo_ground_ros import cli
from molmo_ground_ros.analysis.records import KEYS
from molmo_ground_ros.grounding.calibration import read_calibration
from molmo_ground_ros.types import Task

S = 1_000_000_000


def labelled(seed: int, count: int = 600) -> list[dict[str, object]]:
    """Points of an overconfident model, ten a window of 10 s, with their verdicts."""
    chance = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        start_ns, at_ns = number // 10 * 100 * S, number % 10 * S
        score = float(chance.uniform())
        verdict = 'confirmed' if chance.random() < score**2 else 'wrong'
        values = {
            **dict.fromkeys(KEYS),
            'type': 'event',
            'question': 0,
            'query': 'How many times was the cup lifted?',
            'task': 'count',
            'camera': '/image',
            'label': 'cup',
            'id': number,
            'x': 64.0,
            'y': 48.0,
            'score': score,
            'image_width': 640,
            'image_height': 480,
            'stamp_ns': start_ns + at_ns,
            'window_start_ns': start_ns,
            'window_end_ns': start_ns + 10 * S,
            'window_state': 'answered',
            'verdict': verdict,
        }
        rows.append(values)
    return rows


def write(path: Path, rows: list[dict[str, object]]) -> str:
    if path.suffix == '.csv':
        with path.open('w', newline='') as file:
            writer = csv.DictWriter(file, KEYS)
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    return str(path)


@pytest.mark.parametrize('suffix', ['jsonl', 'csv'])
def test_curve_page_and_figures_are_written(tmp_path, capsys, suffix):
    records = write(tmp_path / f'a.{suffix}', labelled(1))
    held_out = write(tmp_path / f'b.{suffix}', labelled(2))
    out = tmp_path / 'calibration.json'
    words = ['calibrate', records, '--check', held_out, '--out', str(out)]
    assert cli.main([*words, '--json']) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed['tasks']['count']['points'] == 600
    assert printed['tasks']['count']['kept_share'] == pytest.approx(0.8, abs=0.01)
    checked = printed['check']['count']
    assert checked['error_after'] < 0.06 < checked['error_before']
    assert checked['kept_right_share'] > checked['right_share']

    read = read_calibration(str(tmp_path))
    assert read is not None
    assert read.probability(Task.COUNT, 0.8) == pytest.approx(0.64, abs=0.1)
    assert read.thresholds[Task.COUNT] == pytest.approx(0.2, abs=0.04)
    page = (tmp_path / 'calibration.html').read_text()
    assert page.count('<polyline') == 2
    assert 'On other records' in page

    assert cli.main(words) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[2].split()[:3] == ['count', 'isotonic', '600']
    assert 'on the records of --check:' in table


def test_rows_without_a_verdict_are_no_points_and_bad_ones_are_named(tmp_path, capsys):
    rows = labelled(1)
    rows[0]['verdict'] = None
    rows[1]['score'] = 1.5
    rows[2]['verdict'] = 'perhaps'
    rows[3]['score'] = None
    records = write(tmp_path / 'a.jsonl', rows)
    assert cli.main(['calibrate', records, '--out', str(tmp_path / 'c.json'), '--json']) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)['tasks']['count']['points'] == 596
    complaints = captured.err.splitlines()
    assert len(complaints) == 2
    assert 'a.jsonl:2: score = 1.5: must be from 0 to 1' in complaints[0]
    assert "a.jsonl:3: verdict = 'perhaps'" in complaints[1]


@pytest.mark.parametrize(
    ('words', 'why'),
    [
        (['--keep', '0'], 'keep = 0.0: must be a share'),
        (['--risk', '1.5'], 'risk = 1.5: must be a share'),
        ([], 'no point in them has both a score and a verdict'),
    ],
)
def test_bad_input_is_named(tmp_path, capsys, words, why):
    rows = [{**row, 'verdict': ''} for row in labelled(1, 10)]
    records = write(tmp_path / 'a.jsonl', rows)
    out = tmp_path / 'c.json'
    assert cli.main(['calibrate', records, '--out', str(out), *words]) == 2
    assert why in capsys.readouterr().err
    assert not out.exists()


def test_analyze_gives_probabilities_and_says_what_it_withholds(tmp_path, capsys):
    bags = pytest.importorskip('support.bags', reason="needs rosbags: pip install '.[bag]'")
    bag = bags.write_bag(
        tmp_path / 'bag', {'/image': [bags.jpeg_message(n / 2) for n in range(11)]}
    )
    text = (
        'Counting the <points coords="1.0 1 500 500;3.0 2 200 200">cup</points> shows a total of 2.'
    )
    # Only the words of the second point are doubtful.
    logprobs = [-0.001] * len(replay_pieces(text))
    at = text.index('200')
    spent = 0
    for number, piece in enumerate(replay_pieces(text)):
        logprobs[number] = -1.0 if at <= spent < at + 7 else -0.001
        spent += len(piece)
    answers = tmp_path / 'answers.jsonl'
    answers.write_text(json.dumps({'text': text, 'match': 'cup', 'logprobs': logprobs}) + '\n')
    (tmp_path / 'c.json').write_text(
        '{"knots": {"count": [[0, 0.1], [1, 0.9]]}, "thresholds": {"count": 0.5}}'
    )
    words = [
        *('analyze', str(bag), '--backend', 'replay', '--model', str(answers)),
        *('--query', 'How many times was the cup lifted?'),
        *('--calibration', str(tmp_path / 'c.json')),
    ]
    assert cli.main([*words, '--json']) == 0
    record = json.loads(capsys.readouterr().out)
    (point,) = record['points']
    assert (point['id'], record['count']) == (1, 2)
    assert point['probability'] == pytest.approx(0.1 + 0.8 * point['score'])
    (withheld,) = record['rejected']
    assert withheld['reason'] == 'withheld by the calibration'
    assert withheld['text'].startswith('#2 at ')

    assert cli.main(words) == 0
    printed = capsys.readouterr().out
    assert 'not used: withheld by the calibration: #2 at ' in printed
    assert 'probability' in printed.splitlines()[2]
    assert cli.main([*words, '--no-abstain', '--json']) == 0
    assert len(json.loads(capsys.readouterr().out)['points']) == 2


def replay_pieces(text: str) -> list[str]:
    from molmo_ground_ros.backends.replay import pieces

    return pieces(text)
