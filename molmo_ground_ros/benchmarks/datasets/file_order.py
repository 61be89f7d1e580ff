# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The order of numbered files."""

from __future__ import annotations

import re

_DIGITS = re.compile(r'(\d+)')


def numeric_order(name: str) -> list[tuple[str, int]]:
    """A sort key that compares the numbers in names as numbers: 'a9' comes before 'a10'."""
    parts = _DIGITS.split(name)
    return [
        (part, int(digits)) for part, digits in zip(parts[::2], [*parts[1::2], '0'], strict=True)
    ]
