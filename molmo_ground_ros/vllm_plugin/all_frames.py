# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Attention in which every visual token sees those of all frames. Knows torch, and no vLLM.

The attention of vLLM computes all tokens and fills its cache of keys and values. Its mask lets a
visual token see what precedes it, or its own frame. So the rows of visual tokens are computed a
second time here, over the whole prompt, which is why a prompt must be read in one step.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class PromptSplit(RuntimeError):
    """A prompt with a video was not read in one step, so that not all of its frames are there."""

    def __init__(self, position: int, row: int) -> None:
        super().__init__(
            f'the visual token at position {position} is read without the whole prompt before it '
            f'(row {row} of the batch): prefix caching and chunked prefill must be off'
        )


@dataclass(frozen=True, slots=True)
class Video:
    """The visual tokens of one prompt in a batch.

    start, stop: the rows of the prompt up to its last visual token. rows: (visual,) those of
    visual tokens. mask: (visual, stop - start) bool, what each of them sees.
    """

    start: int
    stop: int
    rows: Tensor
    mask: Tensor


@dataclass(slots=True)
class Videos:
    """The videos of the batch that is being computed, for all layers."""

    current: list[Video] = field(default_factory=list)


def find_videos(visual: Tensor, positions: Tensor) -> list[Video]:
    """The videos in a batch of prompts and of single new tokens, one behind the other.

    visual: (tokens,) bool, whether it is a visual token. positions: (tokens,) in its prompt.
    Raises PromptSplit for a visual token whose prompt does not begin in this batch.
    """
    rows = visual.nonzero().flatten()
    if not len(rows):
        return []
    starts = (positions == 0).nonzero().flatten()
    owners = torch.searchsorted(starts, rows, right=True) - 1
    begins = torch.where(owners >= 0, starts[owners.clamp(min=0)], -1) if len(starts) else owners
    split = (begins < 0) | (positions[rows] != rows - begins)
    if split.any():
        row = int(rows[split][0])
        raise PromptSplit(int(positions[row]), row)
    return [_video(int(start), rows[begins == start], visual) for start in begins.unique()]


def _video(start: int, rows: Tensor, visual: Tensor) -> Video:
    stop = int(rows[-1]) + 1
    keys = torch.arange(start, stop, device=rows.device)
    # Source: allenai/molmo2 f3cb108, olmo/models/molmo2/molmo2.py:659-662 ("image_tokens").
    mask = (keys[None] <= rows[:, None]) | visual[None, start:stop]
    return Video(start, stop, rows, mask)


class AttentionOverAllFrames(nn.Module):
    """An attention of vLLM, whose rows of visual tokens are replaced."""

    def __init__(self, causal: nn.Module, videos: Videos, head_size: int, scale: float) -> None:
        super().__init__()
        self.causal = causal
        self._videos = videos
        self._head_size = head_size
        self._scale = scale

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """As vLLM's own. query: (tokens, heads * head_size). key, value: with their own heads."""
        output: Tensor = self.causal(query, key, value)
        for video in self._videos.current:
            whole = slice(video.start, video.stop)
            seen = scaled_dot_product_attention(
                self._heads(query[video.rows]),
                self._heads(key[whole]),
                self._heads(value[whole]),
                attn_mask=video.mask,
                scale=self._scale,
                enable_gqa=True,
            )
            output[video.rows] = seen.transpose(0, 1).reshape(len(video.rows), -1).to(output.dtype)
        return output

    def _heads(self, rows: Tensor) -> Tensor:
        """(tokens, heads * head_size) to (heads, tokens, head_size)."""
        return rows.view(len(rows), -1, self._head_size).transpose(0, 1)
