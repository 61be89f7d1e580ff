# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads points from the text of an answer, and writes them. Knows nothing of models or ROS.

    parsed.py          what parsing gives: points, blocks, reasons, limits
    identities.py      ids that tell the objects of all blocks apart
    coordinates.py     the coordinates of one block -> points
    parser.py          an answer, while it streams -> blocks
    statements.py      the words around the blocks -> a stated total, "none", a refusal
    write.py           points -> the released text and the article's
    answer_formats.py  the name of a model family -> how it is asked, and how its answers are read
    loose_json.py      JSON as models write it -> values and their positions
    json_fields.py     the fields of time, frame, id and label in JSON
    json_points.py     the answers of Qwen3-VL and Gemini -> points
    json_block.py      those points -> a block

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
