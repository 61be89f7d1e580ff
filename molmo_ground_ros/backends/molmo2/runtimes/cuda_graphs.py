# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Captures a pass over few tokens as a CUDA graph, which replays without Python's overhead.

This has not been run yet: no machine with CUDA was available. The tests that need one are skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

_SIZES = (1, 4, 8, 17)  # tokens of a pass: one alone, and one with guesses behind it
_WARM_UPS = 3  # passes before a capture, as torch asks for


class Cache(Protocol):
    """The buffers that a captured graph reads and writes. Their addresses are part of the graph."""

    keys: list[Tensor]
    values: list[Tensor]
    visual: Tensor


@dataclass(frozen=True, slots=True)
class _Captured:
    graph: Any  # a torch.cuda.CUDAGraph
    ids: Tensor  # (1, size)
    start: Tensor  # (1,)
    tokens: Tensor  # (1, size)
    logprobs: Tensor


class CudaGraphs:
    """Passes over tokens that do not belong to a video, with one graph for each size."""

    def __init__(self, decoder: torch.nn.Module) -> None:
        self._decoder = decoder
        self._captured: dict[int, _Captured] = {}

    @property
    def captured(self) -> tuple[int, ...]:
        """Tokens of the passes that have a graph now."""
        return tuple(sorted(self._captured))

    def fit(self, count: int) -> bool:
        """Whether a graph can read so many tokens."""
        return count <= _SIZES[-1]

    def rows(self, count: int) -> int:
        """Rows that a pass over so many tokens writes. Those after the tokens must not be used."""
        return next(size for size in _SIZES if count <= size)

    def clear(self) -> None:
        """Delete all graphs, because the cache has got other addresses."""
        self._captured.clear()

    def replay(self, ids: Sequence[int], start: int, cache: Cache) -> tuple[Tensor, Tensor]:
        """Token and logprob after each of ids, (1, len(ids)) each."""
        size = self.rows(len(ids))
        if size not in self._captured:
            self._captured[size] = self._capture(size, start, cache)
        captured = self._captured[size]
        captured.ids.copy_(torch.tensor([[*ids, *[0] * (size - len(ids))]]), non_blocking=True)
        captured.start.fill_(start)
        captured.graph.replay()
        return captured.tokens[:, : len(ids)], captured.logprobs[:, : len(ids)]

    def _capture(self, size: int, first: int, cache: Cache) -> _Captured:
        """Record one pass. It writes only rows that the replay overwrites next."""
        device = cache.visual.device
        ids = torch.zeros((1, size), dtype=torch.long, device=device)
        slots = torch.zeros_like(ids)
        start = torch.full((1,), first, dtype=torch.long, device=device)
        visual = torch.zeros((1, size), dtype=torch.bool, device=device)
        logit_tokens = torch.arange(size, device=device)

        def step() -> tuple[Tensor, Tensor]:
            inputs = (ids, slots, None, visual, cache.visual, start, logit_tokens)
            _, tokens, logprobs, _, _ = self._decoder(*inputs, cache.keys, cache.values)
            return tokens, logprobs

        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            for _ in range(_WARM_UPS):
                step()
        torch.cuda.current_stream(device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            tokens, logprobs = step()
        return _Captured(graph, ids, start, tokens, logprobs)
