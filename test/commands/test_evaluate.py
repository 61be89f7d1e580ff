# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command from end to end, on tiny data sets in the formats of the hub and of plain data."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import browser

pytest.importorskip('pyarrow', reason="needs pyarrow: pip install 'molmo_ground_ros[eval]'")
pytest.importorskip('pycocotools', reason="needs pycocotools: pip install 'molmo_ground_ros[eval]'")

from support.dataset_records import (
    HEIGHT,
    WIDTH,
    counteval,
    pointeval,
    rle,
    square,
    track,
    trackeval,
    write_lines,
    write_parquet,
)
from support.evaluations import Oracle

from molmo_ground_ros import backends, cli
from molmo_ground_ros.commands.evaluate_rows import MOST_COMPLAINTS
from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.frames import image
from molmo_ground_ros.frames.masks import mask_of
from molmo_ground_ros.recording import open_recording
from molmo_ground_ros.storage.folder_lock import lock
from tools.tabletop.bag_truth import BagTruth

ROOT = Path(__file__).parents[2]
POINTS = (
    'Counting the <points coords="1.5 1 125 208;4.0 2 625 417">red cup</points> shows a total of 2.'
)
HALF = (
    'Counting the <points coords="1.5 1 125 208;4.0 2 001 001">red cup</points> shows a total of 2.'
)
# trackeval() is at 2 fps and judged at 1: frames 0 and 2.
TRACKS = '<tracks coords="0.0 1 125 208;1.0 1 156 208 2 625 417">the two goats</tracks>'


def write_video(path, frames=20, fps=2.0, size=(WIDTH, HEIGHT)):
    """A video whose pictures differ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), fps, size)
    assert writer.isOpened()
    for k in range(frames):
        writer.write(np.full((size[1], size[0], 3), 10 * k % 250, np.uint8))
    writer.release()
    return path


def predictions_file(path, texts):
    return write_lines(path, [{'id': key, 'text': text} for key, text in texts.items()])


@pytest.fixture
def evaluate(monkeypatch, tmp_path, capsys):
    """Runs the command in an empty folder; gives (exit code, what --json printed, stderr)."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments, backend=None):
        words = ['evaluate', *map(str, arguments)]
        if backend is not None:
            monkeypatch.setitem(backends.BACKENDS, 'replay', lambda _: backend)
            words += ['--backend', 'replay']
            words += [] if '--model' in words else ['--model', 'oracle']
        capsys.readouterr()
        code = cli.main(words)
        got = capsys.readouterr()
        lines = got.out.splitlines()
        scores = json.loads(lines[-1]) if '--json' in words and lines else got.out
        return code, scores, got.err

    return command


@pytest.fixture
def pointed(tmp_path):
    """Four examples of VideoPointEval as parquet, without videos; ids a_red cup to d_red cup."""
    write_parquet(tmp_path / 'data/val.parquet', [pointeval(video) for video in 'abcd'])
    return tmp_path / 'data'


@pytest.fixture
def filmed(tmp_path):
    """The same with their videos."""
    folder = tmp_path / 'filmed'
    write_parquet(folder / 'val.parquet', [pointeval(video) for video in 'abcd'])
    for video in 'abcd':
        write_video(folder / f'videos/{video}.mp4')
    return folder


def test_last_line_of_json_is_metrics_with_intervals_and_counts(pointed, evaluate, tmp_path):
    texts = {'a_red cup': POINTS, 'b_red cup': HALF, 'c_red cup': POINTS}
    path = predictions_file(tmp_path / 'said.jsonl', texts)
    code, scores, err = evaluate(
        '--data', pointed, '--format', 'videopointeval', '--predictions', path, '--json'
    )
    assert (code, err) == (0, '')
    assert scores['f1'] == scores['precision'] == scores['recall'] == pytest.approx(2.5 / 4)
    assert 0 <= scores['f1_low'] < scores['f1'] < scores['f1_high'] <= 1
    assert (scores['examples'], scores['skipped'], scores['unanswered']) == (4, 0, 1)
    assert all(isinstance(value, int | float) for value in scores.values())
    assert list(tmp_path.iterdir()) == [pointed, path]  # nothing is written


def test_table_for_people_has_models_as_rows_and_names_the_rules(pointed, evaluate, tmp_path):
    right = predictions_file(tmp_path / 'right.jsonl', {f'{v}_red cup': POINTS for v in 'abcd'})
    half = predictions_file(tmp_path / 'x.jsonl', {f'{v}_red cup': HALF for v in 'abcd'})
    code, out, _ = evaluate(
        '--data', pointed, '--format', 'allenai/Molmo2-VideoPointEval',
        '--predictions', right, '--predictions', f'half={half}', '--published',
    )  # fmt: skip
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("Scored by the reference's rules (--parity)")
    assert lines[2] == 'videopointeval'
    assert lines[3].split() == ['Model', 'n', 'F1', 'Recall', 'Precision']
    assert lines[5].split()[:3] == ['right', '4', '100.0']
    assert lines[6].split()[:3] == ['half', '4', '50.0']
    title = lines.index(
        "published for Molmo2-VP: measured by others by the reference's rules, of another data set "
        'unless yours is Molmo2-VP itself'
    )
    assert lines[title - 1] == ''
    published = [place for place, line in enumerate(lines) if line.startswith('GPT-5 (published:')]
    assert published and min(published) > title


def test_published_rows_are_on_the_page_only_where_they_were_asked_for(pointed, evaluate, tmp_path):
    path = predictions_file(tmp_path / 'said.jsonl', {f'{v}_red cup': POINTS for v in 'abcd'})
    page = tmp_path / 'out.html'
    options = '--data', pointed, '--format', 'videopointeval', '--predictions', path
    evaluate(*options, '--html', page)
    assert 'published for' not in page.read_text() and 'GPT-5' not in page.read_text()
    evaluate(*options, '--html', page, '--published')
    own, others = page.read_text().split('<h3>published for Molmo2-VP: measured by others')
    assert 'GPT-5' in others and 'GPT-5' not in own
    assert '<td>said</td>' in own


def test_several_models_are_an_object_by_name(pointed, evaluate, tmp_path):
    model = predictions_file(tmp_path / 'one/said.jsonl', {'a_red cup': POINTS})
    two = predictions_file(tmp_path / 'two/said.jsonl', {'a_red cup': HALF})
    _, scores, _ = evaluate(
        '--data', pointed, '--format', 'videopointeval', '--predictions', model,
        '--predictions', two, '--predictions', f'named={model}', '--json',
    )  # fmt: skip
    assert list(scores) == [str(model), str(two), 'named']
    assert [row['f1'] for row in scores.values()] == [0.25, 0.125, 0.25]


def test_limit_takes_the_first_examples_and_calls_no_prediction_unknown(
    pointed, evaluate, tmp_path
):
    path = predictions_file(tmp_path / 'said.jsonl', {f'{v}_red cup': POINTS for v in 'abcd'})
    _, scores, err = evaluate(
        '--data', pointed, '--format', 'videopointeval', '--predictions', path, '--json',
        '--limit', 2,
    )  # fmt: skip
    assert (scores['examples'], scores['bad_predictions'], err) == (2, 0, '')


def broken():
    """(what is wrong, a record of VideoPointEval)."""
    lacking = pointeval('x')
    del lacking['points']
    other = [[{'frame_id': 3, 'rle': rle(width=32, height=24)}], [{'frame_id': 8, 'rle': rle()}]]
    torn = [[{'frame_id': 3, 'rle': {'size': [HEIGHT, WIDTH], 'counts': 'zz'}}], []]
    nan = [{'x': float('nan'), 'y': 1.0}, {'x': 40.5, 'y': 20.25}]
    return {
        'missing column': lacking,
        'mask of another size': pointeval('x', masks=other),
        'bad RLE': pointeval('x', masks=torn),
        'NaN': pointeval('x', points=nan),
        'infinite': pointeval('x', video_duration=float('inf')),
        'negative time': pointeval('x', two_fps_timestamps=[-0.5, 4.0]),
        'time after the end': pointeval('x', two_fps_timestamps=[1.5, 400.0]),
        'empty video': pointeval('x', video_duration=0.0),
        'wrong type': pointeval('x', width='wide'),
        'duplicate': pointeval('a'),
    }


@pytest.mark.parametrize('what', broken())
def test_broken_record_is_named_counted_and_skipped_and_strict_stops_there(
    what, evaluate, tmp_path
):
    records = [pointeval('a'), broken()[what], pointeval('b')]
    data = write_lines(tmp_path / 'data/val.jsonl', records)
    path = predictions_file(tmp_path / 'said.jsonl', {'a_red cup': POINTS, 'b_red cup': HALF})
    options = '--data', data.parent, '--format', 'videopointeval', '--predictions', path, '--json'
    code, scores, err = evaluate(*options)
    assert code == 0
    assert (scores['examples'], scores['skipped']) == (2, 1)
    assert scores['f1'] == 0.75
    assert f'skipped {data}:2: ' in err
    assert len(err.splitlines()) == 1
    code, _, err = evaluate(*options, '--strict')
    assert code == 2
    assert err.startswith(f'molmo-ground: {data}:2: ')


def test_bad_rows_of_predictions_are_named_counted_and_skipped(pointed, evaluate, tmp_path):
    path = predictions_file(tmp_path / 'said.jsonl', {'a_red cup': POINTS, 'z_red cup': POINTS})
    with path.open('a') as file:
        file.write('{"id": "a_red cup", "text": "again"}\n{"id": "b_red cup"}\n')
    options = '--data', pointed, '--format', 'videopointeval', '--predictions', path
    code, scores, err = evaluate(*options, '--json')
    assert code == 0
    assert (scores['bad_predictions'], scores['skipped'], scores['unanswered']) == (3, 0, 3)
    assert [line.split(': ')[1] for line in err.splitlines()] == [
        f'skipped {path}:3', f'skipped {path}:4', f'skipped {path}:2',
    ]  # fmt: skip
    code, _, err = evaluate(*options, '--strict')
    assert code == 2
    assert f'{path}:3: ' in err


def test_predictions_that_lie_in_the_data_are_no_data(evaluate, tmp_path):
    data = write_lines(tmp_path / 'data/val.jsonl', [pointeval('a')])
    path = predictions_file(tmp_path / 'data/said.jsonl', {'a_red cup': POINTS})
    code, scores, err = evaluate(
        '--data', data.parent, '--format', 'videopointeval', '--predictions', path, '--json'
    )
    assert (code, scores['examples'], scores['skipped'], err) == (0, 1, 0, '')


@pytest.mark.parametrize(
    ('format_', 'records', 'texts', 'metrics'),
    [
        pytest.param(
            'videocounteval', [counteval('a'), counteval('b')],
            {'a_goat': '3', 'b_goat': 'Counting the <points coords="1.0 1 100 100">goat</points> '
             'shows a total of 4.'},
            {'accuracy': 0.5, 'close_accuracy': 1.0, 'parse_failures': 0.0}, id='videocounteval',
        ),
        pytest.param(
            'videotrackeval', [trackeval('t1')], {'t1': TRACKS},
            {'f1': 1.0, 'hota': 1.0, 'deta': 1.0, 'assa': 1.0}, id='videotrackeval',
        ),
        pytest.param(
            'videotrackeval', [trackeval('t1')], {'t1': 'There are none.'},
            {'f1': 0.0, 'hota': 0.0}, id='nothing tracked',
        ),
        pytest.param(
            'videotrack', [track('t1')], {'t1': TRACKS}, {'unscored': 1}, id='videotrack, no masks',
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize('write', [write_lines, write_parquet], ids=['lines', 'parquet'])
def test_formats_of_the_hub(format_, records, texts, metrics, write, evaluate, tmp_path):
    suffix = 'jsonl' if write is write_lines else 'parquet'
    write(tmp_path / f'data/test.{suffix}', records)
    path = predictions_file(tmp_path / 'said.jsonl', texts)
    code, scores, _ = evaluate(
        '--data', tmp_path / 'data', '--format', format_, '--predictions', path, '--json'
    )
    assert code == 0
    assert {name: scores[name] for name in metrics} == metrics


def test_model_is_asked_about_the_videos_and_its_words_are_kept(filmed, evaluate, tmp_path):
    oracle = Oracle({'red cup': POINTS})
    code, scores, err = evaluate(
        '--data', filmed, '--format', 'videopointeval', '--json', backend=oracle
    )
    assert code == 0
    assert (scores['f1'], scores['examples'], scores['unanswered']) == (1.0, 4, 0)
    assert 'oracle: done' in err
    assert oracle.asked == [['How many "red cup" are there in the video?']] * 4
    assert oracle.closed == 1
    out = tmp_path / 'evaluation-videopointeval'
    assert {path.name.partition('-')[0] for path in out.iterdir()} == {
        '.lock', 'answers', 'predictions', 'results.json', 'table.md',
    }  # fmt: skip
    assert '| oracle | 4 | 100.0' in (out / 'table.md').read_text()
    written = out / 'predictions-oracle.jsonl'
    _, again, _ = evaluate(
        '--data', filmed, '--format', 'videopointeval', '--json', '--predictions', written
    )
    assert again == scores


def test_resume_after_an_interrupt_gives_the_same_files_bit_for_bit(filmed, evaluate, tmp_path):
    options = '--data', filmed, '--format', 'videopointeval', '--json'

    def files(folder):
        names = 'results.json', 'table.md', 'predictions-oracle.jsonl'
        return [(folder / name).read_bytes() for name in names]

    evaluate(*options, '--out', tmp_path / 'whole', backend=Oracle({'': HALF}))

    def interrupt(clip, _):
        if clip.camera == 'c':
            raise KeyboardInterrupt

    out = '--out', tmp_path / 'out'
    code, scores, err = evaluate(*options, *out, backend=Oracle({'': HALF}, interrupt))
    assert code == 130
    assert (scores['examples'], scores['not_asked'], scores['f1']) == (2, 2, 0.5)
    assert err.endswith('interrupted; finished answers were kept; --resume goes on from them\n')
    assert files(tmp_path / 'out') != files(tmp_path / 'whole')
    oracle = Oracle({'': HALF})
    code, scores, _ = evaluate(*options, *out, '--resume', backend=oracle)
    assert (code, scores['not_asked'], len(oracle.asked)) == (0, 0, 2)
    assert files(tmp_path / 'out') == files(tmp_path / 'whole')
    oracle = Oracle({'': HALF})
    evaluate(*options, *out, backend=oracle)
    assert len(oracle.asked) == 4  # without --resume all are asked anew


def test_several_checkpoints_are_asked_one_after_the_other(filmed, evaluate, monkeypatch, tmp_path):
    loaded = []

    def load(settings):
        oracle = Oracle({'': POINTS if 'good' in settings.model else HALF})
        loaded.append((settings.model, oracle))
        return oracle

    monkeypatch.setitem(backends.BACKENDS, 'replay', load)
    _, scores, _ = evaluate(
        '--data', filmed, '--format', 'videopointeval', '--json', '--backend', 'replay',
        '--model', 'runs/good', '--model', 'runs/half', '--out', tmp_path / 'out',
    )  # fmt: skip
    assert {name: row['f1'] for name, row in scores.items()} == {'good': 1.0, 'half': 0.5}
    assert [(model, oracle.closed) for model, oracle in loaded] == [
        ('runs/good', 1),
        ('runs/half', 1),
    ]
    record = json.loads((tmp_path / 'out/results.json').read_text())
    assert list(record['models']) == ['good', 'half']
    assert (tmp_path / 'out/predictions-half.jsonl').is_file()


def test_model_that_an_interrupted_run_did_not_reach_has_a_row_without_examples(
    filmed, evaluate, tmp_path
):
    def interrupt(clip, _):
        if clip.camera == 'c':
            raise KeyboardInterrupt

    code, scores, _ = evaluate(
        '--data', filmed, '--format', 'videopointeval', '--json', '--model', 'runs/one',
        '--model', 'runs/two', backend=Oracle({'': POINTS}, interrupt),
    )  # fmt: skip
    assert code == 130
    assert [row['examples'] for row in scores.values()] == [2, 0]
    assert scores['two']['not_asked'] == 4


def test_missing_videos_are_named_before_anything_is_asked_and_left_out(filmed, evaluate):
    (filmed / 'videos/b.mp4').unlink()
    (filmed / 'videos/c.mp4').write_bytes(b'no video')
    code, scores, err = evaluate(
        '--data', filmed, '--format', 'videopointeval', '--json', backend=Oracle({'': POINTS})
    )
    assert code == 0
    assert (scores['examples'], scores['missing_media'], scores['unanswered']) == (2, 2, 0)
    assert scores['f1'] == 1.0
    assert '1 of 4 videos are missing below' in err.splitlines()[0]
    assert "'b'" in err.splitlines()[0]


def test_no_video_at_all_is_an_error_before_the_model_is_loaded(pointed, evaluate):
    code, _, err = evaluate(
        '--data', pointed, '--format', 'videopointeval', '--backend', 'onnx', '--model', 'none'
    )
    assert code == 2
    assert '4 of 4 videos are missing' in err


def test_two_runs_do_not_write_to_one_folder(pointed, evaluate, tmp_path):
    path = predictions_file(tmp_path / 'said.jsonl', {'a_red cup': POINTS})
    words = ['--data', pointed, '--format', 'videopointeval', '--predictions', path]
    with lock(tmp_path / 'out'):
        code, _, err = evaluate(*words, '--out', tmp_path / 'out')
    assert code == 2
    assert 'another run is writing to this folder' in err
    assert [model.name for model in (tmp_path / 'out').iterdir()] == ['.lock']
    assert evaluate(*words, '--out', tmp_path / 'out')[0] == 0


def test_videos_may_lie_elsewhere(pointed, evaluate, tmp_path):
    for video in 'abcd':
        write_video(tmp_path / f'elsewhere/youtube/{video}_2fps.mp4')
    code, scores, _ = evaluate(
        '--data', pointed, '--format', 'videopointeval', '--json',
        '--media', tmp_path / 'elsewhere', backend=Oracle({'': POINTS}),
    )  # fmt: skip
    assert (code, scores['examples']) == (0, 4)


def test_example_at_which_the_model_fails_is_wrong_and_the_rest_goes_on(filmed, evaluate, tmp_path):
    def fail(clip, _):
        if clip.camera == 'b':
            raise BackendError('the GPU is gone')

    code, scores, _ = evaluate(
        '--data', filmed, '--format', 'videopointeval', '--json', '--out', tmp_path / 'out',
        backend=Oracle({'': POINTS}, fail),
    )  # fmt: skip
    assert (code, scores['unanswered'], scores['f1']) == (0, 1, 0.75)
    record = json.loads((tmp_path / 'out/results.json').read_text())
    assert record['models']['oracle']['examples'][1] | {
        'id': 'b_red cup', 'state': 'unanswered', 'why': 'the GPU is gone',
    } == record['models']['oracle']['examples'][1]  # fmt: skip


@pytest.mark.skipif(not browser.CHROMIUM, reason=browser.WHY_NOT)
def test_page_opens_with_the_frames_of_the_video(filmed, evaluate, tmp_path):
    (filmed / 'videos/b.mp4').unlink()
    code, _, _ = evaluate(
        '--data', filmed, '--format', 'videopointeval', '--html', tmp_path / 'page.html',
        backend=Oracle({'': HALF}),
    )  # fmt: skip
    assert code == 0
    with browser.browser(tmp_path / 'profile') as page:
        page.open(tmp_path / 'page.html')
        assert page.run('[...document.images].every(i => i.complete && i.naturalWidth > 0)')
        assert page.run('document.querySelectorAll("circle.hit").length') >= 1
        assert page.run('document.querySelectorAll("circle.miss").length') >= 1
        assert page.errors == []
        assert all(address.startswith(('file:', 'data:')) for address in page.requests)


def test_anomalies_are_pointed_to_and_scored_as_the_others(evaluate, tmp_path):
    record = pointeval('generated', label='visual artifacts', category='anomaly')
    write_lines(tmp_path / 'data/val.jsonl', [record, pointeval('b', category='object')])
    for video in ('generated', 'b'):
        write_video(tmp_path / f'data/{video}.mp4')
    answers = {'visual artifacts': '<points coords="1.5 1 125 208">', 'red cup': POINTS}
    _, scores, _ = evaluate(
        '--data', tmp_path / 'data', '--format', 'videopointeval', '--json',
        '--out', tmp_path / 'out', backend=Oracle(answers),
    )  # fmt: skip
    assert scores['recall'] == 0.75
    model = json.loads((tmp_path / 'out/results.json').read_text())['models']['oracle']
    assert list(model['categories']) == ['Objects', 'Visual artifacts/anomalies']
    row = model['categories']['Visual artifacts/anomalies']
    assert (row['precision'], row['recall']) == (1.0, 0.5)


def test_folder_of_frames_with_masks_is_tracked(evaluate, tmp_path):
    folder = tmp_path / 'davis'
    for k in range(12):
        frame = np.full((HEIGHT, WIDTH, 3), 20 * k, np.uint8)
        for place, suffix, pixels in (
            ('JPEGImages', 'jpg', frame),
            ('Annotations', 'png', square(4 + k, 6).astype(np.uint8)),
        ):
            path = folder / place / '480p' / 'goat' / f'{k:05d}.{suffix}'
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), pixels)
    words = {'videos': {'goat': {'expressions': {'0': {'exp': 'the goat', 'obj_id': '1'}}}}}
    (folder / 'meta_expressions.json').write_text(json.dumps(words))
    # At 6 fps, judged once a second: frames 0 and 6, the square's middle at (8, 10) and (14, 10).
    answer = '<tracks coords="0.0 1 125 208;1.0 1 219 208">the goat</tracks>'
    code, scores, _ = evaluate(
        '--data', folder, '--format', 'davis', '--json', backend=Oracle({'goat': answer})
    )
    assert code == 0
    assert (scores['f1'], scores['hota'], scores['examples']) == (1.0, 1.0, 1)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        pytest.param([], 'name one to ask', id='nobody to ask'),
        pytest.param(['--predictions', 'none.jsonl'], 'none.jsonl', id='no such file'),
        pytest.param(['--predictions', 'a', '--resume'], '--masks ask none', id='resume'),
        pytest.param(['--model', 'x', '--limit', '-1'], 'limit = -1', id='limit'),
        pytest.param(['--model', 'x', '--processes', '0'], 'processes = 0', id='processes'),
        pytest.param(['--model', 'x', '--out', 'data/out'], 'would be read as data', id='out'),
        pytest.param(['--model', 'x', '--media', 'nowhere'], 'is no folder', id='media'),
        pytest.param(['--model', 'x', '--format', 'coca'], 'videopointeval', id='format'),
        pytest.param(['--model', 'x', '--answer-format', 'gpt'], 'gemini', id='answer format'),
        pytest.param(['--model', 'x', '--data', 'none'], 'none', id='no data'),
        pytest.param(['--predictions', 'said.jsonl', '--published', 'ImageNet'], 'Ref-YT-VOS',
                     id='published of nothing'),
    ],
)  # fmt: skip
def test_bad_arguments_are_told_in_a_line(pointed, evaluate, tmp_path, arguments, message):
    predictions_file(tmp_path / 'said.jsonl', {})
    code, _, err = evaluate('--data', 'data', '--format', 'videopointeval', *arguments)
    assert code == 2
    assert err.startswith('molmo-ground: ')
    assert message in err
    assert len(err.splitlines()) == 1


def test_data_of_broken_records_alone_is_reported_and_no_success(evaluate, tmp_path):
    data = write_lines(tmp_path / 'data/val.jsonl', [pointeval('a', video_duration=0.0)])
    path = predictions_file(tmp_path / 'said.jsonl', {})
    code, scores, err = evaluate(
        '--data', data.parent, '--format', 'videopointeval', '--predictions', path, '--json'
    )
    assert (code, scores['examples'], scores['skipped']) == (2, 0, 1)
    assert 'no example could be scored' in err


def test_data_without_a_record_is_told(evaluate, tmp_path):
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data/val.json').write_text('[]')
    path = predictions_file(tmp_path / 'said.jsonl', {})
    options = '--data', 'data', '--format', 'videopointeval', '--predictions', path, '--json'
    code, _, err = evaluate(*options)
    assert code == 2
    assert 'holds no example' in err


def test_model_is_not_asked_where_every_record_is_broken(evaluate, tmp_path):
    data = write_lines(tmp_path / 'data/val.jsonl', [pointeval('a', video_duration=0.0)])
    oracle = Oracle({})
    code, scores, _ = evaluate(
        '--data', data.parent, '--format', 'videopointeval', '--json', backend=oracle
    )
    assert (code, scores['skipped'], scores['not_asked'], oracle.asked) == (2, 1, 0, [])


def test_many_examples_show_progress_and_only_some_of_many_broken_records_are_named(
    evaluate, tmp_path
):
    good = [counteval(f'v{k}') for k in range(MOST_COMPLAINTS + 150)]
    records = good + [counteval(f'b{k}', count=-1) for k in range(MOST_COMPLAINTS + 5)]
    data = write_lines(tmp_path / 'data/val.jsonl', records)
    path = predictions_file(tmp_path / 'said.jsonl', {f'v{k}_goat': '3' for k in range(len(good))})
    code, scores, err = evaluate(
        '--data', data.parent, '--format', 'videocounteval', '--predictions', path, '--json',
        '--processes', 2,
    )  # fmt: skip
    assert (code, scores['accuracy'], scores['skipped']) == (0, 1.0, MOST_COMPLAINTS + 5)
    assert err.count('skipped data') + err.count(f'skipped {data}') == MOST_COMPLAINTS
    assert 'skipped 5 more' in err
    assert 'scoring: done' in err


@pytest.mark.parametrize(
    ('model', 'row'),
    [
        ('http://gpu-box:8000/v1#allenai/Molmo2-4B', 'allenai/Molmo2-4B'),
        ('allenai/Molmo2-4B', 'Molmo2-4B'),
    ],
)
def test_predictions_of_one_model_carry_its_name(pointed, evaluate, tmp_path, model, row):
    path = predictions_file(tmp_path / 'said.jsonl', {'a_red cup': POINTS})
    options = '--data', pointed, '--format', 'videopointeval', '--predictions', path
    _, out, _ = evaluate(*options, '--model', model)
    assert out.splitlines()[5].startswith(f'{row} ')


def test_rows_of_one_name_are_told_apart(pointed, evaluate, tmp_path):
    path = predictions_file(tmp_path / 'said.jsonl', {'a_red cup': POINTS})
    _, scores, _ = evaluate(
        '--data', pointed, '--format', 'videopointeval', '--predictions', path,
        '--predictions', path, '--json',
    )  # fmt: skip
    assert list(scores) == [str(path), f'{path} (2)']


def test_nothing_is_published_of_the_training_data(evaluate, tmp_path):
    data = write_lines(tmp_path / 'data/val.jsonl', [track('t1')])
    path = predictions_file(tmp_path / 'said.jsonl', {'t1': TRACKS})
    options = '--data', data.parent, '--format', 'videotrack', '--predictions', path, '--published'
    code, _, err = evaluate(*options)
    assert code == 2
    assert 'Molmo2-VC' in err


def test_answers_of_other_models_are_read_in_their_own_format(evaluate, tmp_path):
    data = write_lines(tmp_path / 'data/val.jsonl', [pointeval('a')])
    text = json.dumps([
        {'time': 1.5, 'point_2d': [125, 208], 'label': 'cup'},
        {'time': 4.0, 'point_2d': [625, 417], 'label': 'cup'},
    ])  # fmt: skip
    path = predictions_file(tmp_path / 'said.jsonl', {'a_red cup': text})
    options = '--data', data.parent, '--format', 'videopointeval', '--predictions', path, '--json'
    _, scores, _ = evaluate(*options, '--answer-format', 'qwen3-vl')
    assert scores['f1'] == 1.0
    _, scores, _ = evaluate(*options)
    assert scores['f1'] == 0.0


def test_parity_follows_the_reference(evaluate, tmp_path):
    """An answer that was cut off is lost there, and a time off the grid is no hit."""
    data = write_lines(tmp_path / 'data/val.jsonl', [pointeval('a'), pointeval('b')])
    texts = {'a_red cup': POINTS.partition('">red')[0], 'b_red cup': POINTS.replace('4.0', '4.1')}
    options = '--data', data.parent, '--format', 'videopointeval', '--json'
    options = *options, '--predictions', predictions_file(tmp_path / 'said.jsonl', texts)
    _, scores, _ = evaluate(*options)
    assert scores['f1'] == 1.0
    _, scores, _ = evaluate(*options, '--parity')
    assert scores['f1'] == pytest.approx(0.25)


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """The bag that ships as a video, what is true of it, and its first stamp."""
    folder = tmp_path_factory.mktemp('tabletop')
    with open_recording([ROOT / 'examples/tabletop.mcap']) as recording:
        stamps = recording.stamps.tolist()
        code = cv2.VideoWriter_fourcc(*'mp4v')
        writer = cv2.VideoWriter(str(folder / 'bag.mp4'), code, 10, (640, 480))
        for stamp_ns in stamps:
            writer.write(image.decode(recording.message(stamp_ns).image)[..., ::-1])
        writer.release()
    return folder, BagTruth.beside(ROOT / 'examples/tabletop.mcap'), stamps[0]


def test_shipped_model_is_measured_on_the_bag_that_ships(bag, evaluate, tmp_path):
    pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")
    folder, truth, _ = bag
    records = [
        counteval(
            'bag', clip_start=0.0, clip_end=24.0, video_duration=24.1, label=f'grasp of {name}',
            question=f'How many times was the {name} grasped?',
            count=len(truth.moments('grasp', name)),
        )
        for name in ('red block', 'white dog', 'green block', 'blue block')
    ]  # fmt: skip
    write_lines(folder / 'val.jsonl', records)
    code, scores, _ = evaluate(
        '--data', folder, '--format', 'videocounteval', '--json', '--backend', 'onnx',
        '--model', ROOT / 'models/tabletop', '--threads', 1, '--out', tmp_path / 'out',
    )  # fmt: skip
    assert code == 0
    assert (scores['accuracy'], scores['examples']) == (1.0, 4)


def test_shipped_models_points_lie_on_what_was_asked_for(bag, evaluate):
    pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")
    folder, truth, first_ns = bag
    records = []
    for label, names in (
        ('purple ball', ('purple ball', 'purple ball 2')),
        ('dog', ('white dog',)),
    ):
        places = [truth.place(first_ns, name) for name in names]
        masks = [mask_of(square(int(x) - 24, int(y) - 24, 640, 480, 48)).rle() for x, y in places]
        record = pointeval(
            'bag', width=640, height=480, video_duration=24.1, label=label,
            two_fps_timestamps=[0.0] * len(places), points=[{'x': x, 'y': y} for x, y in places],
            masks=[[{'frame_id': k, 'rle': rle_} for k in (0, 1)] for rle_ in masks],
        )  # fmt: skip
        records.append(record)
    write_lines(folder / 'val.jsonl', records)
    code, scores, _ = evaluate(
        '--data', folder, '--format', 'videopointeval', '--json', '--backend', 'onnx',
        '--model', ROOT / 'models/tabletop', '--threads', 1,
    )  # fmt: skip
    assert code == 0
    assert (scores['f1'], scores['examples']) == (1.0, 2)


def test_tracks_get_j_and_f_from_the_masks_of_a_segmenter(evaluate, tmp_path):
    pytest.importorskip('torch', reason="needs pip install '.[transformers]'")
    pytest.importorskip('transformers', reason="needs pip install '.[transformers]'")
    from support.sam2_checkpoint import write_sam2

    folder = tmp_path / 'data'
    write_parquet(folder / 'test.parquet', [trackeval('t1'), trackeval('t2'), trackeval('t3')])
    write_video(folder / 'v_long_0_3.mp4', frames=4)
    path = predictions_file(tmp_path / 'said.jsonl', {'t1': TRACKS, 't2': 'There are none.'})
    code, scores, _ = evaluate(
        '--data', folder, '--format', 'videotrackeval', '--predictions', path, '--json',
        '--sam2', write_sam2(tmp_path / 'sam2'), '--device', 'cpu', '--out', tmp_path / 'out',
    )  # fmt: skip
    assert code == 0
    examples = json.loads((tmp_path / 'out/results.json').read_text())['models']['said']['examples']
    tracked, nothing, silent = (model['scores'] for model in examples)
    assert 0 < tracked['j'] < 1  # weights are random: a mask there is, but not a good one
    assert tracked['j_and_f'] == pytest.approx((tracked['j'] + tracked['f']) / 2)
    assert (nothing['j'], silent['j_and_f']) == (0.0, 0.0)
    assert scores['j'] == pytest.approx(tracked['j'] / 3)
