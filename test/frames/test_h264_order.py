# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Losses of H.264 that the numbers of its images tell of, on packets of real encoders."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

pytest.importorskip('av', reason="needs PyAV: pip install 'molmo_ground_ros[bag]'")

from hypothesis import given, settings
from hypothesis import strategies as st
from support.packets import GOP, packets

from molmo_ground_ros.frames.h264_order import FrameNumbers


def gaps(made: Sequence[bytes]) -> list[int]:
    numbers = FrameNumbers()
    return [index for index, data in enumerate(made) if not numbers.follows(data)]


@pytest.mark.parametrize('name', ['h264', 'h264 with B-frames'])
def test_a_video_without_a_loss_has_none(name: str) -> None:
    assert gaps([data for _, data in packets(name, 3 * GOP)]) == []


@pytest.mark.parametrize('lost', [1, 7, 13, 20, 44])
def test_a_lost_packet_shows_in_the_one_after_it(lost: int) -> None:
    made = [data for _, data in packets('h264', 4 * GOP, 2 * GOP)]
    assert gaps(made[:lost] + made[lost + 1 :]) == [lost]


def test_a_loss_before_a_keyframe_is_none() -> None:
    made = [data for _, data in packets('h264')]
    assert gaps(made[: GOP - 3] + made[GOP:]) == []


def test_images_that_nothing_builds_on_may_be_lost() -> None:
    """The type of a slice stands in its unit's first byte: no reference where that says 0."""
    made = [data for _, data in packets('h264 with B-frames')]
    free = [n for n, data in enumerate(made) if not data[data.rindex(b'\0\0\1') + 3] & 0x60]
    assert free
    for number in free:
        assert gaps(made[:number] + made[number + 1 :]) == []


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    numbers = FrameNumbers()
    for head in (b'\0\0\1\x67', b'\0\0\1\x68', b'\0\0\1\x41', b''):
        assert numbers.follows(head + data) in (True, False)
