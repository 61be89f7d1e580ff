# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers of Qwen3-VL and Gemini: what they write, and whatever else may come."""

import json
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.language.grammar import FORMATS, Parsed, ParseLimits, Reason, format_of
from molmo_ground_ros.types import Query, Task

QWEN, GEMINI = FORMATS['qwen3-vl'], FORMATS['gemini']
Row = tuple[float | None, int, int, int]


def rows(parsed: Parsed) -> list[Row]:
    """(time, id, x, y) of every point, x and y in thousandths."""
    return [
        (point.time, point.id, round(1000 * point.x), round(1000 * point.y))
        for block in parsed.blocks
        for point in block.points
    ]


def reasons(parsed: Parsed) -> list[str]:
    return [rejection.reason for rejection in parsed.rejections]


READ = [
    pytest.param(
        '```json\n[\n\t{"point_2d": [925, 618], "label": "point_1"}\n]\n```',
        [(None, 1, 925, 618)],
        id='as the cookbook shows it',
    ),
    pytest.param(
        '[{"time": 1.0, "bbox_2d": [100, 200, 300, 500], "label": "bicycle"},'
        ' {"time": 2.0, "bbox_2d": [110, 200, 310, 500], "label": "bicycle"}]',
        [(1.0, 1, 200, 350), (2.0, 2, 210, 350)],
        id='a box stands for its centre',
    ),
    pytest.param(
        'Here you are: {"time": 1.5, "point_2d": [10, 20]} and {"time": 3, "point_2d": [30, 40]}.',
        [(1.5, 1, 10, 20), (3.0, 2, 30, 40)],
        id='in the middle of a sentence',
    ),
    pytest.param(
        '{"time": 1.5, "point_2d": [10, 20]}\n{"time": 3, "point_2d": [30, 40]}\n',
        [(1.5, 1, 10, 20), (3.0, 2, 30, 40)],
        id='an object a line',
    ),
    pytest.param(
        "[{'time': 1.5, 'point_2d': [10, 20], 'label': 'the robot's arm',},]",
        [(1.5, 1, 10, 20)],
        id='single quotes and trailing commas',
    ),
    pytest.param(
        '[{"time": 1.5 "point_2d": [10 20]} {"time": 3, "point_2d": [30, 40]}]',
        [(1.5, 1, 10, 20), (3.0, 2, 30, 40)],
        id='missing commas',
    ),
    pytest.param(
        '[{time: 1.5, point_2d: [10, 20], label: cup}]', [(1.5, 1, 10, 20)], id='names unquoted'
    ),
    pytest.param(
        '{"time": 2.0, "objects": [{"point_2d": [10, 20]}, {"point_2d": [30, 40]}]}',
        [(2.0, 1, 10, 20), (2.0, 2, 30, 40)],
        id='a time around several objects',
    ),
    pytest.param(
        '{"timestamp": "00:07.50", "points": [[10, 20], [30, 40]]}',
        [(7.5, 1, 10, 20), (7.5, 2, 30, 40)],
        id='a list of points',
    ),
    pytest.param(
        '[{"time": 1, "x": 10, "y": 20, "label": "cup"}]', [(1.0, 1, 10, 20)], id='x and y by name'
    ),
    pytest.param(
        '[{"time": 1, "point": {"y": 20, "x": 10}, "id": null}]',
        [(1.0, 1, 10, 20)],
        id='a point that is an object',
    ),
    pytest.param(
        '[{"time": null, "point_2d": [10, 20]}]', [(None, 1, 10, 20)], id='a time that is null'
    ),
    pytest.param(
        '[{"time": 1, "bbox_2d": [0, 0, 10, 10], "point_2d": [7, 8]}]',
        [(1.0, 1, 7, 8)],
        id='a point before a box',
    ),
    pytest.param(
        '<think>Maybe [{"time": 9, "point_2d": [1, 1]}]?</think>[{"time": 1, "point_2d": [7, 8]}]',
        [(1.0, 1, 7, 8)],
        id='what it thought is no answer',
    ),
    pytest.param(
        '[{"time": 1, "point_2d": [0.25, 0.5]}, {"time": 2, "point_2d": [1, 0]}]',
        [(1.0, 1, 250, 500), (2.0, 2, 1000, 0)],
        id='shares of the picture',
    ),
    pytest.param(
        '[{"time": 1, "point_2d": [412.5, 630]}]', [(1.0, 1, 412, 630)], id='decimals of 0 to 1000'
    ),
    pytest.param(
        'I see [0, 5) seconds. ```json\n[{"time": 1, "point_2d": [7, 8]}]\n```',
        [(1.0, 1, 7, 8)],
        id='a bracket that is none of JSON',
    ),
]


@pytest.mark.parametrize(('text', 'expected'), READ)
def test_json_as_models_write_it_is_read(text, expected):
    parsed = QWEN.parse(text, task=Task.POINT)
    assert rows(parsed) == expected
    assert not parsed.none


@pytest.mark.parametrize(
    ('written', 'seconds'),
    [
        ('2.5', 2.5),
        ('"2.5"', 2.5),
        ('"2.5s"', 2.5),
        ('"2.5 seconds"', 2.5),
        ('"<2.5 seconds>"', 2.5),
        ('"00:02.50"', 2.5),
        ('"01:02"', 62.0),
        ('"1:01:02.5"', 3662.5),
    ],
)
def test_times_are_seconds_however_they_are_written(written, seconds):
    assert rows(QWEN.parse(f'[{{"time": {written}, "point_2d": [7, 8]}}]')) == [(seconds, 1, 7, 8)]


@pytest.mark.parametrize(('first', 'expected'), [(0, [1, 3]), (1, [1, 2]), (2, [2, 2])])
def test_frames_count_from_0_where_one_is_named_so(first, expected):
    text = f'[{{"frame": {first}, "point_2d": [7, 8]}}, {{"frame": 2, "point_2d": [7, 9]}}]'
    (block,) = QWEN.parse(text).blocks
    assert [point.frame_index for point in block.points] == expected
    assert all(point.time is None for point in block.points)


def test_gemini_writes_y_first():
    text = (
        '[{"timestamp": "00:02", "point": [630, 412], "label": "cup"},'
        ' {"timestamp": "00:04", "box_2d": [100, 200, 300, 600], "label": "cup"}]'
    )
    parsed = GEMINI.parse(text, task=Task.POINT)
    assert rows(parsed) == [(2.0, 1, 412, 630), (4.0, 2, 400, 200)]
    assert parsed.label == 'cup'


def test_x_and_y_by_name_are_what_they_say_to_both():
    for text in (
        '[{"time": 1, "x": 10, "y": 20}]',
        '[{"time": 1, "point": {"x": 10, "y": 20}}]',
        '{"time": 1, "points": [{"y": 20, "x": 10}]}',
    ):
        assert rows(GEMINI.parse(text)) == rows(QWEN.parse(text)) == [(1.0, 1, 10, 20)]


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        pytest.param(
            '[{"time": 0, "id": 7, "point_2d": [1, 2]}, {"time": 0, "id": 3, "point_2d": [3, 4]},'
            ' {"time": 1, "id": 7, "point_2d": [5, 6]}]',
            [7, 3, 7],
            id='ids as written',
        ),
        pytest.param(
            '[{"time": 0, "id": "obj_2", "point_2d": [1, 2]},'
            ' {"time": 1, "id": "obj_2", "point_2d": [3, 4]}]',
            [2, 2],
            id='a number at the end of a name',
        ),
        pytest.param(
            '[{"time": 0, "id": "left one", "point_2d": [1, 2]},'
            ' {"time": 0, "id": 1, "point_2d": [3, 4]},'
            ' {"time": 1, "id": "left one", "point_2d": [3, 4]}]',
            [2, 1, 2],
            id='a name gets a number that is free',
        ),
        pytest.param(
            '[{"time": 0, "label": "a", "point_2d": [1, 2]},'
            ' {"time": 0, "label": "b", "point_2d": [3, 4]},'
            ' {"time": 1, "label": "b", "point_2d": [5, 6]},'
            ' {"time": 1, "label": "a", "point_2d": [7, 8]}]',
            [1, 2, 2, 1],
            id='labels where there are no ids',
        ),
        pytest.param(
            '[{"time": 0, "point_2d": [1, 2]}, {"time": 0, "point_2d": [3, 4]},'
            ' {"time": 1, "point_2d": [5, 6]}]',
            [1, 2, 1],
            id='their turn in the frame where there is neither',
        ),
    ],
)
def test_points_of_a_track_have_one_id(text, expected):
    parsed = QWEN.parse(text, task=Task.TRACK)
    assert [point.id for point in parsed.tracks] == expected
    assert parsed.points == ()


def test_points_are_numbered_anew_and_tracks_are_told_by_ids_that_come_again():
    twice = '[{"time": 0, "id": 4, "point_2d": [1, 2]}, {"time": 1, "id": 4, "point_2d": [3, 4]}]'
    assert [point.id for point in QWEN.parse(twice).tracks] == [4, 4]
    assert [point.id for point in QWEN.parse(twice, task=Task.POINT).points] == [1, 2]
    once = twice.replace('"id": 4', '"id": 5', 1)
    assert [point.id for point in QWEN.parse(once).points] == [1, 2]


@pytest.mark.parametrize(
    ('text', 'count', 'none', 'refused'),
    [
        pytest.param('3', 3, False, False, id='a plain number'),
        pytest.param('**3**.', 3, False, False, id='an emphasised number'),
        pytest.param('There are 3 red blocks.', 3, False, False, id='a sentence'),
        pytest.param('There are 3.5 litres.', None, False, False, id='a measure'),
        pytest.param('{"count": 3}', 3, False, False, id='JSON'),
        pytest.param('```json\n{"count": "3", "points": []}\n```', 3, False, False, id='fenced'),
        pytest.param('{"count": 3, "points": [{"ti', 3, False, False, id='cut off behind it'),
        pytest.param('{"count": 3', None, False, False, id='a number that may go on'),
        pytest.param('{"count": -3}', None, False, False, id='below zero'),
        pytest.param('{"count": 1}{"count": 2}', None, False, False, id='two counts are none'),
        pytest.param('{"count": 3 5}', None, False, False, id='not sound'),
        pytest.param('{"count": 0, "points": []}', 0, False, False, id='zero'),
        pytest.param('[]', None, True, False, id='an empty list'),
        pytest.param('{"points": []}', None, True, False, id='no points'),
        pytest.param('There are none.', None, True, False, id='none in words'),
        pytest.param("Sorry, I can't count them.", None, False, True, id='a refusal'),
        pytest.param('The robot is idle.', None, False, False, id='plain words'),
        pytest.param('{}', None, True, False, id='an empty object'),
    ],
)
def test_a_total_none_and_a_refusal_are_three_answers(text, count, none, refused):
    for known in (QWEN, GEMINI):
        parsed = known.parse(text)
        assert (parsed.count, parsed.none, parsed.refused) == (count, none, refused)
        assert parsed.blocks == ()


SOUND = '{"time": 4, "point_2d": [7, 8]}'


@pytest.mark.parametrize(
    ('bad', 'reason'),
    [
        ('{"time": 1, "point_2d": [1001, 5]}', Reason.OUT_OF_RANGE),
        ('{"time": 1, "point_2d": [-1, -1]}', Reason.OUT_OF_RANGE),
        ('{"time": 1, "point_2d": [1e999, 5]}', Reason.OUT_OF_RANGE),
        ('{"time": 1, "point_2d": [5]}', Reason.UNREADABLE),
        ('{"time": 1, "point_2d": [5, "6"]}', Reason.UNREADABLE),
        ('{"time": 1, "point_2d": [5, 6, 7]}', Reason.EXTRA),
        ('{"time": 1, "point_2d": [5, 6, 7, 8]}', Reason.EXTRA),
        ('{"time": 1, "bbox_2d": [5, 6]}', Reason.UNREADABLE),
        ('{"time": 1, "point_2d": 5}', Reason.UNREADABLE),
        ('{"time": 1, "bbox_2d": [9, 9, 1, 1]}', Reason.UNREADABLE),
        ('{"time": "noon", "point_2d": [5, 6]}', Reason.UNREADABLE),
        ('{"time": -1, "point_2d": [5, 6]}', Reason.UNREADABLE),
        ('{"frame": 1.5, "point_2d": [5, 6]}', Reason.UNREADABLE),
        ('{"time": 1, "label": "cup"}', Reason.UNREADABLE),
        ('{"label": "red, "time": 1, "point_2d": [5, 6]}', Reason.UNREADABLE),
        ('{"time": 1, "point_2d": [5, 6]: 3}', Reason.UNREADABLE),
        ('{"time": 1, "point_2d": [5, 6}', Reason.UNREADABLE),
        ('{"time": 1, "x": 5, "y": 6, "width": 9, "height": 9}', Reason.UNREADABLE),
        ('{"time": 1, "point_2d": [' + '5' * 41 + ', 6]}', Reason.UNREADABLE),
    ],
)
def test_what_is_not_sound_is_reported_and_the_rest_kept(bad, reason):
    parsed = QWEN.parse(f'[{bad}, {SOUND}]')
    assert rows(parsed) == [(4.0, 1, 7, 8)]
    assert reasons(parsed) == [reason.value]
    assert parsed.rejections[0].text.startswith(bad[:40])


@pytest.mark.parametrize(
    ('tail', 'cut'),
    [
        (', {"time": 5, "point_2d": [7, 9', True),
        (', {"time": 5, "point_2d": [7, 9]', True),
        (', {"time"', True),
        (', {', True),
        (',', False),
        ('', False),
        (']', False),
    ],
)
def test_an_answer_that_breaks_off_keeps_what_is_complete(tail, cut):
    parsed = QWEN.parse(f'```json\n[{SOUND}{tail}')
    assert rows(parsed) == [(4.0, 1, 7, 8)]
    assert reasons(parsed) == [Reason.CUT_OFF.value] * cut
    assert parsed.blocks[0].complete == (tail == ']')


def test_thinking_that_never_ended_is_cut_off():
    parsed = QWEN.parse(f'<think>[{SOUND}]')
    assert (parsed.blocks, reasons(parsed)) == ((), [Reason.CUT_OFF.value])


def test_a_fence_ends_what_was_left_open():
    parsed = QWEN.parse(f'```json\n[{{"time": 1, "point_2d": [1, 2\n```\nThere are 2.\n[{SOUND}]')
    assert rows(parsed) == [(4.0, 1, 7, 8)]
    assert parsed.count == 2


def test_one_object_twice_in_a_frame_keeps_the_first():
    text = '[{"time": 1, "id": 1, "point_2d": [1, 2]}, {"time": 1, "id": 1, "point_2d": [3, 4]}]'
    parsed = QWEN.parse(text, task=Task.TRACK)
    assert (rows(parsed), reasons(parsed)) == ([(1.0, 1, 1, 2)], [Reason.REPEATED_ID.value])


def test_one_point_in_every_frame_is_degenerate_pointing_and_a_sound_track():
    text = str([{'time': t, 'point_2d': [7, 8]} for t in range(3)])
    assert reasons(QWEN.parse(text, task=Task.POINT)) == [Reason.DEGENERATE.value]
    assert reasons(QWEN.parse(text, task=Task.TRACK)) == []


def test_limits_hold():
    text = json.dumps([{'time': t // 3, 'point_2d': [t, t]} for t in range(30)])
    by_frame = QWEN.parse(text, ParseLimits(points_per_frame=2))
    assert len(by_frame.points) == 20
    assert reasons(by_frame) == [Reason.TOO_MANY.value] * 10
    in_all = QWEN.parse(text, ParseLimits(rows=4))
    assert (len(in_all.points), reasons(in_all)) == (4, [Reason.TOO_MANY.value])
    refused = QWEN.parse(text.replace('[', '[-'), ParseLimits(rejections=3))
    assert reasons(refused)[-1] == Reason.MORE.value
    assert len(refused.rejections) == 4


def test_labels_are_kept_where_all_points_share_one():
    text = '[{{"point_2d": [1, 2], "label": "{}"}}, {{"point_2d": [3, 4], "label": "cup"}}]'
    assert QWEN.parse(text.format('cup')).label == 'cup'
    assert QWEN.parse(text.format('a \\"red\\" cup')).label == ''
    assert QWEN.parse('[{"point_2d": [1, 2], "label": "caf\\u00e9\\n\\ud83d"}]').label == 'café ?'


HUGE = {
    'lists': '[',
    'objects': '{',
    'both': '[{',
    'fields': '{"a":',
    'quotes': '"',
    'single quotes': "'",
    'open texts': '[{"a": "',
    'numbers': '[1 ',
    'one number': '1',
    'exponents': '[1e',
    'signs': '[-',
    'lines': '{\n',
    'points': '[{"time": 1, "point_2d": [1, 2]},',
    'unsound points': '{"point_2d": [1, 2}, ',
    'roots': '{"time": 1, "id": 1, "point_2d": [1, 2]} ',
    'closes': '}]',
    'escapes': '["\\',
    'fences': '[```',
    'thoughts': '<think>',
    'spaces': '[ ',
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize('piece', HUGE.values(), ids=HUGE)
def test_a_long_answer_is_read_in_linear_time(piece):
    parsed = QWEN.parse(piece * (200_000 // len(piece)), task=Task.TRACK)
    assert len(parsed.tracks) <= ParseLimits().rows
    assert len(parsed.rejections) <= ParseLimits().rejections + 1


_PIECES = st.sampled_from(
    list('[]{},:"\'\n \\0.-\ud800\x00')
    + [
        '```json',
        '```',
        '12',
        '"time"',
        '"point_2d"',
        '"bbox_2d"',
        '"point"',
        '"id"',
        '"label"',
        '"frame"',
        '"count"',
        'e5',
    ]
    + [SOUND, '[7, 8]', '[1, 2, 3, 4]', 'null', '<think>', '</think>', '1:02', 'There are 3']
)
_TEXTS = st.one_of(
    st.text(string.printable, max_size=80),
    st.text(max_size=80),
    st.lists(_PIECES, max_size=40).map(''.join),
)
_PLACES = st.lists(
    st.tuples(st.integers(0, 120).map(lambda n: n / 2), st.integers(0, 1000), st.integers(2, 1000)),
    max_size=8,
)


@given(_TEXTS, st.sampled_from([QWEN, GEMINI]), st.sampled_from(Task))
def test_parse_is_total(text, known, task):
    parsed = known.parse(text, task=task)
    for block in parsed.blocks:
        for point in block.points:
            assert 0 <= point.x <= 1
            assert 0 <= point.y <= 1
            assert point.id >= 0
            assert point.time is None or point.frame_index is None
            assert 0 <= point.start == point.head_start < point.end <= len(text)
            assert text[point.start] == '{'
            assert text[point.end - 1] == '}'
            assert all(0 <= a < b <= len(text) for a, b in point.deciding)
            assert all(text[at] in string.digits + '.e+' for at in point.fine)
        keys = [(p.time, p.frame_index, p.id) for p in block.points]
        assert len(keys) == len(set(keys))
    assert all(0 < len(rejection.text) <= 80 for rejection in parsed.rejections)
    assert parsed.count is None or 0 <= parsed.count <= 999_999_999


@given(st.data(), _TEXTS)
def test_any_cutting_into_pieces_gives_the_same(data, text):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=5)))
    parser = QWEN.parser(ParseLimits(), Task.POINT)
    settled = [parser.feed(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert parser.finish() == QWEN.parse(text, task=Task.POINT)
    assert not any(settled)  # all of it tells the scale and where frames count from


@given(st.data(), _PLACES, st.sampled_from(['"', "'"]), st.booleans())
def test_what_is_written_is_read_again_and_cutting_it_keeps_a_prefix(data, places, quote, fence):
    entries = [{'time': t, 'point_2d': [x, y], 'label': 'it is'} for t, x, y in places]
    text = json.dumps(entries).replace('"', quote)
    text = f'Sure!\n```json\n{text}\n```' if fence else text
    expected = [(t, n, x, y) for n, (t, x, y) in enumerate(places, start=1)]
    assert rows(QWEN.parse(text, task=Task.POINT)) == expected
    kept = rows(QWEN.parse(text[: data.draw(st.integers(0, len(text)))], task=Task.POINT))
    assert kept == expected[: len(kept)]


def test_formats_are_chosen_by_name():
    assert list(FORMATS) == ['molmo2', 'qwen3-vl', 'gemini']
    assert format_of('gemini') is GEMINI
    with pytest.raises(BadSetting, match=r"'gpt'.*molmo2, qwen3-vl, gemini"):
        format_of('gpt')


_NUMBERS = {'x_min': 200, 'y_min': 450, 'x_max': 300, 'y_max': 550, 'x': 250, 'y': 500}


def test_each_is_asked_in_its_own_words_and_what_it_is_shown_reads():
    for known in (QWEN, GEMINI):
        assert known.question(Query('Is it idle?', Task.TEXT)).prompt == 'Is it idle?'
        for task in (Task.POINT, Task.COUNT, Task.TRACK):
            first, wording = known.question(Query('Track the cup.', task)).prompt.split('\n')
            assert first == 'Track the cup.'
            shown = wording[wording.index('{"time"') : wording.index('}') + 1]
            for name, number in _NUMBERS.items():
                shown = re.sub(rf'\b{name}\b', str(number), shown)
            (row,) = rows(known.parse(shown))
            assert row[2:] == (250, 500)
    cup, pointed = Query('cup', Task.POINT), 'Point to all occurrences of "cup"'
    assert FORMATS['molmo2'].question(cup).prompt == pointed
    assert QWEN.question(cup).prompt.startswith(f'{pointed}\n')


def test_molmo2_is_read_as_ever_whatever_was_asked():
    text = '<points coords="0.5 1 345 678">cup</points>'
    known = FORMATS['molmo2']
    assert known.parse(text) == known.parse(text, task=Task.TRACK)
    assert rows(known.parse(text)) == [(0.5, 1, 345, 678)]


def test_counts_that_do_not_agree_are_no_count_and_nine_of_them_are_listed():
    parsed = QWEN.parse(' '.join(f'{{"count": {number}}}' for number in range(1, 13)))
    assert parsed.count is None
    (rejection,) = parsed.rejections
    assert rejection.text == 'several counts: 1, 2, 3, 4, 5, 6, 7, 8, 9'
