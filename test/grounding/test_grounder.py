# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clips import make_clip, stamp

from molmo_ground_ros.backends.replay import RecordedAnswer, ReplayBackend
from molmo_ground_ros.errors import BadQuestion, BadSetting, Canceled, NoFrames
from molmo_ground_ros.grounding.grounder import Grounder, Progress
from molmo_ground_ros.types import Answer, Clip, Query, Task

GRASPS = (
    'Counting the <points coords="0.5 1 500 250;3.0 2 100 1000">grasp of the red block</points> '
    'shows a total of 2.'
)
COUNT = 'How many times was the red block grasped?'


def ask(
    text: str, question: str = COUNT, clip: Clip | None = None, task: Task = Task.AUTO
) -> Answer:
    """The answer made of `text`."""
    backend = ReplayBackend([text])
    return Grounder(backend).ground(clip or make_clip(), Query(question, task))


def test_point_carries_the_stamp_and_frame_id_of_its_very_frame() -> None:
    first, second = ask(GRASPS).points
    assert (first.stamp_ns, first.frame_id) == (stamp(0.5) + 1000, 'optical')
    assert second.stamp_ns == stamp(3.0) + 6000


def test_pixels_are_of_the_source_image() -> None:
    first, second = ask(GRASPS).points
    assert (first.x, first.y) == (320.0, 120.0)
    assert (second.x, second.y) == (64.0, 480.0)


def test_count_is_what_the_model_states_even_where_the_points_disagree() -> None:
    answer = ask(GRASPS.replace('total of 2', 'total of 7'))
    assert answer.count == 7
    assert len(answer.points) == 2


@pytest.mark.parametrize(
    ('text', 'count', 'refused'),
    [
        pytest.param('There are none.', 0, False, id='none is a count of 0'),
        pytest.param('The robot is idle.', None, False, id='plain words state no total'),
        pytest.param("Sorry, I can't count grasps.", None, True, id='a refusal is no count'),
        pytest.param(GRASPS, 2, False, id='a stated total'),
    ],
)
def test_none_total_and_refusal_are_told_apart(text: str, count: int | None, refused: bool) -> None:
    answer = ask(text)
    assert (answer.count, answer.refused) == (count, refused)


def test_envelope_tells_question_window_and_frames() -> None:
    clip = make_clip(4)
    answer = ask(GRASPS, clip=clip)
    assert answer.query.text == COUNT
    assert answer.task is Task.COUNT
    assert answer.label == 'grasp of the red block'
    assert (answer.camera, answer.frame_id) == ('front', 'optical')
    assert (answer.start_ns, answer.end_ns) == (clip.start_ns, clip.end_ns)
    assert answer.newest_ns == clip.frames[-1].stamp_ns
    assert (answer.image_width, answer.image_height) == (640, 480)
    assert (answer.frames_used, answer.frames_expected) == (4, 4)
    assert answer.model == 'replay'


def test_time_of_no_frame_is_rejected_with_its_text() -> None:
    answer = ask('<points coords="0.5 1 500 250;30.0 2 100 100">x</points>')
    assert [point.id for point in answer.points] == [1]
    assert [r.reason for r in answer.rejected] == ['no such frame']
    assert '30.0 2 100 100' in answer.rejected[0].text


def test_time_between_frames_takes_the_nearest() -> None:
    (point,) = ask('<points coords="0.6 1 500 250">x</points>').points
    assert point.stamp_ns == stamp(0.5) + 1000


def test_tracks_are_grouped_by_identity_and_ascend_in_time() -> None:
    text = '<tracks coords="1.0 1 300 300;0.0 1 100 100 2 900 900;0.5 2 800 800">blocks</tracks>'
    answer = ask(text, 'Track the blocks')
    assert answer.task is Task.TRACK
    assert answer.points == ()
    assert [(t.id, t.label, len(t.points)) for t in answer.tracks] == [
        (1, 'blocks', 2),
        (2, 'blocks', 2),
    ]
    for track in answer.tracks:
        stamps = [point.stamp_ns for point in track.points]
        assert stamps == sorted(stamps)
        assert {point.id for point in track.points} == {track.id}


def test_articles_points_blocks_become_tracks_when_tracking_was_asked() -> None:
    text = (
        '<points coords="t^1 1 0.45 0.32 t^2 1 0.48 0.35">red car</points>\n'
        '<points coords="t^1 2 0.62 0.55 t^2 2 0.65 0.57">blue car</points>'
    )
    answer = ask(text, 'Track the cars')
    assert [(t.id, t.label) for t in answer.tracks] == [(1, 'red car'), (2, 'blue car')]
    assert answer.tracks[0].points[1].stamp_ns == stamp(0.5) + 1000
    assert answer.tracks[0].points[0].x == pytest.approx(0.45 * 640)


def test_frame_index_outside_the_clip_is_rejected() -> None:
    answer = ask('<points coords="t^9 1 0.45 0.32">x</points>', clip=make_clip(8))
    assert answer.points == ()
    assert [r.reason for r in answer.rejected] == ['no such frame']


def test_ids_of_two_blocks_never_collide() -> None:
    text = '<points coords="0.0 1 100 100">a</points><points coords="0.0 1 200 200">b</points>'
    assert [point.id for point in ask(text, 'Point to all').points] == [1, 2]


def test_two_times_on_one_frame_keep_one_point_an_id() -> None:
    text = '<tracks coords="0.5 1 100 100;0.6 1 200 200">a</tracks>'
    answer = ask(text, 'Track a')
    assert len(answer.tracks[0].points) == 1
    assert 'same frame' in answer.rejected[-1].reason


def test_scores_come_from_the_tokens_and_are_nan_without() -> None:
    backend = ReplayBackend([RecordedAnswer(GRASPS, logprobs=(-0.1,)), GRASPS])
    grounder = Grounder(backend)
    known = grounder.ground(make_clip(), Query(COUNT)).points[0].score
    assert 0.0 < known < 1.0
    assert math.isnan(grounder.ground(make_clip(), Query(COUNT)).points[0].score)


def test_free_question_reaches_the_model_as_asked() -> None:
    backend = ReplayBackend(['yes'])
    Grounder(backend).ground(make_clip(), Query('  Is the gripper holding anything?  '))
    assert backend.prompts == ['Is the gripper holding anything?']


def test_token_limit_marks_the_answer_truncated_and_keeps_whole_points() -> None:
    backend = ReplayBackend([GRASPS])
    answer = Grounder(backend, max_new_tokens=30).ground(make_clip(), Query(COUNT))
    assert answer.truncated
    assert answer.count is None
    assert [point.id for point in answer.points] == [1]


def test_progress_brings_points_before_the_answer_is_whole() -> None:
    seen: list[Progress] = []

    def watch(progress: Progress) -> bool:
        seen.append(progress)
        return True

    Grounder(ReplayBackend([GRASPS])).ground(make_clip(), Query(COUNT), watch)
    counts = [len(progress.points) for progress in seen]
    assert counts == sorted(counts)
    assert 1 in counts and counts[-1] == 2
    assert seen[-1].tokens == len(seen)


def test_progress_that_returns_false_ends_the_answer_at_that_token() -> None:
    tokens: list[int] = []

    def three(progress: Progress) -> bool:
        tokens.append(progress.tokens)
        return progress.tokens < 3

    with pytest.raises(Canceled):
        Grounder(ReplayBackend([GRASPS])).ground(make_clip(), Query(COUNT), three)
    assert tokens == [1, 2, 3]


def ground_all(grounder: Grounder, queries: Sequence[Query]) -> list[Answer]:
    return grounder.ground_all(make_clip(), [grounder.question(query) for query in queries])


def test_several_questions_are_answered_as_each_alone() -> None:
    tracks = '<tracks coords="0.0 1 100 100;0.5 1 500 500">cup</tracks>'
    said = {COUNT: GRASPS, 'Track the cup': tracks, 'How many cups?': 'There are none.'}
    queries = [Query(text) for text in said]
    script = [RecordedAnswer(answer, match=question) for question, answer in said.items()]
    backend = ReplayBackend(script)
    together = ground_all(Grounder(backend), queries)
    alone = [Grounder(ReplayBackend(script)).ground(make_clip(), query) for query in queries]
    assert [dataclasses.replace(answer, latency_ns=0) for answer in together] == [
        dataclasses.replace(answer, latency_ns=0) for answer in alone
    ]
    assert [answer.count for answer in together] == [2, None, 0]


class Counted(ReplayBackend):
    """Notes the prompts and the limit of every call."""

    def generate(self, clip, prompts, options, on_text):
        self.calls = [*getattr(self, 'calls', []), (len(prompts), options.max_new_tokens)]
        return super().generate(clip, prompts, options, on_text)


def test_questions_with_one_limit_are_one_call_of_the_backend() -> None:
    queries = [Query(COUNT), Query('Track the cup'), Query('How many cups?')]
    backend = Counted(['There are none.'], repeat=True)
    ground_all(Grounder(backend), queries)
    assert backend.calls == [(2, 2048), (1, 4096)]
    backend.calls = []
    ground_all(Grounder(backend, max_new_tokens=9), queries)
    assert backend.calls == [(3, 9)]


def test_no_question_is_no_answer() -> None:
    assert Grounder(ReplayBackend([])).ground_all(make_clip(), []) == []


def test_empty_clip_and_empty_question_are_refused() -> None:
    with pytest.raises(NoFrames, match='front'):
        ask(GRASPS, clip=make_clip(0))
    with pytest.raises(BadQuestion, match='empty'):
        ask(GRASPS, question='   ')


def test_row_without_a_time_needs_a_clip_of_one_frame() -> None:
    text = '<points coords="1 1 0.45 0.32">x</points>'
    assert len(ask(text, clip=make_clip(1)).points) == 1


def test_ids_stay_within_a_message_field_whatever_the_model_writes() -> None:
    block = '<points coords="0.0 999999999 100 100;0.5 7 100 200">a</points>'
    ids = [point.id for point in ask(block * 20, 'Point to all').points]
    assert len(set(ids)) == 40
    assert max(ids) < 2**31


PIECES = st.sampled_from(
    ['<points coords="', '<tracks coords="', '">', 'x</points>', '</tracks>', ';', '\t', ' ', '0.5',
     '1', '2', '500', '1000', '99', '0.45', 't^2', '-3', 'There are none.', ' shows a total of 2.',
     '99999999999999999999', 'é', '\x00', '"']
)  # fmt: skip


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map(''.join)))
def test_whatever_the_model_writes_becomes_an_answer_about_the_clip(text: str) -> None:
    clip = make_clip(4)
    stamps = {frame.stamp_ns for frame in clip.frames}
    answer = ask(text, clip=clip)
    points = [*answer.points, *(point for track in answer.tracks for point in track.points)]
    for point in points:
        assert point.stamp_ns in stamps
        assert 0 <= point.x <= 640
        assert 0 <= point.y <= 480
        assert 0 <= point.id < 2**31
    keys = [(point.stamp_ns, point.id) for point in answer.points]
    assert len(set(keys)) == len(keys)


QWEN_TRACK = (
    '```json\n[{"time": 0.5, "bbox_2d": [400, 200, 600, 300], "label": "red block"},'
    ' {"time": 1.0, "bbox_2d": [410, 200, 610, 300], "label": "red block"}]\n```'
)


def test_another_models_answers_are_asked_for_and_read_in_its_own_format() -> None:
    backend = ReplayBackend([QWEN_TRACK])
    answer = Grounder(backend, answer_format='qwen3-vl').ground(
        make_clip(), Query('Track the red block.')
    )
    (asked,) = backend.prompts
    assert asked.startswith('Track the red block.\nAnswer in JSON only: ')
    (track,) = answer.tracks
    assert (track.id, track.label) == (1, 'red block')
    assert [(p.stamp_ns, p.x, p.y) for p in track.points] == [
        (stamp(0.5) + 1000, 320.0, 120.0),
        (stamp(1.0) + 2000, 326.4, 120.0),
    ]


def test_a_count_in_json_brings_its_points() -> None:
    text = '{"count": 2, "points": [{"time": "00:03", "point": [250, 500]}, {"time": 5'
    grounder = Grounder(ReplayBackend([text]), answer_format='gemini')
    answer = grounder.ground(make_clip(), Query(COUNT))
    assert answer.count == 2
    assert [(p.stamp_ns, p.x, p.y) for p in answer.points] == [(stamp(3.0) + 6000, 320.0, 120.0)]
    assert [rejection.reason for rejection in answer.rejected] == ['cut off']


def test_an_unknown_answer_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadSetting, match='must be one of molmo2, qwen3-vl, gemini'):
        Grounder(ReplayBackend([]), answer_format='gpt')


def test_tracks_in_json_keep_their_own_labels() -> None:
    text = (
        '[{"time": 0.5, "id": 0, "point": [1, 2], "label": "left cup"},'
        ' {"time": 0.5, "id": 1, "point": [3, 4], "label": "right cup"}]'
    )
    grounder = Grounder(ReplayBackend([text]), answer_format='gemini')
    tracks = grounder.ground(make_clip(), Query('Track the cups.')).tracks
    assert [(track.id, track.label) for track in tracks] == [(1, 'left cup'), (2, 'right cup')]


class Refuses(ReplayBackend):
    """Fails every call that asks for a word."""

    word = 'goat'

    def generate(self, clip, prompts, options, on_text):
        if any(self.word in prompt for prompt in prompts):
            raise ZeroDivisionError('there is a goat')
        return super().generate(clip, prompts, options, on_text)


def test_a_question_that_fails_costs_the_others_no_answer() -> None:
    grounder = Grounder(Refuses(['There are none.'], repeat=True))
    questions = [grounder.question(Query(f'How many {word}s?')) for word in ('cup', 'goat', 'hat')]
    first, second, third = grounder.ground_each(make_clip(), questions)
    assert isinstance(second, ZeroDivisionError)
    assert [answer.query.text for answer in (first, third)] == ['How many cups?', 'How many hats?']


def test_a_verbatim_question_is_sent_as_it_is_and_answered_by_its_task() -> None:
    backend = ReplayBackend([RecordedAnswer('There are none.', match=' the "red" cup\n')])
    grounder = Grounder(backend)
    question = grounder.question(Query(' the "red" cup\n', Task.COUNT), verbatim=True)
    (answer,) = grounder.ground_all(make_clip(), [question])
    assert (answer.task, answer.count) == (Task.COUNT, 0)


def test_text_that_no_message_can_hold_is_cleaned_where_it_enters() -> None:
    backend = ReplayBackend(
        [RecordedAnswer('<points coords="0.0 1 500 250">a \ud83d</points>', logprobs=(-0.1,))],
        model='m\ud800',
    )
    answer = Grounder(backend).ground(make_clip(), Query('Where is it?'))
    assert (answer.label, answer.model) == ('a \ufffd', 'm\ufffd')
    assert answer.text.encode()
    assert 0.0 < answer.points[0].score < 1.0
