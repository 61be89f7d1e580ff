# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Counts the forward passes that tracking answers take in Qwen's vocabulary, which is Molmo2's.

The vocabulary of the model that ships has tokens for numbers and times; Qwen's has one for each
digit. So the answers are written again, token by token, by a runtime that only follows a text.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.inputs import TRACKS, Inputs, fresh
from bench.ours import Ours
from bench.rows import Row
from bench.timing import Spread, spread
from bench.tracks import LIMIT
from molmo_ground_ros.backends.molmo2.draft import GrammarDrafter
from molmo_ground_ros.backends.molmo2.generate import ClipFeatures, Generator
from molmo_ground_ros.backends.molmo2.runtime import Choice, Features, VideoFeatures
from molmo_ground_ros.backends.molmo2.tokens import FileTokenizer
from molmo_ground_ros.backends.prompt_ids import PromptIds
from molmo_ground_ros.language.grammar import parse
from tools import qwen

_LOG = logging.getLogger(__name__)
_STOP, _PATCH, _OTHER = -1, -2, -3  # no ids of a vocabulary
_PROMPT = PromptIds((_OTHER,), (0,))


@dataclass(frozen=True, slots=True)
class Written:
    """One answer: its tokens, the forward passes they took, and the points that it holds."""

    tokens: int
    passes: int
    points: int


class FollowingRuntime:
    """Chooses the tokens of a text while the cache holds its beginning, and else no token of it."""

    capacity = 100_000
    batch = 1

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids = [*ids, _STOP]
        self._rows: list[int] = []

    def encode(self, frames: Sequence[NDArray[np.float32]]) -> list[Features]:
        """No frame is shown."""
        return list(frames)

    def read(
        self,
        ids: Sequence[int],
        start: int,
        last_count: int,
        video: VideoFeatures | None = None,  # noqa: ARG002
    ) -> list[Choice]:
        """The choices after the last rows."""
        self._rows[start:] = ids
        ends = range(len(self._rows) - last_count, len(self._rows))
        return [Choice(self._after(end), 0.0) for end in ends]

    def close(self) -> None:
        """Nothing is held."""

    def _after(self, end: int) -> int:
        so_far = self._rows[1 : end + 1]
        follows = so_far == self._ids[: len(so_far)] and len(so_far) < len(self._ids)
        return self._ids[len(so_far)] if follows else _OTHER


def write_again(text: str, seconds: Sequence[float], tokenizer: FileTokenizer) -> Written:
    """Write an answer about frames with these labels. Raises ValueError if the text differs."""
    ids = tokenizer.encode_text(text)
    generator = Generator(FollowingRuntime(ids), frozenset([_STOP]), _PATCH)
    drafter = GrammarDrafter(tokenizer.encode_text, tokenizer.decode, seconds)
    choices = generator.tokens(_PROMPT, ClipFeatures('', []), len(ids) + 1, drafter)
    if [choice.token for choice in choices] != ids:
        raise ValueError(f'drafting changed {text!r}')
    return Written(len(ids), generator.counts.passes, len(parse(text).tracks))


def with_qwen(inputs: Inputs, side: Ours) -> list[Row]:
    """Rows of tokens a pass and passes a point; none where the vocabulary is not installed."""
    ranks = qwen.ranks_file()
    if ranks is None:
        _LOG.warning('no figures of the vocabulary of Qwen: %s', qwen.INSTALL)
        return []
    with tempfile.TemporaryDirectory(prefix='qwen-') as folder:
        qwen.write_tokenizer(ranks, Path(folder))
        tokenizer = FileTokenizer('Qwen', Path(folder))
    answers = [
        write_again(side.ask(fresh(clip, 0), [question], LIMIT).texts[0], clip.seconds, tokenizer)
        for clip in inputs.tracked
        for question in TRACKS
    ]
    return [
        _row('tokens_per_forward_qwen', 'tokens per forward pass, Qwen', side,
             [(answer.tokens, answer.passes) for answer in answers]),
        _row('forward_passes_per_point', 'forward passes per point, Qwen', side,
             [(answer.passes, answer.points) for answer in answers]),
    ]  # fmt: skip


def _row(key: str, title: str, side: Ours, shares: Sequence[tuple[int, int]]) -> Row:
    """A row of the sum of the first over the sum of the second, with the spread over answers."""
    each = spread([a / b for a, b in shares if b])
    mean = sum(a for a, _ in shares) / max(sum(b for _, b in shares), 1)
    return Row(
        key,
        f'tracking answer: {title}',
        '',
        {side.name: Spread(mean, each.low, each.high, each.count)},
    )
