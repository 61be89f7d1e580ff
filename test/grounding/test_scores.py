# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

import pytest

from molmo_ground_ros.backends.base import Token
from molmo_ground_ros.grounding.scores import TokenSpans, deciding_spans, score
from molmo_ground_ros.language import grammar

TEXT = 'Counting the <points coords="0.5 1 345 678;14.0 2 123 1000">x</points> shows a total of 2.'


def chars(text: str, unsure: dict[int, float]) -> list[Token]:
    """One token a character, sure of all but the given positions."""
    return [Token(c, math.log(unsure.get(i, 1.0))) for i, c in enumerate(text)]


@pytest.mark.parametrize(
    ('index', 'expected'),
    [
        pytest.param(0, ['0.5', '1', '34', '67'], id='first of all'),
        pytest.param(1, [' ', '0.5', '2', '12', '45'], id='second of a frame'),
        pytest.param(2, [';', '14.0', '3', '12', '100'], id='first of a later frame'),
    ],
)
def test_separator_time_id_and_leading_digits_decide_a_point(
    index: int, expected: list[str]
) -> None:
    text = '<points coords="0.5 1 345 678 2 123 456;14.0 3 123 1000">x</points>'
    point = grammar.parse(text).blocks[0].points[index]
    spans, fine = deciding_spans(text, point)
    assert [text[a:b] for a, b in spans] == expected
    assert len(fine) == 2


def test_score_is_the_product_over_deciding_tokens_only() -> None:
    first, second = grammar.parse(TEXT).blocks[0].points
    at = TEXT.index('345')
    unsure = {at: 0.5, at + 2: 0.01, TEXT.index('0.5'): 0.8}
    tokens = TokenSpans(chars(TEXT, unsure))
    assert score(TEXT, first, tokens) == pytest.approx(0.4)
    assert score(TEXT, second, tokens) == pytest.approx(1.0)


def test_token_of_a_whole_coordinate_is_left_out() -> None:
    pieces = ['<points coords="', '0.5', ' 1', ' 345', ' 678', '">x</points>']
    tokens = TokenSpans([Token(piece, math.log(0.5)) for piece in pieces])
    text = ''.join(pieces)
    (point,) = grammar.parse(text).blocks[0].points
    assert score(text, point, tokens) == pytest.approx(0.5**2)


def test_doubt_whether_there_is_one_more_lowers_the_score_of_that_one() -> None:
    first, second = grammar.parse(TEXT).blocks[0].points
    tokens = TokenSpans(chars(TEXT, {TEXT.index(';'): 0.3}))
    assert score(TEXT, first, tokens) == pytest.approx(1.0)
    assert score(TEXT, second, tokens) == pytest.approx(0.3)


def test_tokens_without_text_do_not_count() -> None:
    text = '<points coords="0.5 1 345 678">x</points>'
    plain = chars(text, {})
    silent = [*plain[:20], Token('', math.log(0.1)), *plain[20:]]
    (point,) = grammar.parse(text).blocks[0].points
    assert score(text, point, TokenSpans(silent)) == pytest.approx(1.0)


def test_score_is_nan_without_tokens() -> None:
    (point,) = grammar.parse('<points coords="0.5 1 345 678">x</points>').blocks[0].points
    assert math.isnan(score('<points coords="0.5 1 345 678">x</points>', point, TokenSpans([])))


def test_score_never_exceeds_one() -> None:
    assert TokenSpans([Token('a', 1e-9)]).probability([0]) == 1.0


def test_article_decimals_are_taken_whole() -> None:
    text = '<points coords="t^1 1 0.45 0.32">red car</points>'
    (point,) = grammar.parse(text).blocks[0].points
    spans, fine = deciding_spans(text, point)
    assert [text[a:b] for a, b in spans][-2:] == ['0.45', '0.32']
    assert fine == []


def test_unknown_probability_of_one_token_makes_the_score_unknown() -> None:
    (point,) = grammar.parse('<points coords="0.5 1 345 678">x</points>').blocks[0].points
    text = '<points coords="0.5 1 345 678">x</points>'
    tokens = TokenSpans([Token(c, math.nan if c == '5' else 0.0) for c in text])
    assert math.isnan(score(text, point, tokens))


JSON = '[{"time": 0.5, "point_2d": [345, 67], "label": "x"}, {"time": 14, "point_2d": [5, 1000]}]'


def test_of_json_the_brace_the_time_and_the_leading_digits_decide() -> None:
    first, second = grammar.FORMATS['qwen3-vl'].parse(JSON).points
    for point, expected in ((first, ['{', '0.5', '34', '6']), (second, ['{', '14', '100'])):
        spans, fine = deciding_spans(JSON, point)
        assert [JSON[a:b] for a, b in spans] == expected
        assert len(fine) == 2
    at = JSON.index('345')
    tokens = TokenSpans(chars(JSON, {at: 0.5, at + 2: 0.01, JSON.rindex('{'): 0.3}))
    assert score(JSON, first, tokens) == pytest.approx(0.5)
    assert score(JSON, second, tokens) == pytest.approx(0.3)
