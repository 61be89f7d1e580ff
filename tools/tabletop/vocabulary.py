# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tokenizer: a small vocabulary in which the grammar's pieces are single tokens.

Text is cut by one regular expression; a cut that is in the vocabulary is one token, any other is
spelt in bytes, so every text encodes and decodes exactly. A time label ('12.5 '), a coordinate
(' 412') and a digit are one token each. Words for what the world does not hold are left out on
purpose: what is spelt in bytes is what the model does not know.
"""

import re
from functools import cache
from typing import Any

from tools.tabletop.questions import phrases, texts, wordings
from tools.tabletop.questions.replies import NONE

LITERALS = (
    '<points coords="',
    '<tracks coords="',
    '">',
    '</points>',
    '</tracks>',
    'Counting the ',
    ' shows a total of ',
    NONE,
    texts.OUTSIDE,
)
TIMES = tuple(f'{tenth / 10:.1f} ' for tenth in range(640))
COORDINATES = tuple(f' {value:03d}' for value in range(1001))
PATTERN = (
    r'<points coords="|<tracks coords="|">|</points>|</tracks>|Counting the (?=<)'
    rf'| shows a total of |There are none\.|{re.escape(texts.OUTSIDE)}'
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
_ANSWERS = (
    'Yes. No. Nothing. There are no . I do not know which one is meant. The , then the and goes on '
    'moves no thing puts it down stacks that was been user assistant a an the'
)


def words() -> set[str]:
    """Every word of the questions and answers, in lower case as far as they are at a start."""
    pieces = [_ANSWERS, *phrases.all_names(), *phrases.ORDINALS, *phrases.HANDS]
    pieces += [phrases.plural(noun) for nouns in phrases.NOUNS.values() for noun in nouns]
    pieces += [phrases.plural(noun) for noun in phrases.GRIPPER_NAMES]
    for action in phrases.ACTIONS.values():
        pieces += [*action.noun, *action.plural, *action.past]
        pieces += [*action.verb, *(f'{verb}s {verb}es' for verb in action.verb)]
    pieces += [*phrases.ARTEFACT_NOUNS, 'anomalies', 'artifacts', 'glitches']
    pieces += [label for labels in phrases.ARTEFACT_LABELS.values() for label in labels]
    pieces += list(texts.STORY.values()) + ['left leftmost rightmost right from at start end what']
    pieces += ['in on under nearest closest to of largest biggest smallest larger bigger smaller']
    pieces += ['is holding holds carrying last first pick-up tipping touches fails']
    for task in wordings.tasks():
        pieces += [re.sub(r'{\w+}', ' ', form) for form in wordings.forms(task)]
    return set(re.findall(r'[A-Za-z]+', ' '.join(pieces)))


@cache
def _spellings() -> tuple[str, ...]:
    """The words, each as it may stand in a text: after a space or not, with a capital or not."""
    found = {form for word in words() for form in (word, word.lower(), word.capitalize())}
    return tuple(sorted(found | {f' {word}' for word in found}))


def _cutter() -> Any:
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior='isolated'),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def make_tokenizer() -> tuple[Any, int]:
    """The `tokenizers.Tokenizer` and the number of base tokens (the rest are visual)."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    fixed = [_as_bytes(text) for text in LITERALS + TIMES + COORDINATES]
    digits = [_as_bytes(f' {digit}') for digit in range(10)]
    marks = [_as_bytes(f' {mark}') for mark in '"\'<(:,.?;']
    known = [_as_bytes(word) for word in _spellings()]
    pieces = sorted(pre_tokenizers.ByteLevel.alphabet())
    letters = set(pieces)
    pieces += [p for p in dict.fromkeys(fixed + digits + marks + known) if p not in letters]
    vocab = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = _cutter()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in CHAT + VISUAL])
    return tokenizer, len(pieces) + len(CHAT)


def _as_bytes(text: str) -> str:
    """The text as the byte-level alphabet writes it."""
    from tokenizers import pre_tokenizers

    cut = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)
    return ''.join(piece for piece, _ in cut)
