# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Words for people: text that can be sent and shown, and stamps, sizes and names in a message.

Text from outside is cleaned once, where it enters: the model's text in `grounding/grounder.py`, the
message of every error in `errors.py`, and fields of messages in `ros/convert.py`. What is written
to a log or a terminal is visible as well: it cannot pass for a line of its own, nor be a command.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable

# A lone surrogate has no UTF-8, so that serialising raises. A NUL ends a string of the middleware.
_UNSENDABLE = re.compile('[\0\ud800-\udfff]')

# What hides, and what a terminal obeys: controls but for tab and line feed, surrogates, and the
# signs that turn the direction of the text around them.
_HIDDEN = re.compile(
    '[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]'
)
_BREAKS = re.compile('[ \t]*[\t\n\x0b\x0c\r\x1c-\x1e\x85\u2028\u2029][\\s]*')
_SECRET = re.compile(r'//[^/?#]*@')
# Characters of a message that quotes text from outside, which may have any length.
MOST_CHARACTERS = 2000

REPLACEMENT = '\N{REPLACEMENT CHARACTER}'


def clean(text: str) -> str:
    """The text with each NUL and each surrogate replaced by U+FFFD. Its length stays the same."""
    return _UNSENDABLE.sub(REPLACEMENT, text)


def visible(text: object) -> str:
    """A text in which every character that would hide is replaced by its name, as <U+202E>."""
    return _HIDDEN.sub(lambda match: f'<U+{ord(match[0]):04X}>', str(text))


def one_line(text: str) -> str:
    """A text for a message: clean, visible, on one line, and at most MOST_CHARACTERS long."""
    line = visible(_BREAKS.sub(' ', clean(text[: MOST_CHARACTERS + 1])))
    if len(line) <= MOST_CHARACTERS:
        return line
    return f'{line[: MOST_CHARACTERS - 1]}\N{HORIZONTAL ELLIPSIS}'


def without_secret(address: str) -> str:
    """An address for messages: a user and password in it are replaced by ***."""
    return _SECRET.sub('//***@', address)


def traceback_text(error: BaseException) -> str:
    """An error with its traceback and causes, for a log. No line but the first begins at its left.

    So no line of a message that an error quotes can pass for a line of the log.
    """
    first, *lines = visible(clean(''.join(traceback.format_exception(error)))).splitlines()
    return '\n  '.join([first, *lines])


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
