# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads a checkpoint's tokenizer.json with the package `tokenizers`, without transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as RawTokenizer

from molmo_ground_ros.backends.checkpoint import read_json
from molmo_ground_ros.backends.prompt_ids import TURN_END
from molmo_ground_ros.errors import BadModel


class FileTokenizer:
    """The part of a tokenizer that prompts and answers need; see `prompt_ids.Tokenizer`."""

    def __init__(self, model: str, folder: Path) -> None:
        """Raises BadModel, also for a folder with vocab.json and merges.txt alone."""
        file = folder / 'tokenizer.json'
        if not file.is_file():
            raise BadModel(model, f'missing in {folder}: tokenizer.json')
        try:
            self._raw = RawTokenizer.from_file(str(file))
        except Exception as err:
            raise BadModel(model, f'cannot load its tokenizer: {err}') from err
        named = folder / 'tokenizer_config.json'
        names = read_json(model, named) if named.is_file() else {}
        self.bos_token_id = self._named(names, 'bos_token')
        self.eos_token_id = self._named(names, 'eos_token')
        self.unk_token_id = self._named(names, 'unk_token')
        added = self._raw.get_added_tokens_decoder()
        self.all_special_ids = sorted(
            token for token, token_info in added.items() if token_info.special
        )

    def convert_tokens_to_ids(self, tokens: str) -> int | None:
        """The id of a token, None if there is no such token."""
        token_id: int | None = self._raw.token_to_id(tokens)
        return token_id

    def encode(self, text: str, **options: bool) -> list[int]:
        """The ids of a text. Options: add_special_tokens, split_special_tokens; both off if absent.

        With split_special_tokens the name of a special token in the text is treated as plain text.
        """
        self._raw.encode_special_tokens = options.get('split_special_tokens', False)
        ids: list[int] = self._raw.encode(
            text, add_special_tokens=options.get('add_special_tokens', False)
        ).ids
        return ids

    def encode_text(self, text: str) -> list[int]:
        """The ids of a text in which the names of special tokens are plain text."""
        return self.encode(text, split_special_tokens=True)

    def decode(self, ids: list[int]) -> str:
        """The text of ids, without special tokens."""
        text: str = self._raw.decode(ids, skip_special_tokens=True)
        return text

    def _named(self, names: dict[str, Any], key: str) -> int | None:
        """The id of a token that tokenizer_config.json names, by a text or by an object."""
        entry = names.get(key)
        name = entry.get('content') if isinstance(entry, dict) else entry
        return self.convert_tokens_to_ids(name) if isinstance(name, str) else None


def stop_tokens(model: str, folder: Path, tokenizer: FileTokenizer) -> frozenset[int]:
    """The ids that end an answer: those the checkpoint names, and the end of a turn."""
    file = folder / 'generation_config.json'
    named = read_json(model, file).get('eos_token_id') if file.is_file() else None
    ids = named if isinstance(named, list) else [named]
    ids = [*ids, tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(TURN_END)]
    return frozenset(int(token) for token in ids if token is not None)
