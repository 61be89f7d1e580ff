# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from molmo_ground_ros.backends.text_stream import TextStream


def decode(tokens: list[bytes]) -> str:
    """A byte-level tokenizer whose ids are the bytes themselves."""
    return b''.join(tokens).decode('utf-8', errors='replace')


def streamed(tokens: list[bytes]) -> tuple[list[str], str]:
    stream = TextStream(decode)
    return [stream.push(token) for token in tokens], stream.finish()


def cut(data: bytes, lengths: list[int]) -> list[bytes]:
    tokens = []
    for length in lengths:
        tokens.append(data[:length])
        data = data[length:]
    return [*tokens, data]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=4)))
def test_pieces_join_to_the_whole_text_whatever_the_bytes(tokens):
    pieces, rest = streamed(tokens)
    assert ''.join(pieces) + rest == decode(tokens)


@settings(deadline=None)
@given(st.text(), st.lists(st.integers(0, 3)))
def test_a_character_is_never_shown_by_halves(text, lengths):
    text = text.replace('\ufffd', '')
    pieces, rest = streamed(cut(text.encode(), lengths))
    assert '\ufffd' not in ''.join(pieces)
    assert ''.join(pieces) == text
    assert rest == ''


def test_a_character_comes_with_its_last_byte():
    pieces, rest = streamed([b'a', b'\xf0', b'\x9f', b'\x9f\xa5b'])
    assert pieces == ['a', '', '', '🟥b']
    assert rest == ''


def test_a_tail_that_is_never_completed_comes_at_the_end():
    pieces, rest = streamed([b'a\xf0', b'\x9f'])
    assert pieces == ['a', '']
    assert rest == '\ufffd'


def test_bytes_that_cannot_be_text_do_not_hold_the_rest_back():
    pieces, _ = streamed([b'\x80', b'\x80', b'\x80', b'a'])
    assert pieces == ['', '\ufffd', '\ufffd', '\ufffda']


def test_a_real_replacement_character_is_kept():
    pieces, rest = streamed(['\ufffd'.encode(), b'a'])
    assert ''.join(pieces) + rest == '\ufffda'
