# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The backend of our own graph, over any runtime.

It prepares pixels and prompts, caches features of frames, runs the decoding loop and streams the
text. It needs numpy and tokenizers; only the `Runtime` knows how the graph is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.base import (
    SAVE_ALL,
    BackendSettings,
    GenerateOptions,
    Generation,
    OnText,
    Savings,
    Token,
)
from molmo_ground_ros.backends.checkpoint import check_files, find_folder, read_processor
from molmo_ground_ros.backends.features import Fingerprints
from molmo_ground_ros.backends.molmo2.config import Molmo2Config, read_config
from molmo_ground_ros.backends.molmo2.draft import GrammarDrafter
from molmo_ground_ros.backends.molmo2.generate import ClipFeatures, Counts, Generator
from molmo_ground_ros.backends.molmo2.memory import ModelSizes, fit_prompt, window_of
from molmo_ground_ros.backends.molmo2.runtime import Features, GrowingRuntime, Runtime
from molmo_ground_ros.backends.molmo2.tokens import FileTokenizer, stop_tokens
from molmo_ground_ros.backends.pixels import PixelConfig, cut_patches, frame_pixels
from molmo_ground_ros.backends.prompt_ids import PromptEncoder, PromptIds
from molmo_ground_ros.backends.text_stream import TextStream
from molmo_ground_ros.errors import BackendError, BadModel, BadSetting
from molmo_ground_ros.frames.windows import MAX_FRAMES, SAMPLE_PERIOD_S
from molmo_ground_ros.storage.lru import LruCache
from molmo_ground_ros.types import Clip, Frame


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checked checkpoint, without its weights."""

    model: str
    folder: Path
    config: Molmo2Config
    pixels: PixelConfig
    tokenizer: FileTokenizer
    prompts: PromptEncoder
    stops: frozenset[int]

    @property
    def sizes(self) -> ModelSizes:
        """The sizes that decide how much memory the checkpoint takes."""
        rows, columns = self.pixels.grid
        return ModelSizes(self.config, self.prompts.frame_tokens, rows * columns)


def open_checkpoint(settings: BackendSettings) -> Checkpoint:
    """Find and check a checkpoint. Raises BadModel if files are missing or do not agree."""
    model, folder = settings.model, find_folder(settings.model)
    check_files(model, folder)
    config = read_config(model, folder)
    pixels, frame = read_processor(model, folder)
    tokenizer = FileTokenizer(model, folder)
    prompts = PromptEncoder(tokenizer, frame, pixels.grid, model)
    stops = stop_tokens(model, folder, tokenizer)
    checkpoint = Checkpoint(model, folder, config, pixels, tokenizer, prompts, stops)
    check_agreement(checkpoint)
    return checkpoint


def check_agreement(checkpoint: Checkpoint) -> None:
    """Raise BadModel where the files of a checkpoint do not agree."""
    model, config = checkpoint.model, checkpoint.config
    prompts, pixels = checkpoint.prompts, checkpoint.pixels
    if prompts.patch != config.patch_token:
        raise BadModel(
            model,
            f'<im_patch> is token {prompts.patch} to its tokenizer, '
            f'{config.patch_token} to its config.json',
        )
    if pixels.side**2 != config.vision.positions:
        raise BadModel(
            model,
            f'its processor makes {pixels.side**2} patches a frame, '
            f'its vision tower reads {config.vision.positions}',
        )


class EngineBackend:
    """One checkpoint on one runtime."""

    def __init__(
        self, checkpoint: Checkpoint, runtime: Runtime, savings: Savings = SAVE_ALL
    ) -> None:
        self.model = checkpoint.model
        self._checkpoint = checkpoint
        self._runtime = runtime
        self._savings = savings
        self._fingerprints = Fingerprints(partial(frame_pixels, config=checkpoint.pixels))
        self._features: LruCache[bytes, Features] = LruCache(savings.feature_bytes)
        self._generator = Generator(
            runtime, checkpoint.stops, checkpoint.prompts.patch, reuse=savings.reuse_prefix
        )

    @property
    def parts(self) -> tuple[Checkpoint, Runtime]:
        """The checkpoint and its runtime, for checks that read logits."""
        return self._checkpoint, self._runtime

    @property
    def counts(self) -> Counts:
        """Work done since the start."""
        return self._generator.counts

    def generate(
        self,
        clip: Clip,
        prompts: Sequence[str],
        options: GenerateOptions,
        on_text: OnText,
    ) -> list[Generation]:
        """Answer each prompt. Frames that were not prepared before are encoded now.

        Raises BackendError for an empty clip, a prompt longer than the context and what the runtime
        raises, and DoesNotFit before anything is encoded. The next call works after any of them.
        """
        if not clip.frames:
            raise BackendError(f"the clip of camera '{clip.camera}' holds no frames")
        encoded = [self._checkpoint.prompts.encode(clip.seconds, prompt) for prompt in prompts]
        rooms = [self._generator.room(len(prompt.ids)) for prompt in encoded]
        limits = [min(options.max_new_tokens, room) for room in rooms]
        lengths = [len(prompt.ids) for prompt in encoded]
        self._check_memory(clip.seconds, lengths, limits)
        features = self._encoded(clip.frames)
        return [
            self._answer(
                _Request(index, encoded[index], features, clip.seconds),
                limit,
                on_text,
            )
            for index, limit in enumerate(limits)
        ]

    def prepare(self, camera: str, frame: Frame) -> None:  # noqa: ARG002
        """Encode a frame now, so that its features are ready for a later question."""
        self._encoded([frame])

    def most_frames(self) -> int:
        """As in `Bounded`: an engine has the context that it was built for."""
        for halves in range(MAX_FRAMES - 1, 0, -1):
            try:
                window = window_of(halves * SAMPLE_PERIOD_S, self._checkpoint.sizes)
            except BadSetting:
                # The clip is longer than the model's own context.
                continue
            if window.prompt + window.answer <= self._runtime.capacity:
                return window.frames
        return 0

    def close(self) -> None:
        """Free weights and features. No other method may be called afterwards."""
        self._features.clear()
        self._runtime.close()

    def _check_memory(
        self, labels: Sequence[float], lengths: Sequence[int], limits: Sequence[int]
    ) -> None:
        """Raise DoesNotFit if a prompt and its answer need more memory than is free.

        labels: of the frames, seconds. lengths: tokens of each prompt. limits: the most tokens of
        each answer.
        """
        budget = self._runtime.budget() if isinstance(self._runtime, GrowingRuntime) else None
        if budget is not None:
            dense = any(b - a < SAMPLE_PERIOD_S for a, b in pairwise(labels[:-1]))
            frames, sizes = len(labels), self._checkpoint.sizes
            for length, limit in zip(lengths, limits, strict=True):
                fit_prompt(sizes, budget, frames, length, limit, dense=dense)

    def _encoded(self, frames: Sequence[Frame]) -> ClipFeatures:
        """Features of frames, from the cache or encoded now, so many in a pass as the runtime can.

        Equal frames are encoded once.
        """
        keys: list[bytes] = []
        found: dict[bytes, Features] = {}
        lacking: dict[bytes, NDArray[np.float32]] = {}
        for frame in frames:
            key, pixels = self._fingerprints.with_pixels(frame.image)
            keys.append(key)
            if key in found or key in lacking:
                continue
            features = self._features.get(key)
            if features is not None:
                found[key] = features
                continue
            config = self._checkpoint.pixels
            lacking[key] = cut_patches(
                frame_pixels(frame.image, config) if pixels is None else pixels, config
            )
            if len(lacking) == self._runtime.batch:
                found |= self._encode(lacking)
                lacking = {}
        found |= self._encode(lacking)
        return ClipFeatures(tuple(keys), [found[key] for key in keys])

    def _encode(self, lacking: dict[bytes, NDArray[np.float32]]) -> dict[bytes, Features]:
        """Encode frames in one pass, and keep their features. lacking: patches by fingerprint."""
        if not lacking:
            return {}
        encoded = dict(zip(lacking, self._runtime.encode(list(lacking.values())), strict=True))
        for key, features in encoded.items():
            self._features.put(key, features)
        return encoded

    def _answer(self, request: _Request, limit: int, on_text: OnText) -> Generation:
        decode = self._checkpoint.tokenizer.decode
        stream = TextStream(decode)
        tokens: list[Token] = []
        stopped = False
        drafter = None
        if self._savings.draft:
            encode = self._checkpoint.tokenizer.encode_text
            drafter = GrammarDrafter(encode, decode, request.seconds)
        choices: Any = self._generator.tokens(request.prompt, request.clip, limit, drafter)
        with closing(choices):
            for choice in choices:
                piece = stream.push(choice.token)
                if len(tokens) + 1 == limit:
                    piece += stream.finish()
                tokens.append(Token(piece, choice.logprob))
                if not on_text(request.index, piece):
                    stopped = True
                    break
        # The answer may end inside a character.
        if tokens and (remainder := stream.finish()):
            tokens[-1] = Token(tokens[-1].text + remainder, tokens[-1].logprob)
            if not stopped:
                on_text(request.index, remainder)
        return Generation(
            text=''.join(token.text for token in tokens),
            tokens=tuple(tokens),
            truncated=not stopped and len(tokens) == limit,
            stopped=stopped,
        )


@dataclass(frozen=True, slots=True)
class _Request:
    """One prompt of a call."""

    index: int
    prompt: PromptIds
    clip: ClipFeatures
    seconds: tuple[float, ...]
