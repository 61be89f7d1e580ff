# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One colour for each id, the same in every output.

People who cannot tell red from green can tell these apart.
"""

from __future__ import annotations

Colour = tuple[int, int, int]  # RGB, 0..255

# Source: Okabe and Ito, Color Universal Design. Black is left out: it is lost in a dark image.
PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (240, 228, 66),
    (204, 121, 167),
    (0, 158, 115),
    (213, 94, 0),
    (0, 114, 178),
)


def colour(number: int) -> Colour:
    """The colour of an id, which counts from 1."""
    return PALETTE[(number - 1) % len(PALETTE)]


def hexadecimal(number: int) -> str:
    """The colour of an id, which counts from 1, as HTML writes it: '#rrggbb'."""
    red, green, blue = colour(number)
    return f'#{red:02x}{green:02x}{blue:02x}'
