# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers judged against a made-up film: two things, one of which is pushed and one vanishes."""

from types import SimpleNamespace

import numpy as np
import pytest
from support import truths

from tools.tabletop import evaluate, scoring
from tools.tabletop.footage import Footage
from tools.tabletop.questions.clip import Clip, Spot
from tools.tabletop.questions.draw import Asked
from tools.tabletop.questions.replies import NONE
from tools.tabletop.truth import CELL_EMPTY, Event, Thing

CUP, BALL = 0, 1
PLACES = {CUP: (160, 120), BALL: (480, 360)}  # pixels


@pytest.fixture(scope='module')
def footage() -> Footage:
    things = (Thing('cup', 'red', 'small'), Thing('ball', 'blue', 'large'))
    points = np.broadcast_to([(0.25, 0.25), (0.75, 0.75)], (8, 2, 2)).copy()
    points[4:, BALL] = np.nan
    events = (Event('push', CUP, -1, 0.9, 1.0, 1.4), Event('vanish', BALL, -1, 2.0, 2.0, 2.0))
    labels = np.full((8, 480, 640), CELL_EMPTY, np.uint8)
    for thing, (x, y) in PLACES.items():
        labels[: 4 if thing == BALL else 8, y - 20 : y + 20, x - 20 : x + 20] = thing
    return Footage(truths.truth(things, points, events), (b'',) * 8, labels)


@pytest.fixture(scope='module')
def clip(footage: Footage) -> Clip:
    return Clip(footage.truth, np.arange(8))


def asked(category: str, spots: tuple[Spot, ...] = (), **more) -> Asked:
    values = {'task': 'point', 'question': 'q', 'reply': '', 'form': 'f', 'unseen': False}
    return Asked(**(values | {'category': category, 'spots': spots} | more))


CUP_SPOT = Spot(2, CUP, 0.25, 0.25)


@pytest.mark.parametrize(
    ('category', 'said', 'hits'),
    [
        pytest.param('object', [(7, 165.0, 125.0)], 1, id='a thing may be shown at any time'),
        pytest.param('object', [(2, 200.0, 125.0)], 0, id='beside it'),
        pytest.param('object', [(2, 160.0, 120.0)] * 2, 1, id='twice is once'),
        pytest.param('action_or_event', [(3, 160.0, 120.0)], 1, id='an event half a second late'),
        pytest.param('action_or_event', [(4, 160.0, 120.0)], 0, id='an event a second late'),
        pytest.param('indirect reference', [(5, 160.0, 120.0)], 1, id='within 1.5 s'),
        pytest.param('indirect reference', [(6, 160.0, 120.0)], 0, id='beyond 1.5 s'),
    ],
)
def test_points_are_right_on_their_thing_in_time(
    footage: Footage, clip: Clip, category: str, said: list, hits: int
) -> None:
    tally = scoring.score_points(footage, clip, asked(category, (CUP_SPOT,)), said)
    assert tally == scoring.Tally(hits, len(said), 1)


def test_what_vanished_is_pointed_to_where_it_was(footage: Footage, clip: Clip) -> None:
    (vanished,) = (h.spot for h in clip.happenings if h.kind == 'vanish')
    question = asked('anomaly', (vanished,))
    assert scoring.score_points(footage, clip, question, [(4, 485.0, 355.0)]).hits == 1
    assert scoring.score_points(footage, clip, question, [(4, 400.0, 355.0)]).hits == 0


def test_tracks_count_each_thing_in_each_frame(footage: Footage, clip: Clip) -> None:
    question = asked('object', task='track', things=(CUP, BALL))
    whole = [(1, (f, 160.0, 120.0)) for f in range(8)] + [(2, (f, 480.0, 360.0)) for f in range(4)]
    perfect = scoring.score_tracks(footage, clip, question, whole)
    assert perfect.tally == scoring.Tally(12, 12, 12)
    assert perfect.hota == pytest.approx(1.0)
    half = scoring.score_tracks(footage, clip, question, whole[:8])
    assert half.tally == scoring.Tally(8, 8, 12)
    assert half.hota == pytest.approx((8 / 12) ** 0.5)


def test_an_answer_is_graded_in_its_groups(footage: Footage, clip: Clip) -> None:
    def answer(**values):
        return SimpleNamespace(**({'points': (), 'tracks': (), 'count': None, 'text': ''} | values))

    none = asked('animal', reply=NONE, task='count', unseen=True)
    sums = evaluate.judge(footage, clip, none, answer(count=0))
    assert (sums.mean('none'), sums.mean('count'), sums.f1('unseen')) == (1.0, 1.0, 1.0)
    broken = evaluate.judge(footage, clip, none, answer(text='<points coords="1.5 1.'))
    assert broken.mean('none') == 0.0
    text = asked('held', task='text', reply='The red cup.')
    assert evaluate.judge(footage, clip, text, answer(text='the red cup')).mean('text') == 1.0
    point = SimpleNamespace(stamp_ns=evaluate.stamps_of(footage)[2], x=160.0, y=120.0)
    cup = asked('object', (CUP_SPOT,), reply='<points', task='count')
    sums = evaluate.judge(footage, clip, cup, answer(points=(point,), count=1))
    report = evaluate.figures(1, sums)
    assert report['categories']['object'] == report['point_f1'] == 1.0
    assert report['count_accuracy_nonzero'] == 1.0


def test_half_of_the_questions_are_in_forms_never_trained(clip: Clip) -> None:
    made = [evaluate.questions_of(clip, np.random.default_rng(seed)) for seed in range(12)]
    unseen = [question.unseen for questions in made for question in questions]
    assert 0.3 < np.mean(unseen) < 0.7
