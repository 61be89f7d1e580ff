# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The bench runs, prints what it promises, and stops at a text that differs. No time is judged."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('torch', reason="needs pip install '.[torch]'")
pytest.importorskip('transformers', reason="the peer: needs pip install '.[transformers]'")
pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")
pytest.importorskip('onnxscript', reason="needs pip install '.[export]'")
pytest.importorskip('rosbags', reason="needs pip install '.[bag]'")

from bench import report
from bench.checkpoints import SHIPPED
from bench.inputs import read_inputs
from bench.peer import Peer
from bench.referee import TIE, DifferentTextError, Referee
from bench.rows import PEER, Row, against_peer
from bench.timing import Sample, alternate, spread
from bench.tracks import tracks

ROOT = Path(__file__).parents[1]
PROMISED = {
    *(
        'first_question_ttft_ratio',
        'second_question_ttft_ratio',
        'slide_ttft_ratio',
        'four_questions_time_ratio',
    ),
    *('tokens_per_forward', 'track_time_ratio', 'onnx_rss_mb', 'onnx_ready_s'),
}
PROMISED_ON_CUDA = {'decode_tokens_s', 'decode_vs_eager_ratio', 'ttft_64_frames_ms'}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_last_line_holds_every_promised_figure(tmp_path):
    out = tmp_path / 'all.json'
    command = [sys.executable, '-m', 'bench', '--quick', '--json-only', '--threads', '1']
    command += ['--size', 'shipped', '--size', '4b', '--out', str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    record = json.loads(line)
    assert set(record) >= PROMISED
    large = record.get('reduced_4b', record)  # on a GPU the figures are of the real size
    assert set(large) >= PROMISED_ON_CUDA
    figures = [record[name] for name in PROMISED] + [large[name] for name in PROMISED_ON_CUDA]
    assert all(figure > 0 for figure in figures)
    assert record['machine']['cores'] >= 1
    rows = {row['key']: row for row in json.loads(out.read_text())['rows']}
    assert {PEER, 'transformers', 'torch', 'onnx'} <= set(rows['second_ttft']['cells'])
    assert rows['tokens_per_forward']['cells']['onnx, no drafting']['median'] < 1


@pytest.mark.slow
def test_a_process_of_its_own_is_compared_with_this_one():
    command = [sys.executable, '-m', 'bench.own_process', '--frames', '3', '--times', '1']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout.splitlines()[-1])
    assert record['same_texts'] is True
    assert all(
        figure > 0 for side in ('in_process', 'own_process') for figure in record[side].values()
    )


class Says:
    """A side whose answers are given, or a peer whose choice was by so little."""

    def __init__(self, name: str, text: str, margin: float = 1.0) -> None:
        self.name = name
        self._text = text
        self._margin = margin

    def ask(self, *_: object) -> Sample:
        return Sample(0.1, 0.2, (self._text,), 5, 2)

    def margin(self, *_: object) -> float:
        return self._margin


def test_a_text_that_differs_from_the_peers_ends_the_bench():
    inputs, peer = read_inputs(2, 0, 1), Says(PEER, 'There are none.')
    same, other = Says('torch', 'There are none.'), Says('onnx', 'There is one.')
    rows = tracks(inputs, peer, [same], 1, Referee(peer))
    assert rows[1].cells['torch'].median == 2.5
    with pytest.raises(DifferentTextError, match=r"onnx answers .* with 'There is one\.'"):
        tracks(inputs, peer, [same, other], 1, Referee(peer))


def test_an_answer_that_the_peer_is_undecided_about_is_let_pass_and_counted():
    inputs, peer = read_inputs(2, 0, 1), Says(PEER, 'There are none.', margin=TIE / 2)
    referee = Referee(peer)
    tracks(inputs, peer, [Says('onnx', 'There is one.')], 1, referee)
    assert (referee.compared, referee.ties) == (2, 2)  # the two questions on a clip


def test_a_margin_is_of_the_token_where_an_answer_leaves_the_peers():
    clip = read_inputs(2, 0, 0).windows[0]
    peer = Peer(SHIPPED, 'cpu')
    question = 'How many times was the red block grasped?'
    text = peer.ask(clip, question, 100).texts[0]
    assert peer.margin(clip, question, f'{text[:3]} no word that it knows') == math.inf
    tokens, scores = peer._generate(clip, question, peer.pixels(clip), output_scores=True)
    first, second = scores[0][0].topk(2).indices.tolist()
    other = peer._checkpoint.tokenizer.decode([second]) + ' and so on'
    expected = float(scores[0][0, first] - scores[0][0, second])
    assert tokens[0] == first
    assert peer.margin(clip, question, other) == pytest.approx(expected)


def test_windows_slide_by_one_and_fresh_images_differ_in_a_corner():
    inputs = read_inputs(6, 2, 0)
    assert [len(window.frames) for window in inputs.windows] == [6, 6, 6]
    for before, after in zip(inputs.windows, inputs.windows[1:], strict=False):
        assert before.frames[1:] == after.frames[:-1]
        assert before.frames[-1].stamp_ns < after.frames[-1].stamp_ns
    for mine, theirs in zip(inputs.fresh(0).frames, inputs.windows[0].frames, strict=True):
        assert np.argwhere(mine.image != theirs.image).max(0).tolist() == [7, 7, 0]
        assert np.count_nonzero(mine.image != theirs.image) == 64


def test_sides_are_measured_in_turn():
    order: list[str] = []
    results = alternate({name: lambda n, name=name: order.append(name) or n for name in 'AB'}, 2)
    assert (order, results) == (['A', 'B', 'A', 'B'], {'A': [0, 1], 'B': [0, 1]})


def test_a_spread_is_a_median_and_the_tenths():
    tenths = spread([float(n) for n in range(11)])
    assert (tenths.median, tenths.low, tenths.high, tenths.count) == (5.0, 1.0, 9.0, 11)


def test_a_ratio_says_how_many_times_less_ours_takes():
    cells = {PEER: spread([0.2, 0.4, 0.3]), 'onnx': spread([0.01])}
    row = against_peer('x', 'x', cells)
    assert row.ratios == {'onnx': pytest.approx(30)}
    assert '| x | ms | 300 (220-380) | 10, 30x |' in ' '.join(report.table([row]).split())


def test_results_are_written_between_the_markers_alone():
    doc = f'a\n{report.BEGIN}\nold\n{report.END}\nz\n'
    once = report.with_results(doc, 'new')
    assert once == f'a\n{report.BEGIN}\nnew\n{report.END}\nz\n'
    assert report.with_results(once, 'new') == once
    with pytest.raises(ValueError, match='lacks'):
        report.with_results('no markers', 'new')


def test_the_document_has_the_markers():
    text = report.DOC.read_text()
    assert report.with_results(text, 'x').count(report.BEGIN) == 1
    section = report.section(
        [Row('a', 'title of a', 'ms', {PEER: spread([1.0])})],
        {'a_ratio': 1.5, 'backend': 'onnx', 'threads': 2, 'machine': machine_record()},
        'make bench',
    )
    assert '| `a_ratio` | 1.5 |' in section
    assert 'title of a' in section


def machine_record() -> dict[str, object]:
    from bench.machine import machine

    return machine()


def test_the_bench_of_a_long_recording_measures_all_of_it():
    pytest.importorskip('mcap', reason='writes recordings: needs the dev requirements')
    command = [sys.executable, '-m', 'bench.hour', '--minutes', '1.5']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    jpeg = json.loads(done.stdout.splitlines()[-1])
    h264 = jpeg.pop('h264')
    assert (jpeg['kind'], h264['kind']) == ('jpeg', 'h264')
    for figures in (jpeg, h264):
        assert figures['pictures'] == 1.5 * 60 * 30
        assert 180 <= figures['frames'] <= 182  # two a second, each decoded once, and the newest
        numbers = {name: figures[name] for name in figures if name not in ('kind', 'zstd')}
        assert all(value > 0 for value in numbers.values()), numbers


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_bench_of_standing_events_counts_what_it_films():
    # Importing mujoco here would choose its renderer before the simulator does.
    if importlib.util.find_spec('mujoco') is None:
        pytest.skip('films the tabletop: see tools/tabletop/README.md')
    command = [sys.executable, '-m', 'bench.standing_events']
    command += ['--recordings', '1', '--minutes', '1', '--bar', '0.5']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    recording, summary = map(json.loads, done.stdout.splitlines())
    assert summary['grasps'] == sum(recording['grasps'].values()) > 2
    assert summary['events'] == sum(recording['events'].values())
    assert recording['passes'] == (60 + 12) / 4 - 1


def test_the_bench_of_an_index_counts_its_moments():
    pytest.importorskip('mcap', reason='writes recordings: needs the dev requirements')
    command = [sys.executable, '-m', 'bench.index', '--bags', '2', '--seconds', '21', '--rate', '4']
    done = subprocess.run(
        [*command, '--finds', '1'], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    # Three events and a track in each.
    assert figures['find_everything_moments'] == 8
    assert figures['find_table_moments'] == figures['find_page_moments'] == 6
    assert all(value > 0 for value in figures.values())
