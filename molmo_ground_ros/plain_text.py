# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Words for people: text that can be sent, and stamps, sizes and names in a message.

Text from outside is cleaned once, where it enters: the model's text in `grounding/grounder.py`, the
message of every error in `errors.py`, and fields of messages in `ros/convert.py`.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable

# A lone surrogate has no UTF-8, so that serialising raises. A NUL ends a string of the middleware.
_UNSENDABLE = re.compile('[\0\ud800-\udfff]')

REPLACEMENT = '\N{REPLACEMENT CHARACTER}'


def clean(text: str) -> str:
    """The text with each NUL and each surrogate replaced by U+FFFD. Its length stays the same."""
    return _UNSENDABLE.sub(REPLACEMENT, text)


def traceback_text(error: BaseException) -> str:
    """An error with its traceback and causes, for a log: text that can be written."""
    return clean(''.join(traceback.format_exception(error)))


def seconds(stamp_ns: int) -> str:
    """A stamp or span as text for a person: seconds with milliseconds."""
    return f'{stamp_ns / 1e9:.3f} s'


def size(nbytes: int) -> str:
    """Bytes as text for a person: 10^9, 10^6 or 10^3 of them, with two digits or more."""
    for unit, name in ((10**9, 'GB'), (10**6, 'MB')):
        if abs(nbytes) >= unit:
            return f'{nbytes / unit:.2f} {name}'
    return f'{nbytes / 1e3:.1f} kB'


def listed(names: Iterable[str]) -> str:
    """Names for an error message: quoted, sorted; 'none' for an empty list."""
    return ', '.join(f"'{name}'" for name in sorted(names)) or 'none'
