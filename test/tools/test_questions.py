# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Truth to question and answer, and the vocabulary both are written in."""

import numpy as np
import pytest

from tools.tabletop.questions import ANY, TEMPLATES, ClipTruth, answer, wording
from tools.tabletop.vocabulary import CHAT, VISUAL, make_tokenizer

RED, GREEN, BLUE = 0, 1, 2


def clip() -> ClipTruth:
    """Four frames: red lifted in the second and the last, green from the second frame on."""
    point = np.full((4, 6, 2), np.nan, np.float32)
    point[:, RED] = [(0.1, 0.2), (0.3, 0.25), (0.3, 0.4), (1.0, 0.0004)]
    point[1:, GREEN] = (0.05, 0.9)
    clear = ~np.isnan(point[..., 0])
    lifted = np.zeros((4, 6), bool)
    lifted[[1, 3], RED] = True
    return ClipTruth(('0.0', '0.5', '1.0', '1.3'), point, clear, lifted)


GRASPS = '<points coords="0.5 1 300 250;1.3 2 1000 000">grasp of the red block</points>'


@pytest.mark.parametrize(
    ('kind', 'colour', 'expected'),
    [
        pytest.param('point', RED, '<points coords="0.0 1 100 200">red block</points>', id='point'),
        pytest.param('point', BLUE, 'There are none.', id='absent'),
        pytest.param('grasp_count', GREEN, 'There are none.', id='never grasped'),
        pytest.param('grasp_point', RED, GRASPS, id='grasps as points'),
        pytest.param(
            'grasp_count', RED, f'Counting the {GRASPS} shows a total of 2.', id='grasps counted'
        ),
        pytest.param(
            'grasp_count',
            ANY,
            'Counting the <points coords="0.5 1 300 250;1.3 2 1000 000">grasp of a block</points>'
            ' shows a total of 2.',
            id='grasps of any block',
        ),
        pytest.param(
            'count',
            ANY,
            'Counting the <points coords="0.0 1 100 200;0.5 2 050 900">blocks</points>'
            ' shows a total of 2.',
            id='ids run on over the frames',
        ),
        pytest.param(
            'track',
            GREEN,
            '<tracks coords="0.5 1 050 900;1.0 1 050 900;1.3 1 050 900">green block</tracks>',
            id='track leaves out frames without it',
        ),
        pytest.param('track', BLUE, 'There are none.', id='track of nothing'),
    ],
)
def test_answers_are_in_the_trained_grammar(kind: str, colour: int, expected: str) -> None:
    assert answer(kind, colour, clip()) == expected


def test_points_in_a_frame_are_sorted_by_x() -> None:
    truth = clip()
    truth.point[0, GREEN] = (0.05, 0.9)
    truth.clear[0, GREEN] = True
    assert answer('point', ANY, truth) == '<points coords="0.0 1 050 900 2 100 200">blocks</points>'


def test_block_held_from_before_the_clip_is_no_grasp() -> None:
    truth = clip()
    truth.lifted[0, RED] = True
    assert truth.grasps(RED) == [(3, RED)]


def test_wordings_are_seeded_and_name_the_colour() -> None:
    for kind in TEMPLATES:
        one, two = (wording(kind, GREEN, np.random.default_rng(3)) for _ in range(2))
        assert one == two
        assert 'green block' in one


TEXTS = [
    'How many times was the red block grasped?',
    'how many times did the robot grasp the purple block',
    GRASPS,
    '<tracks coords="0.0 1 635 522;12.3 1 606 1000">red block</tracks>',
    'There are none.',
    'Wo ist der rote Würfel?  \t 12.345 1000000 日本',
    '',
]


@pytest.mark.parametrize('text', TEXTS)
def test_tokenizer_gives_the_text_back(text: str) -> None:
    tokenizer, base = make_tokenizer()
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text
    assert all(number < base for number in ids)


def test_grammar_pieces_are_single_tokens() -> None:
    tokenizer, base = make_tokenizer()
    group = tokenizer.encode('12.5 1 412 630;', add_special_tokens=False).tokens
    assert len(group) == 5
    frame = tokenizer.encode(' 0.5 <im_start><im_patch><im_end>', add_special_tokens=False).tokens
    assert len(frame) == 5
    assert [tokenizer.token_to_id(text) for text in VISUAL] == [*range(base, base + len(VISUAL))]
    assert all(tokenizer.token_to_id(text) < base for text in CHAT)
