# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads the words around the blocks of an answer: a stated total, "none" or a refusal."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Stands in the words at the place of a block: U+FFFC, the object replacement character.
BLOCK = '\ufffc'

# All are read on lower-case text with single spaces. Up to nine digits: a count fits int32.
# Source of the first: molmo2 f3cb108, olmo/eval/evaluators.py:2657-2792. 200: an unbounded span
# would take quadratic time on a text that repeats the phrase.
_TOTAL = re.compile(
    r'(?:a total of|the total number(?: of .{1,200}?)? is:) ?(?P<total>[0-9]{1,9})(?![0-9])'
)
# molmo2 f3cb108, olmo/preprocessing/point_formatter.py:468 (count_then_point).
_BEFORE_BLOCK = re.compile(rf'\bthere (?:are|is) (?P<total>[0-9]{{1,9}}) ?{BLOCK}')
_BARE = re.compile(r'(?P<total>[0-9]{1,9})\.?')
# Ours, for models that were not trained on Molmo2's sentences.
_SENTENCE = re.compile(r'\bthere (?:are|is|were|was) (?P<total>[0-9]{1,9})(?![0-9]|[.:%,][0-9]|%)')
# molmo2 f3cb108, point_formatter.py:211,463; the second form is ours: "... in the video."
_NONE = re.compile(
    r'(?:(?:there (?:are|is) )?none|no tracks available)(?: (?:in|on|at) [^.,;!?]*)?[.!]?'
)
# molmo2 f3cb108, olmo/preprocessing/data_formatter.py:1251. A plain "I can't see any" is an answer.
_REFUSED = re.compile(
    r"(?:(?:i'm|i am) )?(?:very )?sorry\b"
    r"|i (?:can't|cannot|can not|could not|couldn't|am unable to|am not able to) "
    r'(?:answer|count|determine|help|locate|point|tell|track)\b'
)


@dataclass(frozen=True, slots=True)
class Statements:
    """Three different answers. Each may be missing."""

    count: int | None
    none: bool
    refused: bool


def read_statements(plain: str) -> Statements:
    """What the text outside the blocks states. BLOCK marks where each stood."""
    text = ' '.join(plain.lower().replace('\u2019', "'").split())
    total = _TOTAL.search(text) or _BEFORE_BLOCK.search(text) or _BARE.fullmatch(text)
    return Statements(
        count=int(total['total']) if total else None,
        none=_NONE.fullmatch(text) is not None,
        refused=_REFUSED.match(text) is not None,
    )


def words_count(plain: str) -> int | None:
    """A total as other models state it in a sentence, or emphasised; None if none is."""
    text = ' '.join(plain.lower().replace('*', '').replace('`', '').split())
    total = _BARE.fullmatch(text) or _SENTENCE.search(text)
    return int(total['total']) if total else None
