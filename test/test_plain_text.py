# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest

from molmo_ground_ros.errors import BackendError, BadArgument, describe
from molmo_ground_ros.plain_text import (
    MOST_CHARACTERS,
    clean,
    one_line,
    traceback_text,
    visible,
)


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


HOSTILE = 'red\n[FATAL] [1.0] [molmo_ground]: stop\r\x1b[2J\x1b]0;title\x07%s{0}\u202e\u2028\x85x'


def test_what_hides_in_a_text_is_named():
    assert visible('a\u202eb\n<\x1b[31m') == 'a<U+202E>b\n<<U+001B>[31m'


@pytest.mark.parametrize(
    ('text', 'line'),
    [
        ('', ''),
        ('two  blanks stay', 'two  blanks stay'),
        ('a\nb', 'a b'),
        ('a \r\n  b\tc', 'a b c'),
        ('a\u2028b\x85c\x0bd', 'a b c d'),
        ('\x1b[31mred', '<U+001B>[31mred'),
        ('\ud800\0', '\ufffd\ufffd'),
        ('%s {0}', '%s {0}'),
    ],
)
def test_message_is_one_line_without_commands_to_a_terminal(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize('text', ['x' * 10**6, '\x1b' * 10**6, '\n' * 10**6, HOSTILE * 10**4])
def test_message_has_a_limit(text: str) -> None:
    line = one_line(text)
    assert len(line) <= MOST_CHARACTERS
    assert len(line.splitlines()) <= 1
    assert line.isprintable()


def test_no_message_of_an_error_can_pass_for_lines_of_a_log() -> None:
    for message in (str(BackendError(HOSTILE)), describe(ValueError(HOSTILE))):
        assert len(message.splitlines()) == 1
        assert message.isprintable()


def test_no_line_of_a_traceback_but_its_first_begins_at_the_left() -> None:
    try:
        raise RuntimeError(HOSTILE)
    except RuntimeError as error:
        first, *lines = traceback_text(error).splitlines()
    assert first.startswith('Traceback')
    assert len(lines) > 3
    assert all(line.startswith('  ') for line in lines)
    assert all(line.isprintable() for line in lines)
