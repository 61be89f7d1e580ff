# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

import pytest

from molmo_ground_ros import grammar
from molmo_ground_ros.backends.base import Token
from molmo_ground_ros.scores import TokenSpans, point_spans, score

TEXT = 'Counting the <points coords="0.5 1 345 678;14.0 2 123 1000">x</points> shows a total of 2.'


def chars(text: str, unsure: dict[int, float]) -> list[Token]:
    """One token a character, sure of all but the given positions."""
    return [Token(c, math.log(unsure.get(i, 1.0))) for i, c in enumerate(text)]


@pytest.mark.parametrize(
    ('index', 'expected'),
    [(0, ['0.5', '1', '34', '67']), (1, ['14.0', '2', '12', '100'])],
)
def test_time_id_and_leading_digits_decide_a_point(index: int, expected: list[str]) -> None:
    point = grammar.parse(TEXT).blocks[0].points[index]
    assert [TEXT[a:b] for a, b in point_spans(TEXT, point)] == expected


def test_score_is_the_product_over_deciding_tokens_only() -> None:
    first, second = grammar.parse(TEXT).blocks[0].points
    at = TEXT.index('345')
    unsure = {at: 0.5, at + 2: 0.01, TEXT.index('0.5'): 0.8}
    tokens = TokenSpans(chars(TEXT, unsure))
    assert score(TEXT, first, tokens) == pytest.approx(0.4)
    assert score(TEXT, second, tokens) == pytest.approx(1.0)


def test_token_that_spans_several_digits_counts_once() -> None:
    pieces = ['<points coords="', '0.5', ' 1', ' 345', ' 678', '">x</points>']
    tokens = TokenSpans([Token(piece, math.log(0.5)) for piece in pieces])
    text = ''.join(pieces)
    (point,) = grammar.parse(text).blocks[0].points
    assert score(text, point, tokens) == pytest.approx(0.5**4)


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
    assert TokenSpans([Token('a', 1e-9)]).probability([(0, 1)]) == 1.0


def test_article_decimals_are_taken_whole() -> None:
    text = '<points coords="t^1 1 0.45 0.32">red car</points>'
    (point,) = grammar.parse(text).blocks[0].points
    assert [text[a:b] for a, b in point_spans(text, point)][-2:] == ['0.45', '0.32']
