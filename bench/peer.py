# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The peer: `generate` of transformers, greedy, with its KV cache, as its users run it.

Its inputs are made by the package's own prompts and pixels, which tests hold equal to those of
Molmo2Processor (which needs torchvision). Attention is what transformers chooses by default.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers.generation.streamers import BaseStreamer

from bench.timing import Sample
from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.host.device import choose_dtype
from molmo_ground_ros.backends.molmo2.engine import open_checkpoint
from molmo_ground_ros.backends.pixels import frame_patches, pooling_indices
from molmo_ground_ros.backends.weights import load_network
from molmo_ground_ros.types import Clip

_LONGEST = 600  # tokens of an answer that is looked into


@dataclass(frozen=True, slots=True)
class Pixels:
    """A clip's frames as the network takes them."""

    values: torch.Tensor  # (frames, patches, values of a patch)
    pooling: torch.Tensor  # (tokens of all frames, window)
    grid: torch.Tensor  # (1, 3): frames, rows, columns


class Peer:
    """One checkpoint in transformers."""

    def __init__(self, folder: Path, device: str, *, endless: bool = False) -> None:
        """endless: no token ends an answer, for weights that mean nothing."""
        self.device = torch.device(device)
        dtype = choose_dtype('auto' if endless else 'float32', self.device)
        self._checkpoint = open_checkpoint(BackendSettings(str(folder)))
        self._network = load_network(str(folder), folder, self.device, dtype)
        self._stops = frozenset() if endless else self._checkpoint.stops
        if endless:
            self._network.generation_config.eos_token_id = None
        self.dtype = dtype

    def pixels(self, clip: Clip) -> Pixels:
        """Preprocess a clip."""
        config = self._checkpoint.pixels
        patches = np.stack([frame_patches(frame.image, config) for frame in clip.frames])
        indices = pooling_indices(config)  # (tokens of a frame, window), -1 is padding
        starts = np.arange(len(clip.frames))[:, None, None] * config.side**2
        pooling = np.where(indices >= 0, indices + starts, -1).reshape(-1, indices.shape[1])
        return Pixels(
            torch.from_numpy(patches).to(self.device, self.dtype),
            torch.from_numpy(pooling).to(self.device),
            torch.tensor([[len(clip.frames), *config.grid]], device=self.device),
        )

    def ask(self, clip: Clip, question: str, limit: int, pixels: Pixels | None = None) -> Sample:
        """One answer. Preprocessing counts unless the pixels are given."""
        clock = _Clock()
        began = time.perf_counter()
        clip_pixels = self.pixels(clip) if pixels is None else pixels
        options = {'max_new_tokens': limit, 'streamer': clock}
        tokens, _ = self._generate(clip, question, clip_pixels, **options)
        ended = time.perf_counter()
        text = self._checkpoint.tokenizer.decode(tokens)
        answer_tokens = [token for token in tokens if token not in self._stops]
        times_s = clock.first - began, ended - began
        return Sample(*times_s, (text,), len(answer_tokens), len(tokens))

    def margin(self, clip: Clip, question: str, text: str) -> float:
        """Difference of the two likeliest logits where an answer leaves the peer's.

        text: the answer. Infinite where it goes on with neither of the two.
        """
        tokens, scores = self._generate(
            clip, question, self.pixels(clip), max_new_tokens=_LONGEST, output_scores=True
        )
        decode = self._checkpoint.tokenizer.decode
        for place, logits in enumerate(scores):
            first, second = logits[0].topk(2).indices.tolist()
            if first in self._stops or not text.startswith(decode([*tokens[:place], first])):
                goes_on = text.startswith(decode([*tokens[:place], second]))
                return float(logits[0, first] - logits[0, second]) if goes_on else math.inf
        return math.inf

    def vision_s(self, pixels: Pixels) -> float:
        """Seconds that encoding the frames takes, all at once as `generate` does."""
        self._wait()
        began = time.perf_counter()
        with torch.inference_mode():
            self._network.get_video_features(pixels.values, pixels.pooling, pixels.grid)
        self._wait()
        return time.perf_counter() - began

    def _generate(
        self, clip: Clip, question: str, pixels: Pixels, **options: Any
    ) -> tuple[list[int], Sequence[torch.Tensor]]:
        """The tokens of the answer, the one that ended it included; logits if asked for."""
        prompt = self._checkpoint.prompts.encode(clip.seconds, question)
        ids = torch.tensor([prompt.ids], device=self.device)
        with torch.inference_mode():
            output = self._network.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                mm_token_type_ids=torch.tensor([prompt.visual], device=self.device),
                pixel_values_videos=pixels.values,
                video_token_pooling=pixels.pooling,
                video_grids=pixels.grid,
                do_sample=False,
                return_dict_in_generate=True,
                **options,
            )
        return output.sequences[0, ids.shape[1] :].tolist(), output.scores or ()

    def _wait(self) -> None:
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)


class _Clock(BaseStreamer):  # type: ignore[misc]
    """Notes when the first token came: `generate` puts the prompt, then token by token."""

    def __init__(self) -> None:
        self._puts = 0
        self.first = 0.0

    def put(self, value: Any) -> None:  # noqa: ARG002
        """Tokens, on the CPU."""
        self._puts += 1
        if self._puts == 2:  # 1 is the prompt
            self.first = time.perf_counter()

    def end(self) -> None:
        """Nothing to finish."""
