# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Checks on a fixed clip that a runtime computes the same as the reference.

Some graphs and engines build and load, and still compute something else: they attended to the
unused end of the cache, had another kind of mask, or overflowed (tensorrt.md 4.3). So the clip is
read in the ways that answering reads: frames alone and together, the prompt in one pass, then
single tokens, then several tokens as a guess is verified, then another question on the same frames,
while rows of the first question are still in the cache after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.molmo2.engine import Checkpoint
from molmo_ground_ros.backends.molmo2.runtime import (
    EncodingRuntime,
    Features,
    VideoFeatures,
    encode_all,
)
from molmo_ground_ros.backends.pixels import frame_patches
from molmo_ground_ros.backends.prompt_ids import PromptIds
from molmo_ground_ros.errors import BackendError, BadEngine

# Three frames on the sampling grid, and a newest frame that is not on it.
SECONDS = (0.0, 0.5, 1.0, 1.3)
QUESTIONS = ('How many times was the red block grasped in the video?', 'Track it.')
# How many last tokens of a prompt are compared. An engine gives at most 17 in one pass.
ROWS_COMPARED = 8
STEPS = 4  # tokens read one by one
GUESSED = 5  # tokens read in one pass after them

# The largest difference of a logit that is allowed, in standard deviations of the reference's
# logits, by the dtype of a runtime. About twice the worst that was measured against float32 in
# torch, on the model that ships (6 layers) and on a random one of 36 layers and width 32:
#     ONNX Runtime float32 5e-6 and 1e-5, float16 0.006 and 0.09, bfloat16 0.08 and 0.31.
# Faults that must be detected gave: a causal mask 1.1 and 2.2, a mask off by one 1.6 and 3.4, an
# attention without its keys 2.0 and 0.4, a lost projection 1.8 and 1.1 (2 CPU cores, 2026-11-22).
# Rounding the weights gives differences as large (int4 1.4 and 3.5, fp8 0.3 and 1.4). So a
# quantised graph, which computes in float16, is compared with a reference that has the same rounded
# weights.
TOLERANCES: dict[str, float] = {
    'float32': 1e-4,
    'float16': 0.2,
    'bfloat16': 0.6,
    'int8': 0.2,
    'int4': 0.2,
    'fp8': 0.2,
    'int8.cpu': 0.3,
    'int4.cpu': 0.3,
}


class ScoringRuntime(EncodingRuntime, Protocol):
    """The part of a runtime that the self-check needs; all in `runtimes/` have it."""

    def logits(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> NDArray[np.float32]:
        """As `Runtime.read`: the logits, (last_count, vocabulary)."""
        ...


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """The result. Differences are in standard deviations of the reference's logits.

    largest: the largest difference. where: its pass and token. rows: how many rows of logits were
    compared. same: rows in which the likeliest token is the same.
    """

    largest: float
    where: str
    tolerance: float
    rows: int
    same: int


def check(
    checkpoint: Checkpoint, runtime: ScoringRuntime, reference: ScoringRuntime, tolerance: float
) -> SelfCheck:
    """Compare a runtime's logits with the reference's. Both caches are overwritten.

    tolerance: in standard deviations of the reference's logits, see TOLERANCES. Each runtime reads
    features that it encoded itself, and the tokens that the reference chose. Both caches must have
    room for four frames and a question, less than 512 rows for the released models. Raises
    BadEngine with the largest difference and its place, also for a logit that is not finite, and
    BackendError if a runtime fails.
    """
    first, second = (checkpoint.prompts.encode(SECONDS, question) for question in QUESTIONS)
    pair = _RuntimePair(checkpoint, runtime, reference)
    chosen = pair.read('the prompt', first.ids, 0, ROWS_COMPARED, first)
    end = len(first.ids)
    for step in range(STEPS):
        chosen = pair.read(f'step {step + 1}', [chosen], end + step, 1)
    pair.read('a guess', first.ids[-GUESSED:], end + STEPS, GUESSED)
    video_end = 1 + max(i for i, is_visual in enumerate(second.visual) if is_visual)
    last_ids = second.ids[video_end:]
    pair.read('the second question', last_ids, video_end, min(ROWS_COMPARED, len(last_ids)))
    return pair.judge(tolerance)


class _RuntimePair:
    """Two runtimes that read the same tokens, and the logits of both."""

    def __init__(
        self, checkpoint: Checkpoint, runtime: ScoringRuntime, reference: ScoringRuntime
    ) -> None:
        self._checkpoint = checkpoint
        self._runtimes = (runtime, reference)
        patches = [frame_patches(clip_image(i), checkpoint.pixels) for i in range(len(SECONDS))]
        # The first frame alone, as a frame is that arrives; the others together.
        self._features = [
            [*runner.encode(patches[:1]), *encode_all(runner, patches[1:])]
            for runner in self._runtimes
        ]
        # For the runtime and for the reference: the logits of each pass, (last_count, vocabulary).
        self._logits: list[list[NDArray[np.float32]]] = [[], []]
        self._places: list[str] = []  # of each row

    def read(
        self,
        name: str,
        ids: Sequence[int],
        start: int,
        last_count: int,
        video: PromptIds | None = None,
    ) -> int:
        """Read tokens with both runtimes; the likeliest next token by the reference."""
        for i, runtime in enumerate(self._runtimes):
            features = None
            if video is not None:
                features = video_of(video, self._checkpoint.prompts.patch, self._features[i])
            logits = runtime.logits(ids, start, last_count, features)
            shape = (last_count, self._checkpoint.config.text.vocabulary)
            if logits.shape != shape:
                raise BadEngine(
                    self._checkpoint.model, f'{name}: logits of shape {logits.shape}, not {shape}'
                )
            self._logits[i].append(np.asarray(logits, dtype=np.float32))
        self._places += [
            f'{name}, row {start + len(ids) - last_count + i}' for i in range(last_count)
        ]
        return int(self._logits[1][-1][-1].argmax())

    def judge(self, tolerance: float) -> SelfCheck:
        """Compare all logits that were collected. Raises BadEngine."""
        ours, theirs = (np.concatenate(logits) for logits in self._logits)
        if not np.isfinite(theirs).all():
            raise BackendError('self-check: the reference gave a number that is not finite')
        scale = max(float(theirs.std()), float(np.finfo(np.float32).tiny))
        apart = np.where(np.isfinite(ours), np.abs(ours - theirs) / scale, np.inf)
        row = int(apart.max(axis=1).argmax())
        largest = float(apart[row].max())
        if not largest <= tolerance:
            raise BadEngine(
                self._checkpoint.model,
                f'self-check: a logit differs from the reference by {largest:.3g} standard '
                f'deviations, {tolerance:g} are allowed: {self._places[row]}, '
                f'token {int(apart[row].argmax())}',
            )
        same = int((ours.argmax(axis=1) == theirs.argmax(axis=1)).sum())
        return SelfCheck(largest, self._places[row], tolerance, len(self._places), same)


def video_of(prompt: PromptIds, patch: int, features: Sequence[Features]) -> VideoFeatures:
    """The frames of a prompt. patch: <im_patch>, the token to which a row of features is added."""
    counts = np.cumsum([token == patch for token in prompt.ids])
    slots = [
        int(count) if token == patch else 0 for token, count in zip(prompt.ids, counts, strict=True)
    ]
    return VideoFeatures(prompt.visual, slots, features)


def clip_image(number: int) -> NDArray[np.uint8]:
    """Frame `number` of the clip, (96, 128, 3) RGB: a block that moves over a grainy gradient.

    It is computed with integers alone, so it is the same on every machine.
    """
    rows, columns = np.mgrid[:96, :128]
    grain = (rows * 37 + columns * 59 + number * 101) % 23
    image = np.stack([columns + grain, rows * 2 + grain, 128 + grain - rows // 2], axis=-1)
    image[30:60, 10 + 25 * number : 40 + 25 * number] = (200, 30, 30)
    return image.astype(np.uint8)
