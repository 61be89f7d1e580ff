# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Objects that are closed at the end of a `with` block."""

from __future__ import annotations

import pytest

from molmo_ground_ros.storage.closing import Closing


class Door(Closing):
    """Counts how often it is closed."""

    def __init__(self):
        self.closed = 0

    def close(self):
        self.closed += 1


def test_a_block_gives_the_object_and_closes_it_at_its_end():
    door = Door()
    with door as entered:
        assert entered is door
        assert door.closed == 0
    assert door.closed == 1


def test_an_error_closes_the_object_and_goes_on():
    door = Door()
    with pytest.raises(ZeroDivisionError), door:
        _ = 1 // 0
    assert door.closed == 1


def test_a_class_without_close_cannot_be_made():
    class Hole(Closing):
        pass

    with pytest.raises(TypeError, match='close'):
        Hole()
