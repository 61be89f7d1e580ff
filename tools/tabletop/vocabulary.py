# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tokenizer: a small vocabulary in which the grammar's pieces are single tokens.

Text is cut by one regular expression; a cut that is in the vocabulary is one token, any other is
spelt in bytes, so every text encodes and decodes exactly. A time label ('12.5 '), a coordinate
(' 412') and a digit are one token each.
"""

from typing import Any

from tools.tabletop.questions import ANY, NONE, TEMPLATES, noun
from tools.tabletop.world import COLOURS

LITERALS = (
    '<points coords="',
    '<tracks coords="',
    '">',
    '</points>',
    '</tracks>',
    'Counting the ',
    ' shows a total of ',
    NONE,
)
TIMES = tuple(f'{tenth / 10:.1f} ' for tenth in range(640))
COORDINATES = tuple(f' {value:03d}' for value in range(1001))
PATTERN = (
    r'<points coords="|<tracks coords="|">|</points>|</tracks>|Counting the (?=<)'
    r'| shows a total of |There are none\.'
    r'|\d{1,2}\.\d | (?=\d{1,2}\.\d )| \d{3,4}(?!\d)| ?\d| ?[A-Za-z]+| ?[^\sA-Za-z0-9]|\s'
)
# Base vocabulary's last three, then the extra rows in the released order.
CHAT = ('<|endoftext|>', '<|im_start|>', '<|im_end|>')
VISUAL = (
    '<im_start>',
    '<im_end>',
    '<im_patch>',
    '<im_col>',
    '<low_res_im_start>',
    '<|image|>',
    '<im_low>',
    '<frame_start>',
    '<frame_end>',
    '<|video|>',
)


def _cutter() -> Any:
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior='isolated'),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def sentences() -> list[str]:
    """Every fixed text of the questions and answers; the source of the word list."""
    texts = ['<|im_start|>user\n', '<|im_start|>assistant\n', NONE, 'grasp of a block grasps of']
    for colour in (ANY, *range(len(COLOURS))):
        for template in (t for group in TEMPLATES.values() for t in group):
            for name in (noun(colour), noun(colour) + 's', 'a ' + noun(colour)):
                text = template.format(name)
                texts += [text, text[0].lower() + text[1:], name, 'grasp of the ' + name]
    return texts


def make_tokenizer() -> tuple[Any, int]:
    """The `tokenizers.Tokenizer` and the number of base tokens (the rest are visual)."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    cutter = _cutter()
    words = {piece for text in sentences() for piece, _ in cutter.pre_tokenize_str(text)}
    fixed = [_as_bytes(text) for text in LITERALS + TIMES + COORDINATES]
    digits = [_as_bytes(f' {digit}') for digit in range(10)]
    pieces = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces += [p for p in dict.fromkeys(fixed + digits + sorted(words)) if p not in set(pieces)]
    vocab = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = cutter
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in CHAT + VISUAL])
    return tokenizer, len(pieces) + len(CHAT)


def _as_bytes(text: str) -> str:
    """The text as the byte-level alphabet writes it."""
    from tokenizers import pre_tokenizers

    cut = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)
    return ''.join(piece for piece, _ in cut)
