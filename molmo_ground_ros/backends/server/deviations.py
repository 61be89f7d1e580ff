# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Imitates what servers compute otherwise than Molmo2, to tell from an answer which of it they do.

A server's log-probabilities of its own answer are compared with ours of the same answer, once as
the model is and once for every combination of the deviations that were found in vLLM 0.32
(docs/server.md). The combination that fits best is the diagnosis. Our own runtimes compute all of
them as they are: the deviations are in the ids, the features and the mask that they are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import cast

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.backends.molmo2.engine import Checkpoint, EngineBackend
from molmo_ground_ros.backends.molmo2.runtime import VideoFeatures, encode_all
from molmo_ground_ros.backends.molmo2.selfcheck import SECONDS, ScoringRuntime, clip_image
from molmo_ground_ros.backends.molmo2.weights import DECODER, StoredTensor, read_index
from molmo_ground_ros.backends.pixels import frame_patches
from molmo_ground_ros.backends.prompt_ids import PromptIds
from molmo_ground_ros.backends.registry import AUTO, choose, load
from molmo_ground_ros.types import Clip, Frame

# What a visual token attends to besides what precedes it.
ALL_FRAMES, ITS_FRAME, NOTHING = 'all frames', 'its own frame', 'nothing'
_NUMPY = {'F32': '<f4', 'F16': '<f2', 'BF16': '<u2'}


@dataclass(frozen=True, slots=True)
class Deviation:
    """What is computed otherwise; nothing is, as a default.

    markers: <frame_start> and <frame_end> are embedded for <im_start> and <im_end>.
    replaced: a feature replaces the embedding of <im_patch> and is not added to it.
    attends: what a visual token attends to besides what precedes it.
    """

    markers: bool = False
    replaced: bool = False
    attends: str = ALL_FRAMES

    @property
    def words(self) -> tuple[str, ...]:
        """Each deviation in words; empty for none."""
        named = (
            (self.markers, 'embeds <frame_start> and <frame_end> where the prompt has <im_start>'),
            (self.replaced, 'a visual feature replaces the embedding of <im_patch>'),
            (
                self.attends != ALL_FRAMES,
                f'a visual token looks ahead to {self.attends}, not to all frames',
            ),
        )
        return tuple(text for holds, text in named if holds)


RIGHT = Deviation()
EVERY = tuple(
    Deviation(*choice)
    for choice in product((False, True), (False, True), (ALL_FRAMES, ITS_FRAME, NOTHING))
)


def fixed_clip() -> Clip:
    """Four small frames, of which the newest is off the grid: as `doctor` shows them."""
    frames = tuple(Frame(round(label * 1e9), clip_image(i)) for i, label in enumerate(SECONDS))
    return Clip('doctor', frames, SECONDS, 0, frames[-1].stamp_ns, len(frames))


class Imitation:
    """A checkpoint that is computed as it is, or with deviations. For one thread."""

    def __init__(self, checkpoint: Checkpoint, runtime: ScoringRuntime, clip: Clip) -> None:
        """Encode the frames of the clip. Raises what the runtime raises."""
        self.checkpoint = checkpoint
        self._runtime = runtime
        self._clip = clip
        patches = [frame_patches(frame.image, checkpoint.pixels) for frame in clip.frames]
        self._features = [
            np.asarray(features, np.float32) for features in encode_all(runtime, patches)
        ]
        self._patch = _embedding(checkpoint, checkpoint.prompts.patch)

    def prompt(self, question: str) -> PromptIds:
        """The prompt about the clip."""
        return self.checkpoint.prompts.encode(self._clip.seconds, question)

    def logprobs(
        self, question: str, answer: Sequence[int], deviation: Deviation = RIGHT
    ) -> NDArray[np.float32]:
        """Log-probabilities of all tokens at each place of an answer, (tokens + 1, vocabulary)."""
        prompt = self.prompt(question)
        ids = [*self._markers(prompt.ids, deviation), *answer]
        visual = [*prompt.visual, *[0] * len(answer)]
        rows = len(answer) + 1
        logits: NDArray[np.float32] = np.empty((0, 0), np.float32)
        for start, end in self._passes(visual, deviation):
            last = rows if end == len(ids) else 1
            video = self._video(ids, visual, start, end, deviation)
            logits = self._runtime.logits(ids[start:end], start, last, video)
        shifted = logits - logits.max(axis=-1, keepdims=True)
        total = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        return cast('NDArray[np.float32]', shifted - total)

    def _markers(self, ids: Sequence[int], deviation: Deviation) -> list[int]:
        if not deviation.markers:
            return list(ids)
        token = self.checkpoint.prompts.token_id
        swap = {token(f'<im_{end}>'): token(f'<frame_{end}>') for end in ('start', 'end')}
        return [swap.get(i, i) for i in ids]

    def _passes(self, visual: Sequence[int], deviation: Deviation) -> Iterator[tuple[int, int]]:
        """What is read in one pass: (first token, token behind the last).

        A frame that is read in a pass of its own cannot attend to later ones.
        """
        ends = [len(visual)]
        if deviation.attends == ITS_FRAME:
            pairs = zip(visual, [*visual[1:], 0], strict=True)
            ends = [i + 1 for i, (own, after) in enumerate(pairs) if own and not after] + ends
        return iter(zip([0, *ends[:-1]], ends, strict=True))

    def _video(
        self,
        ids: Sequence[int],
        visual: Sequence[int],
        start: int,
        end: int,
        deviation: Deviation,
    ) -> VideoFeatures:
        """The features of one pass; `slots` counts all patches, so all features are given."""
        patch = self.checkpoint.prompts.patch
        counts = np.cumsum([token == patch for token in ids])
        slots = [int(counts[i]) if ids[i] == patch else 0 for i in range(start, end)]
        seen = visual[start:end] if deviation.attends != NOTHING else [0] * (end - start)
        removed = self._patch if deviation.replaced else np.float32(0.0)
        return VideoFeatures(seen, slots, [feature - removed for feature in self._features])


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Which deviation fits a server's answers best.

    distances: by deviation, the mean difference of log-probabilities. largest: the largest
    difference from the model as it is.
    """

    nearest: Deviation
    distances: dict[Deviation, float]
    largest: float


@dataclass(frozen=True, slots=True)
class Answered:
    """A server's answer: token ids, and the log-probability of each."""

    question: str
    ids: tuple[int, ...]
    logprobs: tuple[float, ...]


def diagnose(imitation: Imitation, answers: Sequence[Answered]) -> Diagnosis:
    """Compare answers with every deviation. Raises ValueError if there is no token to compare."""
    if not any(answer.ids for answer in answers):
        raise ValueError('no token to compare')
    differences = {
        deviation: np.concatenate([_apart(imitation, answer, deviation) for answer in answers])
        for deviation in EVERY
    }
    distances = {deviation: float(apart.mean()) for deviation, apart in differences.items()}
    nearest = min(distances, key=lambda deviation: distances[deviation])
    return Diagnosis(nearest, distances, float(differences[RIGHT].max()))


def open_reference(folder: str, clip: Clip) -> Imitation:
    """The checkpoint in a folder, in float32 on the CPU. Raises BadModel and its relatives."""
    settings = BackendSettings(folder, device='cpu', dtype='float32')
    backend = cast('EngineBackend', load(choose(AUTO, settings), settings))
    checkpoint, runtime = backend.parts
    return Imitation(checkpoint, cast('ScoringRuntime', runtime), clip)


def _apart(imitation: Imitation, answer: Answered, deviation: Deviation) -> NDArray[np.float32]:
    ours = imitation.logprobs(answer.question, answer.ids, deviation)[: len(answer.ids)]
    own = ours[np.arange(len(answer.ids)), list(answer.ids)]
    return np.abs(own - np.asarray(answer.logprobs, np.float32))


def _embedding(checkpoint: Checkpoint, token: int) -> NDArray[np.float32]:
    """The embedding of one token, (hidden,)."""
    index = read_index(checkpoint.model, checkpoint.folder)
    first, second = (index[f'{DECODER}wte.{name}'] for name in ('embedding', 'new_embedding'))
    rows = first.shape[0]
    return _row(first, token) if token < rows else _row(second, token - rows)


def _row(stored: StoredTensor, number: int) -> NDArray[np.float32]:
    size = stored.nbytes // stored.shape[0]
    with stored.file.open('rb') as file:
        file.seek(stored.start + number * size)
        values = np.frombuffer(file.read(size), _NUMPY[stored.dtype])
    if stored.dtype == 'BF16':
        return (values.astype('<u4') << 16).view('<f4')
    return values.astype(np.float32)
