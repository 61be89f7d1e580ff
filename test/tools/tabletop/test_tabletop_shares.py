# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every clip is in one process's share."""

from operator import itemgetter

import pytest

from tools.tabletop.shares import shares


@pytest.mark.parametrize(
    ('clips', 'processes', 'expected'),
    [(5, 2, [[0, 2, 4], [1, 3]]), (1, 4, [[0]]), (3, 0, [[0, 1, 2]])],
)
def test_every_clip_is_in_one_share(clips: int, processes: int, expected: list[list[int]]) -> None:
    assert shares(list, clips, processes) == expected


def test_error_of_a_share_is_raised() -> None:
    with pytest.raises(IndexError):
        shares(itemgetter(9), 2, 2)
