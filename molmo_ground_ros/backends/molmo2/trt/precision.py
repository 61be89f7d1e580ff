# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How weights may be stored in an engine, and what is computed in then."""

from __future__ import annotations

# Most exact first: what 'auto' takes of the plans that are there. One int8 scale a channel or block
# keeps more of a weight than the three bits of an fp8 mantissa do.
FORMATS = ('bfloat16', 'float16', 'int8', 'fp8', 'int4')


def computed(weights: str) -> str:
    """The precision of everything but the stored weights, and of the vision tower."""
    return weights if weights in ('bfloat16', 'float32') else 'float16'
