# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a model may write when it does not write what it was trained to."""

from __future__ import annotations

_POINT = '<points coords="{}">block</points>'.format

TEXTS = {
    'malformed': '<points coords="a b; 1 2;;; 0.0 1 500">block</points',
    'empty': '',
    'cut': '<points coords="0.0 1 250 750;0.5 1 2',
    'repeated': _POINT(';'.join(['0.0 1 250 750'] * 300)),
    'endless': 'block ' * 20_000,
    'far': _POINT('0.0 1 99999 -5;1e999 2 nan inf;0.0 3 250 750'),
    'no-such-time': _POINT('77.7 1 250 750'),
    'huge-count': f'Counting the {_POINT("0.0 1 250 750")} shows a total of {10**30}.',
    'huge-id': _POINT(f'0.0 {10**30} 250 750;0.0 {2**31} 300 300'),
    'surrogate': _POINT('0.0 1 250 750').replace('block', 'b\ud83dl\0ck'),
    'terminal': '\x1b[2J\x1b]0;owned\x07 \r[ERROR] [1.0] [molmo_ground]: all is lost\n\u202e',
    'format': '%s %n {0} {} $(touch /tmp/x) `id` ../../../etc/passwd; DROP TABLE points',
    'markup': '<script>alert(1)</script><points coords="0.0 1 250 750"><b>x</b></points>',
    'long': 'x' * 5_000_000,
}
"""By name, for the order `!say NAME`."""
