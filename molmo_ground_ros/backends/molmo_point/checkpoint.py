# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Opens a checkpoint of MolmoPoint, or of Molmo2, without its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.checkpoint import (
    MOLMO_POINT,
    check_files,
    find_folder,
    is_molmo_point,
    read_processor,
)
from molmo_ground_ros.backends.molmo2.engine import Checkpoint, check_agreement, open_checkpoint
from molmo_ground_ros.backends.molmo2.memory import ModelSizes
from molmo_ground_ros.backends.molmo2.tokens import FileTokenizer, stop_tokens
from molmo_ground_ros.backends.molmo_point.point_config import MolmoPointConfig, read_point_config
from molmo_ground_ros.backends.pixels import PixelConfig
from molmo_ground_ros.backends.prompt_ids import PromptEncoder
from molmo_ground_ros.errors import BadModel


@dataclass(frozen=True, slots=True)
class MolmoPointCheckpoint(Checkpoint):
    """A checked checkpoint of MolmoPoint, without its weights."""

    point: MolmoPointConfig

    @property
    def sizes(self) -> ModelSizes:
        """As of Molmo2. A frame also keeps what its patches look like, and a key for each token.

        Both are counted as so many rows of features as they take.
        """
        rows, columns = self.pixels.grid
        tokens, pool = rows * columns, self.pixels.pooling[0] * self.pixels.pooling[1]
        adapter = self.config.adapter
        kept = pool * adapter.hidden * len(adapter.feature_layers) + self.point.width
        return ModelSizes(
            self.config,
            self.prompts.frame_tokens,
            tokens + -(-tokens * kept // self.config.text.hidden),
        )


class GroundingTokenizer(FileTokenizer):
    """The tokenizer of a checkpoint. Grounding tokens are `<POINT_0>`, `<POINT_1>` ... in text.

    first: the id of the first of them. Which ids are patches depends on the clip, so there may be
    more of them than the tokenizer names.
    """

    def __init__(self, model: str, folder: Path, first: int) -> None:
        super().__init__(model, folder)
        self._first = first
        if self.convert_tokens_to_ids('<POINT_0>') != first:
            raise BadModel(
                model,
                f'<POINT_0> is token {self.convert_tokens_to_ids("<POINT_0>")} to its tokenizer, '
                f'{first} to its config.json',
            )
        # None of them may be in a question, where the decoder would take it for an embedding.
        count = self._raw.get_vocab_size(with_added_tokens=True) - first
        self.all_special_ids += range(first, first + count)

    def decode(self, ids: list[int]) -> str:
        """The text of ids, without special tokens, with grounding tokens."""
        text, plain = '', []
        for token in ids:
            if token < self._first:
                plain.append(token)
                continue
            text += f'{super().decode(plain)}<POINT_{token - self._first}>'
            plain = []
        return text + super().decode(plain)


def open_molmo_point(settings: BackendSettings) -> MolmoPointCheckpoint:
    """Find and check a checkpoint. Raises BadModel if files are missing or do not agree."""
    model, folder = settings.model, find_folder(settings.model)
    check_files(model, folder, MOLMO_POINT)
    point = read_point_config(model, folder)
    pixels, frame = read_processor(model, folder)
    tokenizer = GroundingTokenizer(model, folder, point.first_grounding_token)
    checkpoint = MolmoPointCheckpoint(
        model=model,
        folder=folder,
        config=point.sizes,
        pixels=pixels,
        tokenizer=tokenizer,
        prompts=PromptEncoder(tokenizer, frame, pixels.grid, model),
        stops=stop_tokens(model, folder, tokenizer),
        point=point,
    )
    check_agreement(checkpoint)
    _check_pooling(model, pixels)
    return checkpoint


def open_any(settings: BackendSettings) -> Checkpoint:
    """A checkpoint of Molmo2 or MolmoPoint. Raises BadModel."""
    if is_molmo_point(settings.model, find_folder(settings.model)):
        return open_molmo_point(settings)
    return open_checkpoint(settings)


def _check_pooling(model: str, pixels: PixelConfig) -> None:
    """A token that pools less patches than others has not been compared with the released code."""
    if any(pixels.side % size for size in pixels.pooling):
        raise BadModel(
            model,
            f'its processor pools {pixels.pooling[0]} x {pixels.pooling[1]} patches, '
            f'which do not divide the {pixels.side} along a side',
        )
