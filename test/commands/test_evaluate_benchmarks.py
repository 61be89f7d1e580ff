# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`evaluate` on the article's benchmarks and on data with boxes, with synthetic copies of both."""

import json
import re

import numpy as np
import pytest
from support.annotated import write_lines
from support.dataset_records import counteval, pointeval
from support.pngs import write_png
from support.sam2_checkpoint import write_sam2

from molmo_ground_ros import cli
from molmo_ground_ros.benchmarks.datasets import read
from tools.sources.copies import write_copy
from tools.sources.own_format import truth_of, write_own


@pytest.fixture
def evaluate(capsys):
    """Runs the command; its exit code, stdout and stderr."""

    def run(*arguments):
        code = cli.main(['evaluate', *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def write_masks(folder, expected):
    """The true region of every expression, as the servers take it."""
    for one in expected:
        video, _, key = one.id.rpartition('_')
        for k in range(one.video.frames):
            masks = [truth_of(one, thing, k) for thing in one.things]
            pixels = sum(
                (mask for mask in masks if mask is not None), np.zeros(one.size[::-1], bool)
            )
            write_png(
                folder / video / key / f'{k:05d}.png', 255 * pixels.astype(np.uint8), palette=False
            )


def test_ready_masks_fill_the_articles_table(evaluate, tmp_path):
    expected = write_copy('mevis', tmp_path / 'data', 0.4)
    write_masks(tmp_path / 'right', expected)
    options = '--benchmark', 'mevis-valid-u', '--data', tmp_path / 'data'

    code, out, err = evaluate(*options, '--masks', tmp_path / 'right', '--published')

    assert (code, err) == (0, '')
    rules, _, title, header, _, first, *rest = out.splitlines()
    assert rules.startswith("Scored by the reference's rules (--parity)")
    assert title.startswith('Video Tracking, as in the article')
    assert header.split('  ')[0] == 'Model' and 'MeViS valid-u J&F' in header
    assert first.startswith('GPT-5 (published)')
    (own,) = (line for line in rest if line.startswith('right ') and '-' in line.split())
    assert own.split() == ['right', '-', '100.0', '-', '-', '-']

    code, out, _ = evaluate(*options, '--masks', tmp_path / 'right')

    assert out.startswith('Scored by the default rules')
    assert 'published' not in out


def test_many_ready_masks_show_progress(evaluate, tmp_path):
    # Two questions about each of the videos.
    expected = write_copy('mevis', tmp_path / 'data', 0.2, 101)
    write_masks(tmp_path / 'masks', expected)

    code, _, err = evaluate(
        *('--benchmark', 'mevis-valid-u', '--data', tmp_path / 'data'),
        *('--masks', tmp_path / 'masks'),
    )

    assert code == 0
    assert 'scoring: done' in err


TRACKING = ['MeViS valid', 'MeViS valid-u', 'Ref-YT-VOS valid', 'Ref-DAVIS test', 'ReasonVOS']


@pytest.mark.parametrize(
    ('benchmark', 'source', 'column'),
    [
        ('mevis-valid-u', 'mevis', 'MeViS valid-u'),
        ('ref-yt-vos', 'ref-youtube-vos-valid', 'Ref-YT-VOS valid'),
        ('ref-davis', 'ref-davis17', 'Ref-DAVIS test'),
        ('reasonvos', 'reasonvos', 'ReasonVOS'),
    ],
)
def test_each_benchmark_of_tracks_fills_its_column(evaluate, benchmark, source, column, tmp_path):
    expected = write_copy(source, tmp_path / 'data', 0.4)
    write_masks(tmp_path / 'right', expected)
    answers = write_own(tmp_path / 'own', expected)
    options = '--benchmark', benchmark, '--data', tmp_path / 'data'

    _, out, _ = evaluate(*options, '--masks', tmp_path / 'right')
    header, _, row, *_ = out.splitlines()[3:]
    assert re.split('  +', header.strip()) == ['Model', *(f'{name} J&F' for name in TRACKING)]
    assert row.split() == ['right', *('100.0' if name == column else '-' for name in TRACKING)]

    _, out, _ = evaluate(*options, '--predictions', answers)
    assert out.splitlines()[5].split()[1:] == ['-'] * 5
    assert f'{column}: J&F needs masks: --sam2 MODEL' in out


@pytest.mark.slow
def test_sam2_makes_the_masks_of_a_benchmark(evaluate, tmp_path):
    expected = write_copy('reasonvos', tmp_path / 'data', 0.4)
    answers = write_own(tmp_path / 'own', expected)
    sam2 = '--sam2', write_sam2(tmp_path / 'sam2'), '--device', 'cpu'
    options = '--benchmark', 'reasonvos', '--data', tmp_path / 'data', '--predictions', answers

    code, out, _ = evaluate(*options, *sam2, '--limit', 1)

    assert code == 0
    assert 0 <= float(out.splitlines()[5].split()[-1]) < 100
    assert 'needs masks' not in out


# The true count of the first example; an answer without points.
COUNTED = {'burst-vc': '2', 'molmo2-vc': '3', 'molmo2-vp': '2'}


@pytest.mark.parametrize(
    ('benchmark', 'cells'),
    [
        ('burst-vc', ['50.0', '50.0', '-', '-', '-', '-', '-']),
        ('molmo2-vc', ['-', '-', '100.0', '100.0', '-', '-', '-']),
        ('molmo2-vp', ['-', '-', '-', '-', '0.0', '0.0', '0.0']),
    ],
)
def test_each_benchmark_of_counts_and_points_fills_its_columns(
    evaluate, benchmark, cells, tmp_path
):
    if benchmark == 'burst-vc':
        write_copy('burst', tmp_path / 'data', 0.4)
    else:
        record = {'molmo2-vc': counteval, 'molmo2-vp': pointeval}[benchmark]()
        (tmp_path / 'data').mkdir()
        write_lines(tmp_path / 'data' / 'val.jsonl', [record])
    name = 'burst-videocount' if benchmark == 'burst-vc' else ''
    format_ = name or {'molmo2-vc': 'videocounteval', 'molmo2-vp': 'videopointeval'}[benchmark]
    ids = [example.id for example in read(format_, tmp_path / 'data')]
    said = [
        {'id': one, 'text': '9' if number else COUNTED[benchmark]} for number, one in enumerate(ids)
    ]
    write_lines(tmp_path / 'mine.jsonl', said)

    code, out, _ = evaluate(
        *('--benchmark', benchmark, '--data', tmp_path / 'data'),
        *('--predictions', tmp_path / 'mine.jsonl'),
    )

    assert code == 0
    lines = out.splitlines()
    assert lines[2].startswith('Video Counting & Pointing, as in the article')
    assert lines[5].split() == ['mine', *cells]


def test_a_benchmark_joins_the_cells_of_an_earlier_run(evaluate, tmp_path):
    for name, source in (('reasonvos', 'reasonvos'), ('ref-davis', 'ref-davis17')):
        expected = write_copy(source, tmp_path / name, 0.4)
        write_masks(tmp_path / 'masks' / name, expected)
    first = '--benchmark', 'reasonvos', '--data', tmp_path / 'reasonvos'
    evaluate(*first, '--masks', f'm={tmp_path / "masks" / "reasonvos"}', '--out', tmp_path / 'out')

    code, out, _ = evaluate(
        *('--benchmark', 'ref-davis', '--data', tmp_path / 'ref-davis'),
        *('--masks', f'm={tmp_path / "masks" / "ref-davis"}', '--beside', tmp_path / 'out'),
    )

    assert code == 0
    assert out.splitlines()[5].split() == ['m', '-', '-', '-', '100.0', '100.0']


def test_points_in_boxes_are_scored_where_that_is_asked_for(evaluate, tmp_path):
    expected = write_copy('got10k', tmp_path / 'data', 1.0)
    answers = write_own(tmp_path / 'own', expected)
    options = '--format', 'got10k', '--data', tmp_path / 'data', '--predictions', answers

    code, out, _ = evaluate(*options, '--json')
    assert code == 0 and json.loads(out)['unscored'] == len(expected)

    code, out, _ = evaluate(*options, '--in-boxes')
    assert code == 0
    assert '--in-boxes: a point in the box of its object is right' in out
    assert len(out.splitlines()[3].split()) > 4


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--format', 'davis'], 'data = '),
        (['--data', '.'], 'format = '),
        (['--data', '.', '--benchmark', 'x'], 'benchmark = '),
        (
            ['--data', '.', '--benchmark', 'reasonvos', '--format', 'davis'],
            'of the format reasonvos',
        ),
        (['--data', '.', '--format', 'davis', '--beside', 'x'], 'is for --benchmark'),
        (['--data', '.', '--format', 'davis', '--masks', '/nowhere'], "masks = '/nowhere'"),
    ],
)
def test_settings_that_do_not_go_together_are_named(evaluate, arguments, message):
    code, _, err = evaluate(*arguments)
    assert code == 2
    assert message in err


def test_the_hidden_truth_of_mevis_valid_is_told(evaluate, tmp_path):
    write_copy('mevis', tmp_path, 0.4)
    (tmp_path / 'valid_u' / 'mask_dict.json').unlink()
    code, _, err = evaluate('--format', 'mevis', '--data', tmp_path, '--masks', tmp_path)
    assert code == 2
    assert 'the truth of this split is not public' in err
    assert str(tmp_path / 'valid_u' / 'meta_expressions.json') in err
