# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from support import truths

from molmo_ground_ros.benchmarks.datasets import queries
from molmo_ground_ros.language.grammar import parse
from molmo_ground_ros.language.prompts import question_of
from molmo_ground_ros.types import Query, Task
from tools.tabletop.questions import draw, referents, replies, texts, wordings
from tools.tabletop.questions.clip import THE_GRIPPER, Clip, Spec
from tools.tabletop.truth import Event, Thing

TASKS = {'point': Task.POINT, 'count': Task.COUNT, 'track': Task.TRACK, 'text': Task.TEXT}
RED_BLOCK, BLUE_CUP, BLUE_BALL = 0, 1, 2


@pytest.fixture(scope='module')
def clip() -> Clip:
    """A red block left of a small blue cup left of a large blue ball; the block is grasped."""
    things = (
        Thing('block', 'red', 'medium'),
        Thing('cup', 'blue', 'small'),
        Thing('ball', 'blue', 'large'),
    )
    events = (
        Event('grasp', RED_BLOCK, -1, 0.6, 0.9, 1.0),
        Event('drop', RED_BLOCK, -1, 2.0, 2.1, 2.2),
        Event('push', BLUE_BALL, -1, 2.5, 2.9, 3.0),
    )
    held = np.array([-1, -1, 0, 0, 0, -1, -1, -1], np.int8)
    places = [(0.1, 0.5), (0.5, 0.5), (0.9, 0.5)]
    truth = truths.truth(things, places, events, held=held)
    return Clip(truth, np.arange(8))


def made(maker, clip: Clip, label: str):
    """The referent of a label, drawn until it comes."""
    rng = np.random.default_rng(0)
    for _ in range(6000):
        referent = maker(clip, rng)
        if referent is not None and referent.label == label:
            return referent
    raise AssertionError(f'{label} never came')


def test_the_grammar_has_two_thousand_forms_and_a_third_is_never_trained():
    everything = {(task, form) for task in wordings.tasks() for form in wordings.forms(task)}
    kept = {(task, form) for task, form in everything if wordings.is_unseen(task, form)}
    assert len(everything) >= 2000
    assert len(kept) >= len(everything) / 3
    trained = {(task, form) for task in wordings.tasks() for form in wordings.trained(task)}
    assert not trained & kept


def test_wordings_of_the_benchmarks_are_trained():
    counts = wordings.trained('count')
    assert queries.count('{l}') in counts
    tracks = {queries.track('LABEL', 7, index) for index in range(200)}
    forms = {f.replace('{l}', 'LABEL').replace('{fps}', '7') for f in wordings.trained('track')}
    assert tracks <= forms
    assert len(tracks) == 10


@pytest.mark.parametrize('seed', range(6))
def test_every_answer_reads_back_as_its_truth(seed: int):
    clip = Clip(truths.random_truth(seed), np.arange(24))
    for asked in draw.draw(clip, 30, np.random.default_rng(seed), tracks=0.2):
        parsed = parse(asked.reply)
        assert not parsed.rejections
        if asked.task in ('point', 'count'):
            spots = sorted((clip.times[s.frame], s.x) for s in asked.spots)
            points = sorted((p.time, p.x) for p in parsed.points)
            np.testing.assert_allclose(points, spots, atol=0.0011)
            assert parsed.none == (not asked.spots)
        if asked.task == 'count' and asked.spots:
            assert parsed.count == len(asked.spots)
        if asked.task == 'track':
            ids = {p.id for p in parsed.tracks}
            assert ids == set(range(1, len(ids) + 1))


@pytest.mark.parametrize('task', ['point', 'count', 'track'])
def test_the_package_takes_a_question_for_what_it_is(task: str):
    clip = Clip(truths.random_truth(3), np.arange(24))
    rng = np.random.default_rng(1)
    asked = [q for q in draw.draw(clip, 60, rng, tracks=0.3) if q.task == task]
    same = [question_of(Query(question.question)).task == TASKS[task] for question in asked]
    assert np.mean(same) > 0.9


def test_a_grasp_is_pointed_to_in_the_first_frame_from_its_moment(clip: Clip):
    grasp = made(referents.events, clip, 'grasp of the red block')
    assert replies.points(clip, grasp.spots, grasp.label) == (
        '<points coords="1.0 1 100 500">grasp of the red block</points>'
    )


@pytest.mark.parametrize(
    ('maker', 'label', 'thing'),
    [
        pytest.param(referents.ordinals, 'second object from the left', BLUE_CUP, id='ordinal'),
        pytest.param(referents.comparative, 'larger object', None, id='of three none is larger'),
        pytest.param(referents.comparative, 'largest object', BLUE_BALL, id='largest'),
        pytest.param(referents.indirect, 'what the gripper is holding', RED_BLOCK, id='held'),
        pytest.param(referents.indirect, 'object that was pushed', BLUE_BALL, id='pushed'),
        pytest.param(
            referents.spatial,
            'object to the right of the blue cup at the end',
            BLUE_BALL,
            id='right',
        ),
    ],
)
def test_an_expression_means_one_thing(clip: Clip, maker, label: str, thing: int | None):
    if thing is None:
        with pytest.raises(AssertionError, match='never came'):
            made(maker, clip, label)
    else:
        assert [spot.thing for spot in made(maker, clip, label).spots] == [thing]


def test_an_ambiguous_expression_is_not_made():
    things = (Thing('cup', 'blue', 'small'), Thing('cup', 'blue', 'small'))
    near = Clip(truths.truth(things, [(0.50, 0.5), (0.51, 0.5)]), np.arange(8))
    rng = np.random.default_rng(0)
    assert all(referents.ordinals(near, rng) is None for _ in range(50))
    assert all(referents.comparative(near, rng) is None for _ in range(50))
    assert referents.unique_spec(near, 0, rng) is None


def test_what_is_half_hidden_is_not_asked_about():
    things = (Thing('cup', 'blue', 'small'),)
    hidden = np.full((8, 1), 0.2, np.float32)
    clip = Clip(truths.truth(things, [(0.5, 0.5)], visible=hidden), np.arange(8))
    assert Spec('cup').clear(clip) is None
    assert Spec('ball').clear(clip) == []


@pytest.mark.parametrize(
    ('kind', 'reply'),
    [
        ('did_any', {'Yes.', 'No.'}),
        ('colour_first', {'Red.', 'Blue.', 'Nothing.'}),
        ('what_first', {'The red block.', 'The blue ball.', 'Nothing.'}),
        ('describe', {('The gripper grasps the red block, then drops the red block, '
                      'then pushes the blue ball.')}),
        ('held', {'Nothing.'}),
        ('stray', {texts.OUTSIDE}),
    ],
)  # fmt: skip
def test_texts_say_what_happens(clip: Clip, kind: str, reply: set[str]):
    rng = np.random.default_rng(0)
    said = {asked.reply for _ in range(60) if (asked := draw.ask_text(clip, kind, rng))}
    assert said == reply


def test_where_the_gripper_is_has_one_point(clip: Clip):
    gripper = referents.gripper(clip, np.random.default_rng(0))
    assert gripper is not None
    assert [(spot.thing, spot.frame) for spot in gripper.spots] == [(THE_GRIPPER, 0)]


def test_a_track_follows_things_by_their_first_appearance(clip: Clip):
    text = replies.tracks(clip, (BLUE_BALL, RED_BLOCK), 1, 'things')
    assert text.startswith('<tracks coords="0.0 1 100 500 2 900 500;1.0 1 100 500 2 900 500;2.0')


@pytest.mark.parametrize(
    ('task', 'fills', 'question'),
    [
        ('point', {'the': 'the gripper'}, 'Where is the gripper?'),
        ('did_any', {'hand': 'robot', 'b': 'drop'}, 'Did the robot drop anything?'),
        ('describe', {}, 'Describe the video'),
        ('colour_first', {'v': 'grasped', 'order': 'first'}, 'What colour was grasped first?'),
        ('held', {'hand': 'gripper'}, 'What is the gripper holding?'),
        (
            'event_count',
            {'the': 'the red block', 'v': 'grasped'},
            'How many times was the red block grasped?',
        ),
    ],
)
def test_what_a_newcomer_types_is_among_the_forms(task: str, fills: dict, question: str):
    assert question in {draw.fill(form, fills) for form in wordings.forms(task)}
