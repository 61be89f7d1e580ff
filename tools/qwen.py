# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes the tokenizer of Molmo2-4B and -8B, which is Qwen's, from Qwen's published vocabulary.

The vocabulary is a file of the PyPI wheel `dashscope` (requirements/qwen_vocabulary.txt), which
`tools.setup` puts into a folder of the environment. Only tests and the bench use it. Added tokens
stand where the released checkpoints have them (molmo2 f3cb108, olmo/tokenizer.py:38-40).
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

from tools.tabletop.vocabulary import CHAT, VISUAL

FOLDER = Path(os.environ.get('QWEN_VOCABULARY', f'{sys.prefix}/qwen_vocabulary'))
INSTALL = f'pip install --no-deps --target {FOLDER} -r requirements/qwen_vocabulary.txt'
RANKS = 'dashscope/resources/qwen.tiktoken'

BASE = 151936  # tokens that can be generated
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r'|\s*[\r\n]+|\s+(?!\S)|\s+'
)


def ranks_file(folder: Path = FOLDER) -> Path | None:
    """The vocabulary, None where the environment lacks it."""
    path = folder / RANKS
    return path if path.is_file() else None


def write_tokenizer(ranks: Path, folder: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json of Molmo2-4B into a folder.

    ranks: lines of a token in base64 and its rank.
    """
    vocabulary = {
        base64.b64decode(token): int(rank)
        for token, rank in (line.split() for line in ranks.read_bytes().splitlines() if line)
    }
    raw = _byte_pairs(vocabulary)
    fillers = [f'|<EXTRA_TOKENS_{k}>|' for k in range(BASE - len(vocabulary) - len(CHAT))]
    raw.add_special_tokens([*CHAT, *fillers, *VISUAL])
    raw.save(str(folder / 'tokenizer.json'))
    names = {'bos_token': None, 'eos_token': '<|im_end|>', 'pad_token': '<|endoftext|>'}
    (folder / 'tokenizer_config.json').write_text(json.dumps(names))


def _byte_pairs(vocabulary: dict[bytes, int]) -> Any:
    """The tokenizer without added tokens."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    letters = _letters()
    written = {token: ''.join(letters[byte] for byte in token) for token in vocabulary}
    # A pair of tokens merges in the order of what it becomes.
    merges = [
        (written[token[:cut]], written[token[cut:]])
        for token in sorted(vocabulary, key=vocabulary.__getitem__)
        for cut in range(1, len(token))
        if token[:cut] in vocabulary and token[cut:] in vocabulary
    ]
    raw = Tokenizer(
        models.BPE({written[token]: rank for token, rank in vocabulary.items()}, merges)
    )
    raw.normalizer = normalizers.NFC()
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), behavior='isolated'),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    raw.decoder = decoders.ByteLevel()
    return raw


def _letters() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
