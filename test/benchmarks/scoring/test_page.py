# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import base64
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from support import browser
from support.dataset_records import HEIGHT, WIDTH
from support.disk import room_for
from support.evaluations import (
    POINTS_HALF,
    POINTS_RIGHT,
    TRACKS_RIGHT,
    count_example,
    image_example,
    mask,
    point_example,
    track_example,
)
from support.findings import NASTY

from molmo_ground_ros.benchmarks.datasets.examples import Media, PointTruth, Tubelet
from molmo_ground_ros.benchmarks.scoring.answer_points import AnswerPoint, answer_points
from molmo_ground_ros.benchmarks.scoring.drawing import MOST_FRAMES, drawn_frames, figure, paint
from molmo_ground_ros.benchmarks.scoring.evaluation import Evaluation
from molmo_ground_ros.benchmarks.scoring.page import MOST_SKIPPED, MOST_TEXT, write_page
from molmo_ground_ros.benchmarks.scoring.predictions import Prediction, Predictions
from molmo_ground_ros.benchmarks.scoring.result import result_of
from molmo_ground_ros.benchmarks.scoring.result_tables import notes, tables
from molmo_ground_ros.benchmarks.scoring.score import Rules, example_result
from molmo_ground_ros.benchmarks.scoring.worst_and_best import WorstAndBest
from molmo_ground_ros.errors import BadRecord, NoFrames
from molmo_ground_ros.language.grammar import format_tracks, parse

SKIPPED = BadRecord('data.jsonl', 3, 'count = -1: is below 0')


def picture(example, seconds):
    """A picture of the example's size, as bright as the time is late."""
    if example.id == 'missing':
        raise NoFrames('video of missing', 'no such file')
    size = example.height or HEIGHT, example.width or WIDTH, 3
    return np.full(size, min(20 + 20 * seconds, 255), np.uint8)


def evaluated(name, pairs):
    """(result, extremes) of (example, text) pairs."""
    answers = Predictions(
        name, {one.id: Prediction(text) for one, text in pairs if text is not None}
    )
    outcomes = [example_result(one, answers.to(one.id), Rules()) for one, _ in pairs]
    extremes = WorstAndBest()
    for (one, _), found in zip(pairs, outcomes, strict=True):
        extremes.add(one, found)
    return result_of(answers, outcomes, []), extremes


def write(path, *models, title='videopointeval', about=None, skipped=(SKIPPED,)):
    results, extremes = zip(*models, strict=True)
    found = Evaluation(results, extremes, skipped)
    shown, lines = tables(title, results), notes(results, [SKIPPED], Rules())
    write_page(title, about or {'data': 'somewhere'}, found, shown, lines, Rules(), picture, path)
    return path


def mixed():
    return [
        (point_example('right'), POINTS_RIGHT),
        (point_example('half', category='anomaly'), POINTS_HALF),
        (point_example('missing'), POINTS_HALF),
        (point_example('silent'), None),
        (track_example('tracks'), TRACKS_RIGHT),
        (image_example('image'), '<points coords="1 1 125 208">e</points>'),
        (count_example(name='count'), '3'),
    ]


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp('page')
    return write(folder / 'out.html', evaluated('one', mixed()), evaluated('two', mixed()[:3]))


@pytest.fixture(scope='module')
def shown(page, tmp_path_factory):
    if not browser.CHROMIUM:
        pytest.skip(browser.WHY_NOT)
    with browser.browser(tmp_path_factory.mktemp('profile')) as opened:
        opened.open(page)
        yield opened


def test_page_asks_nothing_of_any_network_and_runs_no_script(page, shown):
    assert all(address.startswith(('file:', 'data:')) for address in shown.requests)
    assert shown.errors == []
    assert '<script' not in page.read_text()
    assert "script-src 'none'" in page.read_text()


def test_tables_stand_on_the_page(shown):
    headings = shown.run('[...document.querySelectorAll(".tables h3")].map(h => h.textContent)')
    assert headings == ['videopointeval', 'one by category', 'two by category']
    row = 'document.querySelector(".tables tbody tr")'
    assert shown.run(f'[...{row}.cells].slice(0, 2).map(c => c.textContent)') == ['one', '7']


def test_pictures_are_decoded_and_points_lie_where_they_were_said(shown):
    assert shown.run('[...document.images].every(i => i.complete && i.naturalWidth > 0)')
    ring = shown.run(
        '(() => { const all = [...document.querySelectorAll(".example")];'
        'const one = all.find(e => e.textContent.includes("id right"));'
        'const frame = one.querySelector(".frame").getBoundingClientRect();'
        'const spot = one.querySelector("circle.hit").getBoundingClientRect();'
        'return [(spot.x + spot.width / 2 - frame.x) / frame.width,'
        '(spot.y + spot.height / 2 - frame.y) / frame.height]; })()'
    )
    assert ring == pytest.approx([0.125, 0.208], abs=0.01)


def test_nothing_is_wider_than_the_window(shown):
    assert shown.run('document.documentElement.scrollWidth <= window.innerWidth')


def test_missing_picture_is_told_and_its_masks_are_drawn_on_grey(page):
    text = page.read_text()
    assert 'no picture: no frames of camera &#39;video of missing&#39;: no such file' in text
    strip = text.split('id missing')[1].split('</figure>')[0]
    data = base64.b64decode(re.search(r'base64,([^"]+)', strip)[1])
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(image[-1, -1].astype(int) - 112).max() < 6
    assert np.ptp(image[10, 8].astype(int)) > 20  # the mask's colour


def test_what_is_unanswered_and_skipped_is_told(page):
    text = page.read_text()
    assert 'unanswered: there is no prediction for it' in text
    assert 'data.jsonl:3: count = -1: is below 0' in text


def test_texts_that_try_to_be_more_stay_texts(tmp_path):
    pairs = [
        (replace(point_example('e'), id=NASTY, query=NASTY, category=NASTY), POINTS_HALF + NASTY)
    ]
    text = write(
        tmp_path / 'out.html', evaluated(NASTY, pairs), title=NASTY, about={NASTY: NASTY}
    ).read_text()
    assert '<script' not in text.lower()
    assert 'onerror=' not in re.sub(r'>[^<]*<', '><', text)


def test_page_of_an_interrupted_run_says_so_and_names_only_some_of_many_broken_records(tmp_path):
    (result, extremes) = evaluated('one', mixed())
    skipped = (SKIPPED,) * (MOST_SKIPPED + 7)
    model = replace(result, complete=False), extremes
    text = write(tmp_path / 'out.html', model, skipped=skipped).read_text()
    assert 'The run was interrupted' in text
    assert text.count('data.jsonl:3') == MOST_SKIPPED
    assert 'and 7 more' in text


def test_answer_that_was_cut_off_and_a_part_of_a_video_are_told(tmp_path):
    clip = Media('v', start_s=10.0, end_s=40.5)
    example = count_example(name='e', media=clip)
    answers = Predictions('m', {'e': Prediction('x' * 5000, True)})
    found = example_result(example, answers.to('e'), Rules())
    extremes = WorstAndBest()
    extremes.add(example, found)
    text = write(tmp_path / 'out.html', (result_of(answers, [found], []), extremes)).read_text()
    assert 'v, 10 s to 40.5 s' in text
    assert 'cut off by the limit of tokens' in text
    assert f'{"x" * MOST_TEXT}\u2026' in text
    assert 'x' * (MOST_TEXT + 1) not in text


def kinds_of_rings(example, point):
    frames = drawn_frames(example, [point])
    drawn = [figure(example, frame, picture) for frame in frames]
    return [ring.kind for one in drawn for ring in one.rings]


def test_points_of_data_without_masks_are_neither_hit_nor_miss():
    assert kinds_of_rings(count_example(), AnswerPoint(1.0, 1, 0.5, 0.5)) == ['said']
    assert kinds_of_rings(point_example(), AnswerPoint(1.5, 1, 0.9, 0.9)) == ['miss']


def test_object_without_a_point_is_drawn_at_the_times_of_its_masks():
    truth = PointTruth((Tubelet((), {2.0: mask(4, 6), 2.5: mask(5, 6)}),))
    assert [frame.seconds for frame in drawn_frames(replace(point_example(), truth=truth), [])] == [
        2.0,
        2.5,
    ]


def test_page_without_any_score_has_its_tables(tmp_path):
    answers = Predictions('m', {}, complete=False)
    found = [example_result(one, answers.to(one.id), Rules()) for one, _ in mixed()]
    text = write(tmp_path / 'out.html', (result_of(answers, found, []), WorstAndBest())).read_text()
    assert 'class="histogram"' not in text
    assert '7 not asked' in text


def test_disk_that_fills_leaves_the_older_page(tmp_path):
    path = tmp_path / 'out.html'
    path.write_text('older')
    with room_for(4000), pytest.raises(OSError, match='too large'):
        write(path, evaluated('one', mixed()))
    assert path.read_text() == 'older'


def test_histogram_says_how_many_in_each_tenth(page):
    label = re.search(r'class="histogram" role="img" aria-label="([^"]+)"', page.read_text())[1]
    # Half of two objects is f1 0.5; one point of a picture's two f1 2/3; the count is right.
    assert label == '0.0 to 0.1: 1, 0.5 to 0.6: 2, 0.6 to 0.7: 1, 0.9 to 1.0: 3'


def test_at_most_a_few_frames_are_drawn_evenly_spaced():
    rows = [(float(k), 1, 0.1, 0.1) for k in range(20)]
    example = track_example(fps=2.0)
    times = [
        frame.seconds
        for frame in drawn_frames(example, answer_points(parse(format_tracks(rows, 'e'))))
    ]
    assert len(times) == MOST_FRAMES
    assert (times[0], times[-1]) == (0.0, 19.0)


def test_frame_holds_the_masks_and_points_of_its_time():
    (first, second) = drawn_frames(
        point_example(), [AnswerPoint(1.5, 1, 0.125, 0.2), AnswerPoint(4.0, 2, 0.6, 0.4)]
    )
    assert [number for number, _ in first.masks] == [1]
    assert first.points == ((1, 8.0, 10.0),)
    assert [spot.id for spot in first.answer] == [1]
    assert [number for number, _ in second.masks] == [2]


def test_example_without_any_place_says_so(tmp_path):
    path = write(tmp_path / 'out.html', evaluated('one', [(count_example(), '3')]))
    assert 'points anywhere' in path.read_text()


def test_mask_of_another_size_is_fitted_to_the_picture():
    small = paint(np.zeros((960, 1280, 3), np.uint8), [(1, mask(4, 6))])
    assert small.shape == (360, 480, 3)
    inside = small[int(10 / HEIGHT * 360), int(8 / WIDTH * 480)]
    assert inside.any()
    assert not small[-1, -1].any()
