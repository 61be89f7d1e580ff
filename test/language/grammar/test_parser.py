# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The grammar against literal examples, the reference parser, and whatever a model may write."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from molmo_ground_ros.language.grammar import (
    Parsed,
    ParseLimits,
    Parser,
    Reason,
    format_article,
    format_count,
    format_points,
    format_tracks,
    number_points,
    parse,
)

Row = tuple[float, int, float, float]


def rows(parsed: Parsed) -> list[tuple[float, int, int, int]]:
    """(time, id, x, y) of every point, x and y in thousandths."""
    return [
        (point.time, point.id, round(1000 * point.x), round(1000 * point.y))
        for block in parsed.blocks
        for point in block.points
    ]


def article_rows(parsed: Parsed) -> list[Row]:
    """(frame index, id, x, y) of every point."""
    return [
        (point.frame_index, point.id, point.x, point.y)
        for block in parsed.blocks
        for point in block.points
    ]


def reasons(parsed: Parsed) -> list[str]:
    return [rejection.reason for rejection in parsed.rejections]


def one(coords: str) -> Parsed:
    return parse(f'<points coords="{coords}">cup</points>')


# --- The reference parser: molmo2 f3cb108, olmo/preprocessing/point_formatter.py:128-180.

_COORD = re.compile(r'<(?:points|tracks).*? coords=\"([0-9\t:;, .]+)\"/?>')
_FRAME = re.compile(r'(?:^|\t|:|,|;)([0-9\.]+) ([0-9\. ]+)')
_POINT = re.compile(r'([0-9]+) ([0-9]{3,4}) ([0-9]{3,4})')


def reference(text: str) -> list[tuple[float, int, int, int]]:
    return [
        (float(frame.group(1)), int(point.group(1)), int(point.group(2)), int(point.group(3)))
        for coord in _COORD.finditer(text)
        for frame in _FRAME.finditer(coord.group(1))
        for point in _POINT.finditer(frame.group(2))
        if int(point.group(2)) <= 1000 and int(point.group(3)) <= 1000
    ]


# --- The released format

WELL_FORMED = [
    pytest.param(
        '<points coords="1 1 555 169;2 3 649 154 4 709 162;5 5 758 175 6 808 183 7 852 187">'
        'Inline text</points>',
        [(1, 1, 555, 169), (2, 3, 649, 154), (2, 4, 709, 162)]
        + [(5, 5, 758, 175), (5, 6, 808, 183), (5, 7, 852, 187)],
        id='several images',
    ),
    pytest.param(
        '<tracks coords="0.0 1 635 522;0.5 1 606 490 2 511 124;1.0 2 515 164;1.5 2 520 168">'
        'Inline text</tracks>',
        [(0, 1, 635, 522), (0.5, 1, 606, 490), (0.5, 2, 511, 124), (1, 2, 515, 164)]
        + [(1.5, 2, 520, 168)],
        id='tracks',
    ),
    pytest.param(
        'Counting the <points coords="1 1 900 400 2 911 800">aasdf</points> shows a total of 2.',
        [(1, 1, 900, 400), (1, 2, 911, 800)],
        id='counting sentence',
    ),
    pytest.param(
        '<tracks coords="0.0 1 200 100 2 200 800 3 500 200;1.0 1 900 900 3 050 050 4 060 060">'
        'debug</tracks>',
        [(0, 1, 200, 100), (0, 2, 200, 800), (0, 3, 500, 200)]
        + [(1, 1, 900, 900), (1, 3, 50, 50), (1, 4, 60, 60)],
        id='an object leaves and one comes',
    ),
    pytest.param(
        '<points coords="2.5 1 412 630;7.0 2 398 611 3 820 140">red cup</points>',
        [(2.5, 1, 412, 630), (7, 2, 398, 611), (7, 3, 820, 140)],
        id='video pointing',
    ),
    pytest.param(
        'Counting the <points coords="0.5 1 345 678;4.0 2 123 456">grasp of the red block'
        '</points> shows a total of 2.',
        [(0.5, 1, 345, 678), (4, 2, 123, 456)],
        id='video counting',
    ),
    pytest.param('<points coords="1.5 1 081 491">', [(1.5, 1, 81, 491)], id='no closing tag'),
    pytest.param(
        '<points coords="0.5 1 345 678\t1.0 2 123 456">cup</points>',
        [(0.5, 1, 345, 678), (1, 2, 123, 456)],
        id='TAB, as in html-v1',
    ),
    pytest.param(
        '<points coords="0.5 1 345 678,1.0 2 123 456:1.5 3 111 222">cup</points>',
        [(0.5, 1, 345, 678), (1, 2, 123, 456), (1.5, 3, 111, 222)],
        id='comma and colon',
    ),
    pytest.param(
        '<points alt="a cup" coords="0.5 1 345 678"/>', [(0.5, 1, 345, 678)], id='self-closing'
    ),
    pytest.param(
        '<points label="a cup" coords="0.5 1 345 678">cup</points>',
        [(0.5, 1, 345, 678)],
        id='label first',
    ),
    pytest.param(
        '<points coords="0.5 1 345 678;">cup</points>', [(0.5, 1, 345, 678)], id='trailing ;'
    ),
    pytest.param(
        '<points alt="x > 3" coords="0.5 1 345 678">cup</points>',
        [(0.5, 1, 345, 678)],
        id='> inside alt',
    ),
    pytest.param(
        '<points coords="0.5;1.0 2 123 456">cup</points>', [(1, 2, 123, 456)], id='empty frame'
    ),
    pytest.param(
        '<points coords="1 1 1000 000">cup</points>', [(1, 1, 1000, 0)], id='four-digit 1000'
    ),
    pytest.param(
        '<points alt="the "red" cup" coords="0.5 1 345 678">cup</points>',
        [(0.5, 1, 345, 678)],
        id='unescaped quotes inside alt',
    ),
    pytest.param(
        '<points alt="coords="x"" coords="0.5 1 345 678">cup</points>',
        [(0.5, 1, 345, 678)],
        id='the name of the attribute inside alt',
    ),
    pytest.param(
        '<points alt="coords="0.5 1 2 3"" coords="0.5 1 345 678">cup</points>',
        [(0.5, 1, 345, 678)],
        id='coordinates inside alt',
    ),
    pytest.param(
        '<points alt="a coords="tall" cup" coords="0.5 1 345 678"/>',
        [(0.5, 1, 345, 678)],
        id='the attribute inside alt',
    ),
    pytest.param(
        '<points coords="0.5 1 345 678">a</points> and <points coords="1.0 1 111 222">b</points>',
        [(0.5, 1, 345, 678), (1, 1, 111, 222)],
        id='two blocks',
    ),
]


@pytest.mark.parametrize(('text', 'expected'), WELL_FORMED)
def test_well_formed_text_reads_as_the_reference_reads_it(text, expected):
    parsed = parse(text)
    assert rows(parsed) == expected
    assert expected == reference(text)
    assert parsed.rejections == ()
    assert all(block.complete for block in parsed.blocks)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        pytest.param(
            '0.5 1 345 678; 1.0 2 123 456', [(0.5, 1, 345, 678), (1, 2, 123, 456)], id='; '
        ),
        pytest.param(
            ' 0.5  1 345\n678 ;\n1.0 2 123 456 ',
            [(0.5, 1, 345, 678), (1, 2, 123, 456)],
            id='spaces',
        ),
        pytest.param(
            '0.5 1 345 678 1.0 2 123 456', [(0.5, 1, 345, 678), (1, 2, 123, 456)], id='no separator'
        ),
        pytest.param('0.5 1 345 1.0 2 123 456', [(1, 2, 123, 456)], id='half a row, no separator'),
        pytest.param('0.5 1 45 678 2 9 9', [(0.5, 1, 45, 678), (0.5, 2, 9, 9)], id='unpadded'),
        pytest.param(
            '0.5 12 345 678 101 345 679', [(0.5, 12, 345, 678), (0.5, 101, 345, 679)], id='id 101'
        ),
    ],
)
def test_text_that_the_reference_loses_is_read(text, expected):
    assert rows(one(text)) == expected


@pytest.mark.parametrize(
    'text',
    [
        "<points coords='0.5 1 345 678'>cup</points>",
        '<points alt=\'it"s\' coords = "0.5 1 345 678" >cup</points >',
        '<points coords="0.5 1 345 678" alt="red">cup</points>',
        '<points coords="0.5 1 345 678>cup</points>',
        '<points coords="0.5 1 345 678</points>',
        '<points\ncoords="0.5\n1 345 678">cup</tracks>',
        '<points xcoords="9" coords="0.5 1 345 678" / >cup</points>',
        '<points coords coords="0.5 1 345 678" <points',
        '<points alt=""coords="0.5 1 345 678">cup</points>',
        '<points alt="a "b" c"s" coords="0.5 1 345 678">cup</points>',
    ],
)
def test_sloppy_tags_are_read(text):
    assert rows(parse(text)) == [(0.5, 1, 345, 678)]


@pytest.mark.parametrize(
    ('coords', 'expected', 'reason'),
    [
        ('0.5 1 345 678;1.0 2 345 1001', [(0.5, 1, 345, 678)], Reason.OUT_OF_RANGE),
        ('0.5 1 345 678;1.0 2 -45 100', [(0.5, 1, 345, 678)], Reason.OUT_OF_RANGE),
        ('0.5 1 345 678;-1.0 2 345 100', [(0.5, 1, 345, 678)], Reason.OUT_OF_RANGE),
        ('0.5 1 345 678 -2 345 100', [(0.5, 1, 345, 678)], Reason.OUT_OF_RANGE),
        ('0.5 1 345 678 99999999999 345 100', [(0.5, 1, 345, 678)], Reason.OUT_OF_RANGE),
        ('0.5 1 345 678;99999999999 2 345 100', [(0.5, 1, 345, 678)], Reason.OUT_OF_RANGE),
        ('0.5 1 345 678;1.0 2 345 ' + '9' * 5000, [(0.5, 1, 345, 678)], Reason.OUT_OF_RANGE),
        ('0.5 1 345 678;1.0 345 100', [(0.5, 1, 345, 678)], Reason.UNREADABLE),
        ('0.5 1 345 678;0.5.1 2 345 100', [(0.5, 1, 345, 678)], Reason.UNREADABLE),
        ('0.5 1 345 678;1.0 2 three 100', [(0.5, 1, 345, 678)], Reason.UNREADABLE),
        ('0.5 1 345 678;1.0 2 \u0663\u0663\u0663 100', [(0.5, 1, 345, 678)], Reason.UNREADABLE),
        ('0.5 1 345 678 123', [], Reason.EXTRA),
        ('0.5 1 345 678;7', [(0.5, 1, 345, 678)], Reason.UNREADABLE),
        ('0.5 1 345 678;cup', [(0.5, 1, 345, 678)], Reason.UNREADABLE),
        ('0.5 1 345 678;1.0 1 345 678 n', [(0.5, 1, 345, 678)], Reason.EXTRA),
        ('0.5 1 345 678 2 345', [(0.5, 1, 345, 678)], Reason.UNREADABLE),
        ('0.5 1 345 2 123 456 3', [(0.5, 2, 123, 456)], Reason.UNREADABLE),
        ('0.5 345 678 2 123 456 3 11', [(0.5, 2, 123, 456)], Reason.UNREADABLE),
        (
            '0.5 1 345 678 2 123 456 789 12 111 222',
            [(0.5, 1, 345, 678), (0.5, 12, 111, 222)],
            Reason.EXTRA,
        ),
        ('0.5 1 345 678 1 111 222', [(0.5, 1, 345, 678)], Reason.REPEATED_ID),
        ('0.5 1 345 678;0.5 1 111 222', [(0.5, 1, 345, 678)], Reason.REPEATED_ID),
        ('1.0 1 345 678;0.5 2 111 222', [(1, 1, 345, 678), (0.5, 2, 111, 222)], Reason.TIME_ORDER),
    ],
)
def test_what_is_unsound_is_reported_and_the_rest_kept(coords, expected, reason):
    parsed = one(coords)
    assert rows(parsed) == expected
    assert set(reasons(parsed)) == {reason.value}
    assert all(len(rejection.text) <= 80 for rejection in parsed.rejections)
    assert parsed.blocks[0].complete


def test_a_fault_costs_its_frame_only():
    coords = '0.5 1 345 678 2;345.5 1 200 200;1.0 2 123 456;2.0 3 1.5 0.5;3.0 4 111 222'
    expected = [(345.5, 1, 200, 200), (1, 2, 123, 456), (3, 4, 111, 222)]
    assert rows(one(coords)) == expected


def test_points_of_three_coordinates_are_never_read_as_two():
    text = (
        '<tracks coords="0.0 1 -012 345 678 2 111 222 333 3 444 555 666;'
        '0.5 1 012 345 678 2 111 222 333 3 444 555 666;1.0 1 345 678;1.5 1 345 678'
    )
    parsed = parse(text)
    assert parsed.tracks == ()
    assert reasons(parsed) == [Reason.EXTRA.value] * 4


def test_three_objects_of_three_coordinates_are_not_four_of_two():
    parsed = one('0.0 1 345 678 12 2 111 222 13 3 444 555 14')
    assert parsed.points == ()
    assert reasons(parsed) == [Reason.EXTRA.value]


def test_four_points_of_two_coordinates_are_not_three_of_three():
    coords = '0.0 1 345 678 2 111 222 3 444 555 4 001 002'
    assert rows(one(coords)) == reference(f'<points coords="{coords}">')


def test_a_cut_off_row_of_three_coordinates_is_not_read_as_two():
    for coords in (
        '0.0 1 345 678 -',
        '0.0 1 345 678 -12',
        '0.0 1 345 678 850 2 11',
        '0.0 1 345 -67 8',
    ):
        assert parse(f'<tracks coords="{coords}').tracks == ()


# --- Cut-off text


@pytest.mark.parametrize(
    ('text', 'expected', 'cut'),
    [
        ('<points coords="0.5 1 345 678;1.0 2 123 456', [1, 2], None),
        ('<points coords="0.5 1 345 678;1.0 2 123 45', [1], '2 123 45'),
        ('<points coords="0.5 1 345 678;1.0 2 123 100', [1], '2 123 100'),
        ('<points coords="0.5 1 345 678;1.0 2 123 1000', [1, 2], None),
        ('<points coords="0.5 1 345 678;1.0 2 123', [1], '1.0 2 123'),
        ('<points coords="0.5 1 345 678;1.0 2 12', [1], '1.0 2 12'),
        ('<points coords="0.5 1 345 678;1.0 ', [1], '1.0'),
        ('<points coords="0.5 1 345 678;1.', [1], '1.'),
        ('<points coords="0.5 1 345 678;', [1], None),
        ('<points coords="0.5 1 345 678 2', [1], '2'),
        ('<points coords="0.5 1 345 678 2 1', [1], '2 1'),
        ('<points coords="0.5 1 345 2 123 456 3 1', [2], '3 1'),
        ('<points coords="', [], None),
        ('<points coor', [], '<points coor'),
        ('<points ', [], '<points '),
        ('<point', [], None),
        ('<points coords="0.5 1 345 678"', [1], None),
        ('<points coords="0.5 1 345 678">cu', [1], None),
        ('<points coords="0.5 1 345 678">cup</poin', [1], None),
        ('<points coords="0.5 1 345 678">cup</points', [1], None),
        ('<points coords="0.5 1 345 678">cup</points ', [1], None),
        ('<points coords="t^1 1 0.45 0.3', [], 't^1 1 0.45 0.3'),
        ('<points coords="t^1 1 0.45 0.32 t^2 1 0.4', [1], 't^2 1 0.4'),
        ('<points coords="1 1 0.45 0.32 2 1 0.4', [1], '2 1 0.4'),
        ('<points coords="1 1 0.45 0.32 2', [1], '2'),
        ('<points coords="1 1 0.45 0.32 101 ', [1], '101'),
    ],
)
def test_cut_off_text_keeps_what_is_complete(text, expected, cut):
    parsed = parse(text)
    assert [point.id for block in parsed.blocks for point in block.points] == expected
    shown = [rejection.text for rejection in parsed.rejections if rejection.reason == 'cut off']
    assert (shown[0].endswith(cut) and len(shown) == 1) if cut else not shown


def test_only_closed_coordinates_are_complete():
    assert not parse('<points coords="0.5 1 345 678').blocks[0].complete
    assert parse('<points coords="0.5 1 345 678"').blocks[0].complete


# --- The article's format


def test_the_articles_example_reads():
    parsed = parse(
        '<points coords="t^1 1 0.45 0.32 t^2 1 0.48 0.35 t^3 1 0.51 0.38">\nred car\n</points>\n'
        '<points coords="t^1 2 0.62 0.55 t^2 2 0.65 0.57 t^3 2 0.68 0.59">\nblue car\n</points>'
    )
    red, blue = parsed.blocks
    assert (red.label, blue.label) == ('red car', 'blue car')
    assert [(p.frame_index, p.time, p.id, p.x, p.y, p.block) for p in red.points] == [
        (1, None, 1, 0.45, 0.32, 0),
        (2, None, 1, 0.48, 0.35, 0),
        (3, None, 1, 0.51, 0.38, 0),
    ]
    assert [(p.frame_index, p.id, p.block) for p in blue.points] == [
        (1, 2, 1),
        (2, 2, 1),
        (3, 2, 1),
    ]
    assert parsed.rejections == ()


@pytest.mark.parametrize(
    ('coords', 'expected'),
    [
        ('1 1 0.45 0.32 2 1 0.48 0.35', [(1, 1, 0.45, 0.32), (2, 1, 0.48, 0.35)]),
        ('1 1 0.45 0.32;2 1 0.48 0.35', [(1, 1, 0.45, 0.32), (2, 1, 0.48, 0.35)]),
        ('t^1 1 0.45 0.32 2 .5 1.;t^2 3 0 1', [(1, 1, 0.45, 0.32), (1, 2, 0.5, 1), (2, 3, 0, 1)]),
        (
            '1 1 0.45 0.32 2 0.5 0.6 2 1 0 0.35',
            [(1, 1, 0.45, 0.32), (1, 2, 0.5, 0.6), (2, 1, 0, 0.35)],
        ),
    ],
)
def test_article_coordinates_are_told_by_their_decimal_point(coords, expected):
    parsed = one(coords)
    assert article_rows(parsed) == expected
    assert parsed.rejections == ()


def test_article_heads_with_a_decimal_point_are_seconds():
    for coords in ('0.5 1 0.45 0.32 1.0 1 0.48 0.35', 't^0.5 1 0.45 0.32 t^1.0 1 0.48 0.35'):
        assert [(p.time, p.frame_index, p.x) for p in one(coords).points] == [
            (0.5, None, 0.45),
            (1.0, None, 0.48),
        ]


def test_frame_heads_go_with_released_coordinates_too():
    (point,) = one('t^3 1 345 678').points
    assert (point.frame_index, point.time, point.x) == (3, None, 0.345)


@pytest.mark.parametrize(
    ('coords', 'reason'),
    [
        ('t^1 count_1 x_1 y_1 t^2 count_2 x_2 y_2 t^3 count_3 x_3 y_3', Reason.UNREADABLE),
        ('t^1 1 1.45 0.32', Reason.OUT_OF_RANGE),
        ('t^1 1 -0.45 0.32', Reason.OUT_OF_RANGE),
        ('t^1 1.5 0.45 0.32', Reason.UNREADABLE),
        ('t^1 1 0.45 t^2', Reason.UNREADABLE),
        ('t^1 1 0.45 0.32 0.5', Reason.EXTRA),
        ('t^1 1 0.45 0.32 0.5 0.6', Reason.UNREADABLE),
        ('t^1 1 0.45 0.32 0.5 0.6 0.7', Reason.UNREADABLE),
        ('1 1 0.45 0.32 0.9 2 1 0.48 0.35 0.8', Reason.UNREADABLE),
    ],
)
def test_unsound_article_text_is_reported(coords, reason):
    parsed = one(coords)
    assert set(reasons(parsed)) >= {reason.value}
    assert all((point.x, point.y) == (0.45, 0.32) for point in parsed.points)


# --- Blocks and labels


def test_ids_restart_in_a_second_block_and_stay_apart():
    parsed = parse(
        '<points coords="0.5 1 345 678">a</points><points coords="0.5 1 111 222">b</points>'
        '<tracks coords="0.5 1 333 444">c</tracks>'
    )
    assert [(block.kind, block.label) for block in parsed.blocks] == [
        ('points', 'a'),
        ('points', 'b'),
        ('tracks', 'c'),
    ]
    assert [(point.block, point.id) for point in parsed.points] == [(0, 1), (1, 1)]
    assert [(point.block, point.id) for point in parsed.tracks] == [(2, 1)]
    assert parsed.rejections == ()
    assert parsed.label == 'a'


def test_numbers_in_a_label_that_look_like_the_attribute_hide_no_point():
    text = '<points alt="say coords="5" aloud" coords="0.5 1 345 678">cup</points>'
    assert rows(parse(text)) == [(0.5, 1, 345, 678)] == reference(text)


def test_quoted_labels_read_alike_in_pieces():
    text = '<points alt="a coords="t" b coords="x" c" coords="t^1 1 0.45 0.32">cup</points>'
    parser = Parser()
    for character in text:
        parser.feed(character)
    assert parser.finish() == parse(text)
    assert len(parse(text).points) == 1


@pytest.mark.parametrize(
    ('text', 'label'),
    [
        ('<points coords="1 1 345 678"> red cup\n</points>', 'red cup'),
        ('<points alt="red cup" coords="1 1 345 678"/>', 'red cup'),
        ('<points alt="red cup" coords="1 1 345 678"></points>', 'red cup'),
        ('<points alt="blue" coords="1 1 345 678">red cup</points>', 'red cup'),
        ("<points label='red cup' x=\"1\" coords='1 1 345 678'>", 'red cup'),
        ('<points alt="the "red" cup" coords="1 1 345 678"/>', 'the "red" cup'),
        ('<points alt="coords="x"" coords="1 1 345 678"/>', 'coords="x"'),
        ("<points label='a coords='top'' coords='1 1 345 678'/>", "a coords='top'"),
        ('<points coords="1 1 345 678" alt="red > cup"/>', 'red > cup'),
        ('<points coords="1 1 345 678" alt="red cup', ''),
        ('<points coords="1 1 345 678">a < b &lt;points&gt; R&D</points>', 'a < b <points> R&D'),
        ('<points coords="1 1 345 678">red cup', ''),
    ],
)
def test_labels(text, label):
    assert parse(text).label == label


def test_a_label_without_its_closing_tag_hides_no_total():
    text = 'Counting the <points coords="1 1 345 678">cup shows a total of 1.'
    assert parse(text).count == 1
    assert parse(text + '<points coords="1 1 345 678">cup</points>').count == 1


def test_spans_name_the_characters_of_each_row():
    text = 'Counting the <points coords="0.5 1 345 678; 4.0  2 123 1000">x</points> shows'
    spans = [(text[p.start : p.end], text[p.head_start :][:3]) for p in parse(text).points]
    assert spans == [('1 345 678', '0.5'), ('2 123 1000', '4.0')]


@pytest.mark.parametrize(
    'text',
    [
        *('<points>cup</points>', '<points/>', '<points alt="x">', '<tracks ' + 'x' * 9000),
        # Percent of the first Molmo, which names no time.
        '<point x="61.5" y="40.6" alt="cup">cup</point>',
        'Here: <points x1="10.0" y1="20.1" x2="30" y2="40" alt="cups">cups</points>',
    ],
)
def test_a_tag_without_coordinates_is_reported(text):
    parsed = parse(text)
    assert parsed.blocks == ()
    assert reasons(parsed) == [Reason.UNREADABLE.value]


def test_points_of_the_first_molmo_are_told_in_their_own_words():
    parser = Parser()
    for character in 'A <point x="61.5" y="40.6" alt="cup">cup</point>.':
        parser.feed(character)
    (rejection,) = parser.finish().rejections
    assert rejection.text == '<point x="61.5" y="40.6" alt="cup">'


def test_a_tail_without_end_ends_its_block():
    text = '<points coords="1 1 345 678" ' + 'x' * 20000 + ' shows a total of 1.'
    parsed = parse(text)
    assert rows(parsed) == [(1, 1, 345, 678)]
    assert parsed.count == 1


def test_a_rejection_is_short_and_printable():
    (rejection,) = one('\ud800\x00' + 'x' * 500).rejections
    assert rejection.text == '??' + 'x' * 75 + '...'


# --- Totals, none and refusals


@pytest.mark.parametrize(
    ('text', 'count', 'none', 'refused'),
    [
        (
            'Counting the <points coords="1 1 345 678">x</points> shows a total of 2.',
            2,
            False,
            False,
        ),
        ('There are 3 <points coords="1 1 345 678">x</points>.', 3, False, False),
        ('There are 3 ways to see it.', None, False, False),
        ('7', 7, False, False),
        (' 12.\n', 12, False, False),
        ('I see a total of 4 cups.', 4, False, False),
        ('The total number of red cups is: 5.', 5, False, False),
        ('the total number is: 5', 5, False, False),
        ('A total of ' + '9' * 5000, None, False, False),
        ('9' * 5000, None, False, False),
        ('-3', None, False, False),
        ('\u0663', None, False, False),
        ('There are none.', None, True, False),
        ('there are none', None, True, False),
        ('There are none in the video.', None, True, False),
        ('There are none of them left, but 3 others.', None, False, False),
        ('No tracks available.', None, True, False),
        ("Sorry, I can't count red cup.", None, False, True),
        ('I\u2019m sorry, but the video is too dark.', None, False, True),
        ('I cannot count the cups.', None, False, True),
        ("I can't see any cups on the table.", None, False, False),
        ('The robot is sorry.', None, False, False),
        ('', None, False, False),
        ('There are no', None, False, False),
    ],
)
def test_a_total_none_and_a_refusal_are_three_answers(text, count, none, refused):
    parsed = parse(text)
    assert (parsed.count, parsed.none, parsed.refused) == (count, none, refused)


@pytest.mark.parametrize(
    'text',
    [
        '',
        'The robot grasps the red block at 0.5 s, then again; 3 times in all: a < b > c.',
        'Use </points> and <pointsman> as you like, coords="0.5 1 345 678".',
        '0.5 1 345 678',
    ],
)
def test_a_sentence_gives_nothing_and_rejects_nothing(text):
    assert parse(text) == Parsed()


# --- Limits


def test_a_long_line_of_points_on_one_frame_is_capped():
    coords = '0.5 ' + ' '.join(f'{number} {number:03d} 500' for number in range(1, 301))
    parsed = one(coords + ';1.0 301 500 500')
    assert len(parsed.points) == ParseLimits().points_per_frame + 1
    assert parsed.points[-1].time == 1.0
    assert reasons(parsed) == [Reason.TOO_MANY.value]


def test_points_in_all_are_capped_over_all_blocks():
    coords = ';'.join(f'{n}.0 {n} 345 678' for n in range(1, 9))
    text = f'<tracks coords="{coords}">x</tracks>' * 3 + 'a total of 3'
    parsed = parse(text, ParseLimits(rows=10))
    assert [len(block.points) for block in parsed.blocks] == [8, 2, 0]
    assert reasons(parsed) == [Reason.TOO_MANY.value]
    assert parsed.count == 3


def test_rows_that_are_rejected_count_towards_the_limit():
    extra = ';'.join(f'{second}.0 1 345 678 900' for second in range(1, 6))
    text = f'<points coords="{extra}">x</points><points coords="9.0 1 345 678">y</points>'
    assert rows(parse(text)) == [(9.0, 1, 345, 678)]
    limited = parse(text, ParseLimits(rows=3))
    assert rows(limited) == []
    assert reasons(limited) == [Reason.EXTRA.value] * 3 + [Reason.TOO_MANY.value]


def test_block_that_begins_inside_another_is_read():
    parsed = parse('<points coords="0.5 1 345 678">red <tracks coords="1.0 2 111 222">b</tracks>')
    assert [block.kind for block in parsed.blocks] == ['points', 'tracks']
    assert rows(parsed) == [(0.5, 1, 345, 678), (1.0, 2, 111, 222)]


def test_no_row_is_read_after_the_last_one_allowed():
    for more in ('', ' 678', ' 678 1.5 3 111 222">cup</points>'):
        parsed = parse(f'<points coords="0.5 1 345 678 1.0 2 345{more}', ParseLimits(rows=1))
        assert rows(parsed) == [(0.5, 1, 345, 678)]
        assert reasons(parsed) == [Reason.TOO_MANY.value]


def test_one_endless_group_is_read_in_part():
    coords = '0.5' + ' 1 345 678' * 20_000 + ' 7;1.0 1 345 678'
    parsed = parse(f'<tracks coords="{coords}">x</tracks>', ParseLimits(rows=10**6))
    assert rows(parsed) == [(0.5, 1, 345, 678), (1.0, 1, 345, 678)]
    assert reasons(parsed)[-1] == Reason.MORE.value


def test_an_endless_article_is_read_in_part():
    text = '<points coords="' + ' '.join(f'{n} 1 0.45 0.32' for n in range(1, 6000)) + '"/>'
    assert len(parse(text).points) == 3000


def test_blocks_are_capped_and_the_total_still_read():
    text = '<points coords="1 1 345 678">x</points>' * 300 + ' shows a total of 300.'
    parsed = parse(text)
    assert len(parsed.blocks) == ParseLimits().blocks
    assert reasons(parsed) == [Reason.TOO_MANY.value]
    assert parsed.count == 300


def test_rejections_are_capped_and_say_how_many_more():
    parsed = one(';'.join(['0.5 1 345 678'] * 100))
    assert reasons(parsed) == [Reason.REPEATED_ID.value] * 50 + [Reason.MORE.value]
    assert parsed.rejections[-1].text == '49 more rejections'


def test_one_point_repeated_in_every_frame_is_degenerate_pointing_and_a_sound_track():
    coords = '0.5 1 345 678;1.0 1 345 678;1.5 1 345 678'
    pointing, track = one(coords), parse(f'<tracks coords="{coords}">cup</tracks>')
    assert len(pointing.points) == len(track.tracks) == 3
    assert reasons(pointing) == [Reason.DEGENERATE.value]
    assert reasons(track) == []
    assert reasons(one(coords.replace('1.5 1', '1.5 2'))) == []


_MEGABYTE = 1_000_000
HUGE = {
    'open tags': '<points coords="',
    'bare tags': '<points ',
    'closing tags': '</points',
    'spaces': ' ',
    'digits': '9',
    'angle brackets': '<',
    'one row': '0.5 1 1 1;',
    'totals': 'the total number of ',
    'alt': ' alt="x',
    'alt with coords': ' alt="coords="x coords="x" ',
    'coords without quotes': ' coords=',
    'blocks': '<points coords="1 1 345 678">x</points>',
    'article': 't^1 1 0.45 0.32 ',
    'rows of four': '0.5 1 345 678 -12;',
    'words': 'x ',
    'lone words': 'x;',
    'empty frames': '0.5;',
    'empty groups': '; ',
    'quotes': '"',
}
OPENINGS = [
    '',
    '<points coords="',
    '<points ',
    '<points coords="1 1 345 678"',
    '<points coords="1">',
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize('piece', HUGE.values(), ids=HUGE)
def test_a_megabyte_is_read_in_linear_time(piece):
    for opening in OPENINGS:
        parsed = parse(opening + piece * (_MEGABYTE // len(piece)))
        points = sum(len(block.points) for block in parsed.blocks)
        assert points <= ParseLimits().rows
        assert len(parsed.blocks) <= ParseLimits().blocks
        assert len(parsed.rejections) <= ParseLimits().rejections + 1


@pytest.mark.timeout(60)
@pytest.mark.parametrize('piece', HUGE.values(), ids=HUGE)
def test_many_small_pieces_are_read_in_linear_time_and_alike(piece):
    text = ('<points coords="' + piece * 300) * 3 + '<points ' + piece * 300
    parser = Parser()
    for char in text:
        parser.feed(char)
        assert len(parser._waiting) <= 32
    assert parser.finish() == parse(text)


# --- Properties

_LABELS = st.text(max_size=40).map(str.strip)
_COUNTS = st.integers(0, 1000)


@st.composite
def written_rows(draw: st.DrawFn, images: bool = False) -> list[Row]:
    """Rows as a block may hold them: times ascend, ids differ inside a frame."""
    step = 1 if images else 10
    times = sorted(draw(st.sets(st.integers(1, 600), min_size=1, max_size=6)))
    written = []
    for time in times:
        for number in sorted(draw(st.sets(st.integers(1, 300), min_size=1, max_size=5))):
            x, y = draw(_COUNTS), draw(_COUNTS)
            written.append((time / step, number, x / 1000, y / 1000))
    return written


def as_rows(parsed: Parsed) -> list[Row]:
    return [(p.time, p.id, p.x, p.y) for block in parsed.blocks for p in block.points]


def sound(parsed: Parsed) -> bool:
    return set(reasons(parsed)) <= {Reason.DEGENERATE.value}


@given(st.data(), _LABELS, st.sampled_from(';\t:,'), st.booleans())
def test_what_is_written_is_read_again(data, label, separator, images):
    written = data.draw(written_rows(images))
    for write, kind in ((format_points, 'points'), (format_tracks, 'tracks')):
        text = write(written, label, separator=separator, images=images)
        parsed = parse(text)
        assert as_rows(parsed) == written
        assert [(b.kind, b.label, b.complete) for b in parsed.blocks] == [(kind, label, True)]
        assert sound(parsed)
        if '\n' not in text:
            assert [(t, i, round(1000 * x), round(1000 * y)) for t, i, x, y in written] == (
                reference(text)
            )


@given(written_rows(), _LABELS)
def test_a_written_count_is_read_again(written, label):
    parsed = parse(format_count(written, label))
    assert as_rows(parsed) == written
    assert parsed.count == len(written)
    assert not parsed.none


@given(written_rows(images=True), _LABELS)
def test_a_written_article_is_read_again(written, label):
    parsed = parse(format_article(written, label, decimals=3))
    assert article_rows(parsed) == written
    assert parsed.blocks[0].label == label
    assert parsed.rejections == ()


@given(st.data(), st.lists(written_rows(), min_size=1, max_size=4))
def test_several_blocks_are_read_apart(data, blocks):
    text = ' '.join(format_points(block, str(number)) for number, block in enumerate(blocks))
    parsed = parse(text)
    assert [[(p.time, p.id, p.x, p.y) for p in block.points] for block in parsed.blocks] == blocks
    assert all(p.block == n for n, block in enumerate(parsed.blocks) for p in block.points)


@pytest.mark.parametrize('write', [format_points, format_tracks, format_count])
def test_no_row_is_written_as_none(write):
    assert write([], 'cup') == 'There are none.'
    assert parse(write([], 'cup')).none


def test_times_and_coordinates_are_written_as_the_reference_writes_them():
    written = [(7.04, 3, 0.82, 1.2), (2.5, 1, 0.4121, 0.0005), (7.0, 2, -0.1, 1.0)]
    text = '<points coords="2.5 1 412 000;7.0 2 000 1000 3 820 1000">red cup</points>'
    assert format_points(written, 'red cup') == text


def test_points_are_numbered_in_the_trained_order():
    spots = [(1.0, 0.1, 0.5), (0.5, 0.3, 0.2), (0.5, 0.2999, 0.4), (0.5, 0.1, 0.9)]
    numbered = number_points(spots)
    expected = '<points coords="0.5 1 100 900 2 300 200 3 300 400;1.0 4 100 500">x</points>'
    assert format_points(numbered, 'x') == expected


_PIECES = st.sampled_from(
    ['<points coords="', '<points', '<tracks ', '</points>', '">', '"', "'", '/>', '>', '<']
    + ['alt="', 'coords=', ';', '\t', ',', ':', ' ', '\n', '0.5', '1.0', '1', '2', '345', '678']
    + ['1000', '-12', 't^1', 't^', '0.45', '.', '..', '0.5.1', '9' * 20, 'x_1', '\u0663', '\ud800']
    + ['\0', 'There are none.', 'shows a total of ', "Sorry, I can't count ", ' 1 345 678']
    + [' 1 0.45 0.32']
)
_TEXTS = st.text(max_size=60) | st.lists(_PIECES, max_size=40).map(''.join)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid answer with a few characters lost, put in or doubled."""
    write = draw(st.sampled_from([format_points, format_tracks, format_count, format_article]))
    text = write(draw(written_rows(images=write is format_article)), draw(_LABELS))
    for _ in range(draw(st.integers(1, 4))):
        a = draw(st.integers(0, len(text)))
        b = draw(st.integers(a, min(len(text), a + 8)))
        text = text[:a] + draw(st.sampled_from(['', text[a:b] * 2, *string.printable])) + text[b:]
    return text


@given(_TEXTS | mutated())
def test_parse_is_total(text):
    parsed = parse(text)
    for block in parsed.blocks:
        for point in block.points:
            assert 0 <= point.x <= 1
            assert 0 <= point.y <= 1
            assert point.id >= 0
            assert (point.time is None) != (point.frame_index is None)
            assert 0 <= point.head_start < point.start < point.end <= len(text)
            assert text[point.start : point.end].split()[0] == text[point.start :].split()[0]
            assert int(text[point.start : point.end].split()[0]) == point.id
        keys = [(p.time, p.frame_index, p.id) for p in block.points]
        assert len(keys) == len(set(keys))
    assert all(0 < len(rejection.text) <= 80 for rejection in parsed.rejections)


@given(st.data(), _TEXTS | mutated())
def test_any_cutting_into_pieces_gives_the_same(data, text):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=12)))
    parser = Parser()
    settled = []
    for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True):
        settled += parser.feed(text[a:b])
    parsed = parser.finish()
    assert parsed == parse(text)
    points = [point for block in parsed.blocks for point in block.points]
    assert settled == points[: len(settled)]


@given(st.data(), written_rows(), st.sampled_from([format_points, format_tracks, format_count]))
def test_cutting_a_valid_answer_keeps_a_prefix_of_its_points(data, written, write):
    text = write(written, 'red cup')
    cut = text[: data.draw(st.integers(0, len(text)))]
    kept = as_rows(parse(cut))
    assert kept == written[: len(kept)]
    assert set(reasons(parse(cut))) <= {
        Reason.CUT_OFF.value,
        Reason.DEGENERATE.value,
        Reason.EXTRA.value,  # `99 345 678 101`: an id of three digits may be a z
    }


@given(st.data(), written_rows(images=True))
def test_cutting_an_article_answer_keeps_a_prefix_of_its_points(data, written):
    text = format_article(written, 'red cup', decimals=3)
    kept = article_rows(parse(text[: data.draw(st.integers(0, len(text)))]))
    assert kept == written[: len(kept)]


def test_points_settle_as_their_frame_ends():
    parser = Parser()
    assert parser.feed('<tracks coords="0.5 1 345 678 2 111 222') == ()
    assert [point.id for point in parser.feed(';1')] == [1, 2]
    assert parser.feed('.0 1 345 679') == ()
    assert [point.time for point in parser.feed('">red')] == [1.0]
    assert len(parser.finish().tracks) == 3
