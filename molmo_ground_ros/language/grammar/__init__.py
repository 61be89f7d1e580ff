# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answer text to points, and points to answer text. Knows nothing of models or ROS.

    values.py      what a parse gives: points, blocks, reasons, limits
    rows.py        one block's coordinates -> points
    parser.py      an answer, as it streams -> blocks
    statements.py  the words around the blocks -> a stated total, "none", a refusal
    write.py       points -> the released text and the article's
    formats.py     a model family's name -> how it is asked, and how its answers are read
    json_points.py  loose_json.py   the answers of Qwen3-VL and Gemini

The format is that of molmo2 f3cb108, olmo/preprocessing/point_formatter.py ("html-v2", and v1 with
TABs), and of the article the product started from (`t^1 1 0.45 0.32`).
"""

from molmo_ground_ros.language.grammar.answer_formats import (
    FORMATS,
    MOLMO2,
    AnswerFormat,
    AnswerParser,
    format_of,
)
from molmo_ground_ros.language.grammar.identities import AnswerIds
from molmo_ground_ros.language.grammar.parsed import (
    DEFAULT_LIMITS,
    Block,
    Parsed,
    ParsedPoint,
    ParseLimits,
    Reason,
)
from molmo_ground_ros.language.grammar.parser import Parser, parse
from molmo_ground_ros.language.grammar.write import (
    format_article,
    format_count,
    format_points,
    format_tracks,
    number_points,
)

__all__ = [
    'DEFAULT_LIMITS',
    'FORMATS',
    'MOLMO2',
    'AnswerFormat',
    'AnswerIds',
    'AnswerParser',
    'Block',
    'ParseLimits',
    'Parsed',
    'ParsedPoint',
    'Parser',
    'Reason',
    'format_article',
    'format_count',
    'format_of',
    'format_points',
    'format_tracks',
    'number_points',
    'parse',
]
