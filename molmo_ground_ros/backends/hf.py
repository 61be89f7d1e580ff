# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The backend `transformers`: Molmo2's network from transformers, with our own pre-processing.

Patches, token ids and the greedy decoding loop are this package's. Only the network class that
transformers ships is used: no code from the checkpoint is run, and torchvision is not needed.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import DynamicCache
from transformers.modeling_outputs import BaseModelOutputWithPooling

from molmo_ground_ros.backends.base import (
    BackendSettings,
    GenerateOptions,
    Generation,
    OnText,
    Token,
)
from molmo_ground_ros.backends.checkpoint import check_files, find_folder, read_processor
from molmo_ground_ros.backends.features import fingerprint
from molmo_ground_ros.backends.host.device import choose_device, choose_dtype
from molmo_ground_ros.backends.pixels import frame_patches, pooling_indices
from molmo_ground_ros.backends.prompt_ids import TURN_END, PromptEncoder, PromptIds
from molmo_ground_ros.backends.text_stream import TextStream
from molmo_ground_ros.backends.weights import load_network, load_tokenizer
from molmo_ground_ros.errors import BackendError, BadModel
from molmo_ground_ros.storage.lru import LruCache
from molmo_ground_ros.types import Clip, Frame


class TransformersBackend:
    """One checkpoint on one device. Raises BadModel or BadSetting when it cannot be loaded."""

    def __init__(self, settings: BackendSettings) -> None:
        self.model = settings.model
        self.device = choose_device(settings.device)
        self.dtype = choose_dtype(settings.dtype, self.device)
        if settings.threads:
            torch.set_num_threads(settings.threads)
        folder = find_folder(settings.model)
        check_files(settings.model, folder)
        self._pixels, frame = read_processor(settings.model, folder)
        self._network = load_network(settings.model, folder, self.device, self.dtype)
        # transformers 5.24 renamed the argument, and the field of the output with it.
        arguments = inspect.signature(self._network.forward).parameters
        self._cache_argument = 'cache' if 'cache' in arguments else 'past_key_values'
        self._tokenizer = load_tokenizer(settings.model, folder)
        self._prompts = PromptEncoder(self._tokenizer, frame, self._pixels.grid, settings.model)
        self._stops = self._stop_tokens()
        self._check_sizes()
        self._pooling = torch.from_numpy(pooling_indices(self._pixels)).to(self.device)
        self._features: LruCache[bytes, torch.Tensor] = LruCache(settings.savings.feature_bytes)

    def generate(
        self,
        clip: Clip,
        prompts: Sequence[str],
        options: GenerateOptions,
        on_text: OnText,
    ) -> list[Generation]:
        """Answer each prompt. Frames that were not prepared are encoded first.

        Raises BackendError for an empty clip, a prompt longer than the model's context, and an
        error of torch, such as out of memory. A later call is not affected.
        """
        if not clip.frames:
            raise BackendError(f"the clip of camera '{clip.camera}' holds no frames")
        encoded = [self._prompts.encode(clip.seconds, prompt) for prompt in prompts]
        limits = [self._token_limit(len(prompt.ids), options.max_new_tokens) for prompt in encoded]
        frame_features = [self._encoded(frame) for frame in clip.frames]
        with self._guard('joining the frames'):
            features = torch.cat(frame_features)
        return [
            self._answer(index, encoded[index], features, limit, on_text)
            for index, limit in enumerate(limits)
        ]

    def prepare(self, camera: str, frame: Frame) -> None:  # noqa: ARG002
        """Encode a frame now, so that a later question finds its features in the cache."""
        self._encoded(frame)

    def close(self) -> None:
        """Free weights and features; no method may be called afterwards."""
        self._features.clear()
        del self._network
        if self.device.type == 'cuda':
            torch.cuda.empty_cache()

    def _encoded(self, frame: Frame) -> torch.Tensor:
        """The features of a frame, (tokens, hidden), from the cache or encoded now.

        Frames are encoded one at a time: in a batch, the numbers would depend on its size.
        """
        key = fingerprint(frame.image)
        held = self._features.get(key)
        if held is not None:
            return held
        patches = torch.from_numpy(frame_patches(frame.image, self._pixels))[None]
        with self._guard('encoding a frame'), torch.inference_mode():
            grid = torch.tensor([[1, *self._pixels.grid]], device=self.device)
            output = self._network.get_video_features(
                patches.to(self.device, self.dtype), self._pooling, grid
            )
            features: torch.Tensor = output.pooler_output[0]
        self._features.put(key, features)
        return features

    def _answer(
        self,
        index: int,
        prompt: PromptIds,
        features: torch.Tensor,
        limit: int,
        on_text: OnText,
    ) -> Generation:
        stream = TextStream(self._decode)
        tokens: list[Token] = []
        stopped = False
        for token, logprob in self._greedy(prompt, features, limit):
            piece = stream.push(token)
            if len(tokens) + 1 == limit:
                piece += stream.finish()
            tokens.append(Token(piece, logprob))
            if not on_text(index, piece):
                stopped = True
                break
        # Text is left over where the last token ends inside a character.
        if tokens and (unfinished := stream.finish()):
            tokens[-1] = Token(tokens[-1].text + unfinished, tokens[-1].logprob)
            if not stopped:
                on_text(index, unfinished)
        return Generation(
            text=''.join(token.text for token in tokens),
            tokens=tuple(tokens),
            truncated=not stopped and len(tokens) == limit,
            stopped=stopped,
        )

    def _token_limit(self, length: int, most: int) -> int:
        """At most `most` tokens that may follow a prompt of `length` tokens in the context."""
        room = int(self._network.config.text_config.max_position_embeddings) - length
        if room < 1:
            raise BackendError(
                f"the prompt has {length} tokens, the model's context {length + room}: "
                'ask about a shorter time or fewer frames'
            )
        return min(most, room)

    def _greedy(
        self, prompt: PromptIds, features: torch.Tensor, limit: int
    ) -> Iterator[tuple[int, float]]:
        """Yield up to `limit` tokens with their natural-log probabilities, without a stop token."""
        cache = {
            self._cache_argument: DynamicCache(config=self._network.config.get_text_config()),
            'use_cache': True,
        }
        with self._guard(f'reading {len(prompt.ids)} tokens'), torch.inference_mode():
            chosen = _choose(self._prefill(prompt, features, cache).logits)
        for left in range(limit - 1, -1, -1):
            if chosen[0] in self._stops:
                return
            yield chosen
            if left:
                with self._guard('generating a token'), torch.inference_mode():
                    ids = torch.tensor([[chosen[0]]], device=self.device)
                    chosen = _choose(self._network(input_ids=ids, **cache).logits)

    def _prefill(self, prompt: PromptIds, features: torch.Tensor, cache: dict[str, Any]) -> Any:
        return self._network(
            input_ids=torch.tensor([prompt.ids], device=self.device),
            mm_token_type_ids=torch.tensor([prompt.visual], device=self.device),
            mm_encoder_outputs={'video': BaseModelOutputWithPooling(pooler_output=(features,))},
            logits_to_keep=1,
            **cache,
        )

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _stop_tokens(self) -> frozenset[int]:
        """The ids that end an answer: those that the checkpoint names, and the end of a turn."""
        named = self._network.generation_config.eos_token_id
        ids = named if isinstance(named, list) else [named]
        ids = [*ids, self._tokenizer.eos_token_id, self._prompts.token_id(TURN_END)]
        return frozenset(int(token) for token in ids if token is not None)

    def _check_sizes(self) -> None:
        """Raise BadModel where the tokenizer, processor and weights do not fit each other."""
        config = self._network.config
        if self._prompts.patch != config.image_patch_id:
            raise BadModel(
                self.model,
                f'<im_patch> is token {self._prompts.patch} to its tokenizer, '
                f'{config.image_patch_id} to its config.json',
            )
        patches, positions = self._pixels.side**2, config.vision_config.num_position_embeddings
        if patches != positions:
            raise BadModel(
                self.model,
                f'its processor makes {patches} patches a frame, '
                f'its vision tower reads {positions}',
            )

    @contextlib.contextmanager
    def _guard(self, doing: str) -> Iterator[None]:
        """Turn errors of torch into BackendError, and free the memory that the failed call held."""
        try:
            yield
        except (RuntimeError, ValueError, IndexError) as err:
            traceback.clear_frames(err.__traceback__)
            if isinstance(err, torch.OutOfMemoryError):
                self._features.clear()
                torch.cuda.empty_cache()
            reason = str(err).strip().split('\n')[0]
            raise BackendError(f'{doing}: {type(err).__name__}: {reason}') from err


def _choose(logits: torch.Tensor) -> tuple[int, float]:
    """The likeliest token at the last position, and its natural-log probability.

    logits: (1, length, vocabulary). Raises ValueError for logits that are nan.
    """
    last = logits[0, -1].float()
    token = last.argmax()
    logprob = torch.log_softmax(last, dim=-1)[token].item()
    if math.isnan(logprob):
        raise ValueError('the model gave nan: try dtype bfloat16 or float32')
    return int(token.item()), logprob
