# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether a runtime computes what the reference does, on a fixed clip; a wrong one is refused.

Graphs and engines have been seen that build, load and say something else: attention over the unused
end of the cache, a mask of another kind, numbers that run over (tensorrt.md 4.3). So the clip is
read as an answer is: the prompt at once, tokens one by one, several as a guess is verified, then
another question behind the same frames, with rows of the first one still above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.molmo2.engine import Checkpoint
from molmo_ground_ros.backends.molmo2.runtime import Features, VideoFeatures
from molmo_ground_ros.backends.pixels import frame_patches
from molmo_ground_ros.backends.prompt_ids import PromptIds
from molmo_ground_ros.errors import BackendError, BadEngine

SECONDS = (0.0, 0.5, 1.0, 1.3)  # the grid, and a newest frame off it
QUESTIONS = ('How many times was the red block grasped in the video?', 'Track it.')
ROWS_WANTED = 8  # last tokens of a prompt that are compared; engines give at most 17 at once
STEPS = 4  # tokens read one by one
GUESSED = 5  # tokens read at once behind them

# The largest difference of a logit that is allowed, in standard deviations of the reference's
# logits, by the dtype of a runtime. About twice the worst that was measured against float32 in
# torch, on the model that ships (6 layers) and on a random one of 36 layers and width 32:
#     ONNX Runtime float32 5e-6 and 1e-5, float16 0.006 and 0.09, bfloat16 0.08 and 0.31.
# What must be found gave: a causal mask 1.1 and 2.2, a mask off by one 1.6 and 3.4, an attention
# without its keys 2.0 and 0.4, a projection lost 1.8 and 1.1. (2 CPU cores, 2026-11-22.)
# Rounding the weights themselves gives as much (int4 1.4 and 3.5, fp8 0.3 and 1.4): a quantised
# graph computes in float16, and is compared with a reference that has the same rounded weights.
TOLERANCES: dict[str, float] = {
    'float32': 1e-4,
    'float16': 0.2,
    'bfloat16': 0.6,
    'int8': 0.2,
    'int4': 0.2,
    'fp8': 0.2,
}


class ScoringRuntime(Protocol):
    """The part of a runtime that is checked: every one in `runtimes/` has it."""

    def encode(self, patches: NDArray[np.float32]) -> Features:
        """Features of one frame, as `Runtime.encode`."""
        ...

    def logits(
        self, ids: Sequence[int], start: int, wanted: int, video: VideoFeatures | None = None
    ) -> NDArray[np.float32]:
        """As `Runtime.read`: the logits, (wanted, vocabulary)."""
        ...


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """What was found; differences in standard deviations of the reference's logits."""

    largest: float
    where: str  # in which pass, after which of its tokens
    tolerance: float
    rows: int  # compared, of a whole vocabulary each
    same: int  # rows whose likeliest token is the same


def check(
    checkpoint: Checkpoint, runtime: ScoringRuntime, reference: ScoringRuntime, tolerance: float
) -> SelfCheck:
    """Compare a runtime's logits with the reference's; what either's cache held is void afterwards.

    tolerance: in standard deviations of the reference's logits, see TOLERANCES. Each runtime reads
    features that it encoded itself, and the tokens that the reference chose; both need a cache of
    four frames and a question, less than 512 rows for the released models. Raises BadEngine naming
    the largest difference and where it is, one for a number that is not finite too, and
    BackendError where a runtime fails.
    """
    first, second = (checkpoint.prompts.encode(SECONDS, question) for question in QUESTIONS)
    pair = _Pair(checkpoint, runtime, reference)
    chosen = pair.read('the prompt', first.ids, 0, ROWS_WANTED, first)
    end = len(first.ids)
    for step in range(STEPS):
        chosen = pair.read(f'step {step + 1}', [chosen], end + step, 1)
    pair.read('a guess', first.ids[-GUESSED:], end + STEPS, GUESSED)
    kept = 1 + max(i for i, one in enumerate(second.visual) if one)
    asked = second.ids[kept:]
    pair.read('the second question', asked, kept, min(ROWS_WANTED, len(asked)))
    return pair.judged(tolerance)


class _Pair:
    """Two runtimes that read the same, and the logits of both."""

    def __init__(
        self, checkpoint: Checkpoint, runtime: ScoringRuntime, reference: ScoringRuntime
    ) -> None:
        self._checkpoint = checkpoint
        self._runtimes = (runtime, reference)
        patches = [frame_patches(clip_image(i), checkpoint.pixels) for i in range(len(SECONDS))]
        self._features = [[one.encode(frame) for frame in patches] for one in self._runtimes]
        self._logits: list[list[NDArray[np.float32]]] = [[], []]  # of each: (wanted, vocabulary)
        self._places: list[str] = []  # of each row

    def read(
        self, name: str, ids: Sequence[int], start: int, wanted: int, video: PromptIds | None = None
    ) -> int:
        """Read tokens with both; the reference's likeliest token after the last of them."""
        for i, runtime in enumerate(self._runtimes):
            given = None if video is None else self._video(video, self._features[i])
            found = runtime.logits(ids, start, wanted, given)
            shape = (wanted, self._checkpoint.config.text.vocabulary)
            if found.shape != shape:
                raise BadEngine(
                    self._checkpoint.model, f'{name}: logits of shape {found.shape}, not {shape}'
                )
            self._logits[i].append(np.asarray(found, dtype=np.float32))
        self._places += [f'{name}, row {start + len(ids) - wanted + i}' for i in range(wanted)]
        return int(self._logits[1][-1][-1].argmax())

    def judged(self, tolerance: float) -> SelfCheck:
        """The comparison over all that was read. Raises BadEngine."""
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

    def _video(self, prompt: PromptIds, features: Sequence[Features]) -> VideoFeatures:
        patch = self._checkpoint.prompts.patch
        counts = np.cumsum([token == patch for token in prompt.ids])
        slots = [
            int(count) if token == patch else 0
            for token, count in zip(prompt.ids, counts, strict=True)
        ]
        return VideoFeatures(prompt.visual, slots, features)


def clip_image(number: int) -> NDArray[np.uint8]:
    """Frame `number` of the clip, (96, 128, 3): a block that moves over a gradient with a grain.

    Integer arithmetic alone, so that it is the same on every machine.
    """
    rows, columns = np.mgrid[:96, :128]
    grain = (rows * 37 + columns * 59 + number * 101) % 23
    shown = np.stack([columns + grain, rows * 2 + grain, 128 + grain - rows // 2], axis=-1)
    shown[30:60, 10 + 25 * number : 40 + 25 * number] = (200, 30, 30)
    return shown.astype(np.uint8)
