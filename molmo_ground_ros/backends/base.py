# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The seam: a clip and prompts go in, text comes out. Tokens, features and KV stay below it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.types import Clip, Frame

_DEVICE = re.compile(r'auto|cpu|cuda(:\d+)?')
_DTYPES = ('auto', 'bfloat16', 'float16', 'float32', 'int8', 'int4', 'fp8')

OnText = Callable[[int, str], bool]
"""Called after every token with (index of the prompt, the new text, may be '').

Returning False ends that prompt's generation at this token: how cancel and deadlines reach a model.
`server` calls it with '' while it waits, too.
"""


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """How to generate. Decoding is greedy, as in the model's own evaluation."""

    max_new_tokens: int = 2048


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token: the text it added (may be '') and its natural-log probability."""

    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Generation:
    """One prompt's answer. `tokens` is empty where the backend knows no probabilities."""

    text: str
    tokens: tuple[Token, ...] = ()
    truncated: bool = False  # ended by max_new_tokens
    stopped: bool = False  # ended because `on_text` returned False


@dataclass(frozen=True, slots=True)
class Savings:
    """What a backend may save without changing an answer. `replay` has nothing to save."""

    reuse_prefix: bool = True  # questions on the same frames read only their own words
    draft: bool = True  # guess what the grammar fixes, and verify the guess in one pass
    feature_bytes: int = 256_000_000  # of frames encoded ahead; 617 frames of the 4B in bfloat16


SAVE_ALL = Savings()


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """What to load and where to run it. Raises BadSetting for a value no backend knows."""

    model: str  # a folder or a hub id; an address of `server`; a file of answers of `replay`
    device: str = 'auto'  # 'auto' (a GPU where there is one), 'cpu', 'cuda' or 'cuda:N'
    dtype: str = 'auto'  # 'auto' (bfloat16 on a GPU, float32 on a CPU) or a name in _DTYPES
    threads: int = 0  # of the CPU; 0 leaves the library's own choice
    savings: Savings = SAVE_ALL  # of `transformers` only the features

    def __post_init__(self) -> None:
        if not _DEVICE.fullmatch(self.device):
            raise BadSetting('device', self.device, "not 'auto', 'cpu', 'cuda' or 'cuda:N'")
        if self.dtype not in _DTYPES:
            raise BadSetting('dtype', self.dtype, f'not one of {", ".join(_DTYPES)}')
        if self.threads < 0:
            raise BadSetting('threads', self.threads, 'below zero')


class Backend(Protocol):
    """A model that answers questions about a clip.

    Every method is called from one thread, the inference worker's. Any exception is taken as this
    request's failure; the next request is tried on the same backend.
    """

    model: str  # what answers say they came from

    def generate(
        self,
        clip: Clip,
        prompts: Sequence[str],
        options: GenerateOptions,
        on_text: OnText,
    ) -> list[Generation]:
        """Answer each prompt about the clip, independently; one Generation a prompt, in order."""
        ...

    def prepare(self, camera: str, frame: Frame) -> None:
        """Take a frame ahead of any question, e.g. to encode it; may do nothing."""
        ...

    def close(self) -> None:
        """Free what is held; called once."""
        ...
