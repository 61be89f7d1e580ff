# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")

from support.analyses import BALL, CUP, write_long_bag
from support.clips import stamp
from support.indexes import index, look_up, write_short_bag

from molmo_ground_ros.analysis.moments.lookup import match_expression


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Cups at 3, 60 and 100 s and a ball at 60.5 s of one recording; a cup at 3 s of another."""
    folder = tmp_path_factory.mktemp('indexed')
    write_long_bag(folder / 'long')
    write_short_bag(folder / 'short', '/wrist/image')
    index(folder, questions=(CUP, BALL))
    return folder


@pytest.mark.parametrize(
    ('text', 'total'),
    [
        pytest.param('', 5, id='no words: every moment'),
        pytest.param('cup', 4, id='a word of question and label'),
        pytest.param('Cups GRASP', 4, id='case and endings do not count'),
        pytest.param('grasped cup', 4, id='order does not count'),
        pytest.param('cup ball', 0, id='every word must be there'),
        pytest.param('"ball roll"', 1, id='a phrase'),
        pytest.param('"roll ball"', 0, id='a phrase in another order'),
        pytest.param('gras*', 4, id='a beginning'),
        pytest.param('cup NOT grasped', 0, id='no operator of FTS5'),
        pytest.param("cup') -- (^:", 4, id='signs are no words'),
    ],
)
def test_words_match_question_and_label(folder, text, total):
    assert look_up(folder, text).total == total


@pytest.mark.parametrize(
    ('search', 'seconds'),
    [
        pytest.param({'since_ns': stamp(60.0)}, [100.0, 60.5, 60.0], id='since, itself in it'),
        pytest.param({'until_ns': stamp(60.0)}, [60.0, 3.0, 3.0], id='until, itself in it'),
        pytest.param({'camera': 'wrist'}, [3.0], id='a part of the topic'),
        pytest.param({'recording': 'long'}, [100.0, 60.5, 60.0, 3.0], id='a part of the path'),
        pytest.param({'most': 2}, [100.0, 60.5], id='the newest'),
        pytest.param({'most': 0}, [100.0, 60.5, 60.0, 3.0, 3.0], id='all, newest first'),
        pytest.param({'least_score': 0.1}, [], id='an unknown score is too low'),
    ],
)
def test_moments_are_narrowed_by_time_camera_and_recording(folder, search, seconds):
    moments = look_up(folder, **search).moments
    assert [(moment.stamp_ns - stamp(0.0)) / 1e9 for moment in moments] == seconds


def test_matches_say_what_they_are_a_part_of(folder):
    matches = look_up(folder, 'cup', most=1)
    assert (matches.total, matches.recordings, matches.searched) == (4, 2, 2)
    assert matches.queries == (CUP.query.text, BALL.query.text)


@pytest.mark.parametrize(
    ('text', 'expression'),
    [
        ('red block', '"red" "block"'),
        ('"red block" gras*', '"red block" "gras*"*'),
        ('- " ""', ''),
    ],
)
def test_words_of_a_person_are_quoted(text, expression):
    assert match_expression(text) == expression
