# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turns time labels and a question into Molmo2's token ids. Knows nothing of pixels or weights.

The layout of a prompt:

    {BOS}{0.0 <im_start><im_patch>...<im_end>}{ 0.5 <im_start>...}<|im_start|>user
    {question}<|im_end|>
    <|im_start|>assistant

Source: transformers 5.23 models/molmo2/processing_molmo2.py:88-126 and the released chat template
(allenai/molmo2 f3cb108, olmo/hf_model/convert_molmo2_to_hf.py:35-129).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from molmo_ground_ros.backends.checkpoint import FrameTokens
from molmo_ground_ros.errors import BackendError, BadModel

# Molmo2Processor.image_token_ids: these share one bidirectional attention block.
VISUAL = (
    '<im_patch>',
    '<im_col>',
    '<im_start>',
    '<low_res_im_start>',
    '<frame_start>',
    '<im_end>',
    '<frame_end>',
    '<im_low>',
)
TURN_START, TURN_END = '<|im_start|>', '<|im_end|>'


class Tokenizer(Protocol):
    """The part of a transformers tokenizer that prompts are written with."""

    bos_token_id: int | None
    eos_token_id: int | None
    unk_token_id: int | None
    all_special_ids: list[int]

    def convert_tokens_to_ids(self, tokens: str) -> Any:
        """The id of a token."""
        ...

    def encode(self, text: str, **options: bool) -> list[int]:
        """The ids of a text."""
        ...


@dataclass(frozen=True, slots=True)
class PromptIds:
    """A prompt as the model reads it, with one entry a token.

    visual: 1 for a token of the video, else 0; mm_token_type_ids of transformers.
    """

    ids: tuple[int, ...]
    visual: tuple[int, ...]


class PromptEncoder:
    """Writes prompts with one checkpoint's tokenizer and frame layout."""

    def __init__(
        self, tokenizer: Tokenizer, frame: FrameTokens, grid: tuple[int, int], model: str
    ) -> None:
        self._tokenizer = tokenizer
        self._model = model
        bos = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
        if bos is None:
            raise BadModel(model, 'its tokenizer has neither a bos nor an eos token')
        self._bos = bos
        self.patch = self.token_id('<im_patch>')
        self._turn_start, self._turn_end = self.token_id(TURN_START), self.token_id(TURN_END)
        rows, columns = grid
        row = [self.patch] * columns + [self.token_id('<im_col>')] * frame.columns
        self._frame = [self.token_id(frame.start), *row * rows, self.token_id(frame.end)]
        # By time label. A window is at most 63 s long, so there are few of them.
        self._labels: dict[str, list[int]] = {}
        self._visual = frozenset(self.token_id(name) for name in VISUAL)
        self._special = frozenset(tokenizer.all_special_ids) | self._visual

    @property
    def frame_tokens(self) -> int:
        """Tokens of a frame with its start and end, without its time label."""
        return len(self._frame)

    def token_id(self, name: str) -> int:
        """The id of a special token. Raises BadModel where the tokenizer lacks it."""
        token = self._tokenizer.convert_tokens_to_ids(name)
        if not isinstance(token, int) or token == self._tokenizer.unk_token_id:
            raise BadModel(self._model, f"its tokenizer lacks the token '{name}'")
        return token

    def encode(self, seconds: Sequence[float], question: str) -> PromptIds:
        """The ids of a prompt about frames with these time labels, in seconds, and a question.

        Labels are written with one decimal. A special token that the question spells out, such as
        '<|im_end|>', stays text; transformers' processor would read it as the token itself. Raises
        BackendError where the tokenizer cannot keep it as text.
        """
        ids = [self._bos]
        for i, label in enumerate(seconds):
            ids += self._label(f'{" " if i else ""}{label:.1f} ')
            ids += self._frame
        ids += [self._turn_start, *self._text(f'user\n{question}'), self._turn_end]
        ids += [*self._text('\n'), self._turn_start, *self._text('assistant\n')]
        return PromptIds(tuple(ids), tuple(int(token in self._visual) for token in ids))

    def _label(self, text: str) -> list[int]:
        """The ids of a time label, kept for later prompts, which repeat them."""
        if text not in self._labels:
            self._labels[text] = self._text(text)
        return self._labels[text]

    def _text(self, text: str) -> list[int]:
        options = {'add_special_tokens': False, 'split_special_tokens': True}
        ids = list(self._tokenizer.encode(text, **options))
        if not self._special.isdisjoint(ids):
            raise BackendError(
                f'the question holds one of the special tokens of the model: {text!r}'
            )
        return ids
