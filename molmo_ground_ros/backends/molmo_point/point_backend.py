# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The backend of MolmoPoint over any runtime: Molmo2's, with points for grounding tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from molmo_ground_ros.backends.base import (
    SAVE_ALL,
    GenerateOptions,
    Generation,
    OnText,
    Savings,
)
from molmo_ground_ros.backends.molmo2.engine import EngineBackend
from molmo_ground_ros.backends.molmo_point.checkpoint import MolmoPointCheckpoint
from molmo_ground_ros.backends.molmo_point.heads import HeadsRuntime
from molmo_ground_ros.backends.molmo_point.pointing import PointingRuntime
from molmo_ground_ros.backends.molmo_point.rewriting import PointPlaces, Rewriter, rewritten
from molmo_ground_ros.types import Clip, Frame


class PointBackend:
    """One checkpoint on one runtime."""

    def __init__(
        self, checkpoint: MolmoPointCheckpoint, heads: HeadsRuntime, savings: Savings = SAVE_ALL
    ) -> None:
        """Take both; `close` closes the runtime. Nothing is drafted: three tokens make a point."""
        self.model = checkpoint.model
        self._checkpoint = checkpoint
        runtime = PointingRuntime(heads, checkpoint.point, checkpoint.prompts.patch)
        self._engine = EngineBackend(checkpoint, runtime, replace(savings, draft=False))

    @property
    def engine(self) -> EngineBackend:
        """The backend whose text holds grounding tokens, as the released code gives it."""
        return self._engine

    def generate(
        self,
        clip: Clip,
        prompts: Sequence[str],
        options: GenerateOptions,
        on_text: OnText,
    ) -> list[Generation]:
        """Answer each prompt; as `EngineBackend.generate`. Points are written as in `rewriting`."""
        places = PointPlaces(self._checkpoint.pixels, clip.seconds)
        rewriters = [Rewriter(places) for _ in prompts]
        generations = self._engine.generate(
            clip, prompts, options, lambda index, text: on_text(index, rewriters[index].feed(text))
        )
        for index, generation in enumerate(generations):
            rest = rewriters[index].finish(cut=generation.truncated)
            if rest and not generation.stopped:
                on_text(index, rest)
        return [rewritten(generation, places) for generation in generations]

    def most_frames(self) -> int:
        """As in `Bounded`."""
        return self._engine.most_frames()

    def prepare(self, camera: str, frame: Frame) -> None:
        """Encode a frame now, so that its features are ready for a later question."""
        self._engine.prepare(camera, frame)

    def close(self) -> None:
        """Free weights and features. No other method may be called afterwards."""
        self._engine.close()
