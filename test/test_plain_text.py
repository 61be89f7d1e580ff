# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

from molmo_ground_ros.errors import BackendError, BadArgument, describe
from molmo_ground_ros.plain_text import clean, traceback_text


@pytest.mark.parametrize(
    ('text', 'cleaned'),
    [
        ('', ''),
        ('der rote Würfel 🟥\n', 'der rote Würfel 🟥\n'),
        ('red\ud800 block', 'red\ufffd block'),
        ('\udfff', '\ufffd'),
        ('red\0block', 'red\ufffdblock'),
    ],
)
def test_only_what_cannot_be_sent_is_replaced_and_the_length_stays(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
    assert len(cleaned) == len(text)
    assert cleaned.encode().decode() == cleaned


def test_messages_of_errors_can_be_sent_whatever_they_quote() -> None:
    assert str(BackendError('token \ud83d\0')) == 'token \ufffd\ufffd'
    assert str(BadArgument('label', '\ud83d', 'odd \udc00')).encode()


def test_foreign_error_is_described_by_class_and_message() -> None:
    assert describe(ValueError('no \ud800')) == 'ValueError: no \ufffd'
    assert describe(SystemExit(3)) == 'SystemExit: 3'


def test_foreign_error_whose_message_raises_is_described_too() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError('no message')

    assert describe(Mute()) == 'Mute: it has no readable message'


def test_traceback_of_an_error_with_a_lone_surrogate_can_be_written():
    try:
        raise RuntimeError('cannot decode \ud83d')
    except RuntimeError as error:
        text = traceback_text(error)
    assert text.encode()
    assert text.startswith('Traceback')
    assert text.rstrip().endswith('RuntimeError: cannot decode \N{REPLACEMENT CHARACTER}')
