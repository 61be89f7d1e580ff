# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages and open files over a connection."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator

import pytest

from molmo_ground_ros.backends.own_process.channel import Disconnected, JsonChannel

Ends = tuple[JsonChannel, JsonChannel]


@pytest.fixture
def ends() -> Iterator[Ends]:
    pair = [JsonChannel(end, 0.05) for end in socket.socketpair()]
    yield pair[0], pair[1]
    for end in pair:
        end.close()


def test_messages_arrive_in_order_whatever_their_text_holds(ends: Ends) -> None:
    texts = ['', 'two\nlines', 'a lone \ud83d', 'nul \0', 'x' * 20_000]
    for text in texts:
        ends[0].send({'text': text, 'number': float('-inf')})
        assert ends[1].receive(1) == {'text': text, 'number': float('-inf')}
    for text in texts[:4]:
        ends[0].send({'text': text})
    assert [ends[1].receive(0) for _ in range(5)] == [*({'text': t} for t in texts[:4]), None]


def test_files_arrive_with_their_messages_and_in_their_order(ends: Ends) -> None:
    for number in range(40):
        with tempfile.TemporaryFile() as file:
            file.write(b'%d' % number)
            file.flush()
            ends[0].send({'number': number}, [file.fileno()])
    for number in range(40):
        assert ends[1].receive(1) == {'number': number}
        copy = ends[1].take_file()
        assert os.get_inheritable(copy) is False
        with os.fdopen(copy, 'rb') as file:
            file.seek(0)
            assert file.read() == b'%d' % number


def test_files_that_nobody_takes_are_closed_with_the_channel(ends: Ends) -> None:
    with tempfile.TemporaryFile() as file:
        ends[0].send({}, [file.fileno()])
    assert ends[1].receive(1) == {}
    (copy,) = ends[1]._files
    ends[1].close()
    with pytest.raises(OSError, match='Bad file descriptor'):
        os.fstat(copy)


def test_end_of_the_other_side_is_told_after_its_last_message(ends: Ends) -> None:
    ends[0].send({'last': True})
    ends[0].close()
    assert ends[1].receive(None) == {'last': True}
    with pytest.raises(Disconnected):
        ends[1].receive(None)
    with pytest.raises(Disconnected):
        ends[1].send({})


def test_side_that_takes_nothing_ends_in_a_timeout(ends: Ends) -> None:
    with pytest.raises(TimeoutError):
        ends[0].send({'text': 'x' * 10_000_000})
