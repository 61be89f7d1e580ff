# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""RVL encoded as its article says, to compare our decoder with."""

import struct


def encoded(values):
    """The stream of the article's encoder, one group of four bits after the other."""
    groups = []

    def write(number):
        while number > 7:
            groups.append((number & 7) | 8)
            number >>= 3
        groups.append(number)

    at, previous = 0, 0
    while at < len(values):
        end = at
        while end < len(values) and values[end] == 0:
            end += 1
        write(end - at)
        at = end
        while end < len(values) and values[end] != 0:
            end += 1
        write(end - at)
        for value in values[at:end]:
            difference = int(value) - previous
            write(difference << 1 if difference >= 0 else (-difference << 1) - 1)
            previous = int(value)
        at = end
    groups += [0] * (-len(groups) % 8)
    words = [
        sum(group << (28 - 4 * place) for place, group in enumerate(groups[start : start + 8]))
        for start in range(0, len(groups), 8)
    ]
    return struct.pack(f'<{len(words)}I', *words)
