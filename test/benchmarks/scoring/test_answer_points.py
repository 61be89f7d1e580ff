# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from molmo_ground_ros.benchmarks.scoring.answer_points import (
    AnswerPoint,
    answer_points,
    parity_points,
)
from molmo_ground_ros.language.grammar import format_tracks, parse

# What UnifiedPointFormatter.extract_multi_image_points of molmo2 f3cb108 gave for each text, run on
# 2026-11-22: (seconds, id, x, y), coordinates in thousandths.
RECORDED = [
    pytest.param(
        '<points coords="0.5 1 345 678 2 001 999;4.0 3 1000 456">cup</points>',
        [(0.5, 1, 345, 678), (0.5, 2, 1, 999), (4.0, 3, 1000, 456)],
        id='released',
    ),
    pytest.param(
        '<tracks coords="0.0 1 100 200\t1.0 1 110 210">cup</tracks>',
        [(0.0, 1, 100, 200), (1.0, 1, 110, 210)],
        id='TAB',
    ),
    pytest.param(
        'Counting the <points coords="9.97 1 345 678">a</points> shows a total of 1.',
        [(9.97, 1, 345, 678)],
        id='count',
    ),
    pytest.param(
        '<points coords="0.5 1 345 678; 1.0 2 123 456">cup</points>',
        [(0.5, 1, 345, 678)],
        id='space after ;',
    ),
    pytest.param(
        '<points coords="0.5 1 345 678,1.0 2 123 456:1.5 3 111 222">cup</points>',
        [(0.5, 1, 345, 678), (1.0, 2, 123, 456), (1.5, 3, 111, 222)],
        id='comma and colon',
    ),
    pytest.param(
        '<points alt="a > b" coords="0.5 1 345 678"/>',
        [(0.5, 1, 345, 678)],
        id='self-closing with alt',
    ),
    pytest.param(
        '<points coords="0.5 1 345 678;1.0 2 12',
        [],
        id='cut off',
    ),
    pytest.param(
        '<points coords="0.5 1 45 678 2 450 678">cup</points>',
        [(0.5, 2, 450, 678)],
        id='two digits',
    ),
    pytest.param(
        '<points coords="0.5 1 1001 678 2 450 678">cup</points>',
        [(0.5, 2, 450, 678)],
        id='over 1000',
    ),
    pytest.param(
        '<points coords="t^1 1 0.45 0.32">cup</points>',
        [],
        id='shares',
    ),
    pytest.param(
        "<points coords='0.5 1 345 678'>cup</points>",
        [],
        id='single quotes',
    ),
    pytest.param(
        '<points coords="0.5 1 345 678;\n1.0 1 345 678">cup</points>',
        [],
        id='newline',
    ),
    pytest.param(
        '<points coords="0.5 1 345 678">a</points> and <points coords="0.5 1 111 222">b</points>',
        [(0.5, 1, 345, 678), (0.5, 1, 111, 222)],
        id='two blocks',
    ),
    pytest.param(
        '<points coords="1 345 678">cup</points>',
        [],
        id='no head',
    ),
    pytest.param(
        'There are none.',
        [],
        id='none',
    ),
    pytest.param(
        '<points coords="0.5">cup</points>',
        [],
        id='head only',
    ),
    pytest.param(
        '<points coords="1 1 555 169">x</points>',
        [(1.0, 1, 555, 169)],
        id='integer head',
    ),
    pytest.param(
        '<points coords="0.5 01 0345 0678">x</points>',
        [(0.5, 1, 345, 678)],
        id='leading zeros',
    ),
]


@pytest.mark.parametrize(('text', 'points'), RECORDED)
def test_parity_reads_a_text_as_the_reference_did(text, points):
    assert parity_points(text) == [AnswerPoint(t, i, x / 1000, y / 1000) for t, i, x, y in points]


def test_parity_leaves_out_a_time_at_which_the_reference_fails():
    text = '<points coords="0.5.1 1 345 678;1.0 2 100 200">a</points>'
    assert parity_points(text) == [AnswerPoint(1.0, 2, 0.1, 0.2)]
    endless = f'<points coords="{"9" * 400} 1 345 678">a</points>'
    assert parity_points(endless) == []


@pytest.mark.parametrize(
    'text',
    [
        pytest.param('<points ' * 100_000, id='tags'),
        pytest.param(' coords="1"/>' * 100_000, id='coordinates'),
        pytest.param(f'<points coords="{"1;" * 200_000}">', id='heads'),
        pytest.param(f'<points coords="0.5 {"1 " * 200_000}">', id='short numbers'),
    ],
)
def test_parity_takes_linear_time(text):
    assert parity_points(text) == []


def test_default_keeps_what_is_whole_of_an_answer_that_was_cut_off():
    text = '<points coords="0.5 1 345 678;1.0 2 123 456;1.5 3 12'
    assert answer_points(parse(text)) == [
        AnswerPoint(0.5, 1, 0.345, 0.678),
        AnswerPoint(1.0, 2, 0.123, 0.456),
    ]


def test_ids_of_a_second_block_that_begin_anew_are_other_objects():
    first = format_tracks([(0.0, 1, 0.1, 0.1), (0.0, 3, 0.2, 0.2)], 'a')
    second = format_tracks([(0.0, 1, 0.5, 0.5), (1.0, 1, 0.6, 0.6)], 'b')
    assert [spot.id for spot in answer_points(parse(f'{first} {second}'))] == [1, 3, 4, 4]


def test_ids_of_a_second_block_that_go_on_stay():
    text = (
        '<points coords="t^1 1 0.45 0.32 t^2 1 0.48 0.35">\na\n</points>'
        '<points coords="t^1 2 0.62 0.55 t^3 2 0.65 0.57">\nb\n</points>'
    )
    assert answer_points(parse(text)) == [
        AnswerPoint(0.0, 1, 0.45, 0.32), AnswerPoint(0.5, 1, 0.48, 0.35),
        AnswerPoint(0.0, 2, 0.62, 0.55), AnswerPoint(1.0, 2, 0.65, 0.57),
    ]  # fmt: skip
