# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest
from support.clips import filled, stamp


def test_message_of_a_stamp_is_the_one_that_is_held():
    window = filled(seconds=2.0).pin()
    assert window.at(stamp(1.3)) is window.stored[13]
    assert window.at(stamp(0.0)) is window.stored[0]
    assert window.at(stamp(2.0)) is window.stored[-1]


@pytest.mark.parametrize('seconds', [-1.0, 1.25, 3.0], ids=['before', 'between', 'after'])
def test_stamp_without_a_message_is_none(seconds):
    assert filled(seconds=2.0).pin().at(stamp(seconds)) is None


def test_message_is_held_though_the_buffer_has_dropped_it():
    buffer = filled(seconds=2.0)
    window = buffer.pin()
    buffer.clear()
    assert window.at(stamp(1.3)) is not None
