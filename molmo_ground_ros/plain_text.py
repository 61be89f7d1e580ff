# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Replaces the characters that a ROS message or a UTF-8 file cannot hold.

Text from outside is cleaned once, where it enters: the model's text in `grounding/grounder.py`, the
message of every error in `errors.py`, and fields of messages in `ros/convert.py`.
"""

from __future__ import annotations

import re

# A lone surrogate has no UTF-8, so that serialising raises. A NUL ends a string of the middleware.
_UNSENDABLE = re.compile('[\0\ud800-\udfff]')

REPLACEMENT = '\N{REPLACEMENT CHARACTER}'


def clean(text: str) -> str:
    """The text with each NUL and each surrogate replaced by U+FFFD. Its length stays the same."""
    return _UNSENDABLE.sub(REPLACEMENT, text)
