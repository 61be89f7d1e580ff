# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The protocol that every backend implements: a clip and prompts go in, generations come out.

Token ids, features of frames and caches of keys and values stay inside a backend.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.types import Clip, Frame

_DEVICE = re.compile(r'auto|cpu|cuda(:\d+)?')
_DTYPES = ('auto', 'bfloat16', 'float16', 'float32', 'int8', 'int4', 'fp8')

OnText = Callable[[int, str], bool]
"""Called after every token with the index of the prompt and the new text, which may be ''.

If it returns False, the generation of that prompt ends with this token; a cancelled question and
one past its deadline end like that. The backend `server` also calls it with '' while it waits.
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
    """The text that the model wrote for one prompt.

    tokens: empty where the backend has no probabilities. truncated: max_new_tokens ended it.
    stopped: `on_text` ended it by returning False.
    """

    text: str
    tokens: tuple[Token, ...] = ()
    truncated: bool = False
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Savings:
    """Ways to save work that change no answer. `replay` uses none of them.

    reuse_prefix: questions about the same frames read only their own words.
    draft: tokens that the grammar fixes are guessed, and verified in one pass.
    feature_bytes: how much the features of encoded frames may take; 256 MB hold 617 frames of
    Molmo2-4B in bfloat16.
    """

    reuse_prefix: bool = True
    draft: bool = True
    feature_bytes: int = 256_000_000


SAVE_ALL = Savings()


class ModelSettings(Protocol):
    """What a backend is loaded with, of all settings. `config.Settings` says what each means."""

    @property
    def model(self) -> str:
        """As in BackendSettings, like all but the last three."""
        ...

    @property
    def device(self) -> str:
        """See above."""
        ...

    @property
    def dtype(self) -> str:
        """See above."""
        ...

    @property
    def threads(self) -> int:
        """See above."""
        ...

    @property
    def reuse_prefix(self) -> bool:
        """As in Savings, like the next one."""
        ...

    @property
    def draft(self) -> bool:
        """See above."""
        ...

    @property
    def feature_megabytes(self) -> float:
        """Most that the features of encoded frames take, in 10^6 bytes."""
        ...


@dataclass(frozen=True, slots=True)
class BackendSettings:
    """What to load and where to run it. Raises BadSetting for a value that no backend takes.

    model: a folder or a hub id; for `server` an address; for `replay` a file of answers.
    device: 'auto' (a GPU if there is one), 'cpu', 'cuda' or 'cuda:N'.
    dtype: 'auto' (bfloat16 on a GPU, float32 on a CPU) or another name in _DTYPES.
    threads: CPU threads; 0 leaves the choice to the library.
    savings: `transformers` uses only `feature_bytes`.
    """

    model: str
    device: str = 'auto'
    dtype: str = 'auto'
    threads: int = 0
    savings: Savings = SAVE_ALL

    def __post_init__(self) -> None:
        if not _DEVICE.fullmatch(self.device):
            raise BadSetting('device', self.device, "not 'auto', 'cpu', 'cuda' or 'cuda:N'")
        if self.dtype not in _DTYPES:
            raise BadSetting('dtype', self.dtype, f'not one of {", ".join(_DTYPES)}')
        if self.threads < 0:
            raise BadSetting('threads', self.threads, 'below zero')


class Backend(Protocol):
    """A model that answers questions about a clip.

    Every method is called from one thread, the inference worker's. Any exception counts as the
    failure of the current question only: the next one is sent to the same backend.
    """

    @property
    def model(self) -> str:
        """Its name in answers."""
        ...

    def generate(
        self,
        clip: Clip,
        prompts: Sequence[str],
        options: GenerateOptions,
        on_text: OnText,
    ) -> list[Generation]:
        """Answer each prompt about the clip on its own; returns a Generation a prompt, in order."""
        ...

    def prepare(self, camera: str, frame: Frame) -> None:
        """Do work on a frame before any question, such as encoding it; may do nothing."""
        ...

    def close(self) -> None:
        """Free memory and connections; called once."""
        ...


@runtime_checkable
class Bounded(Protocol):
    """A backend whose context may be shorter than the longest clip that it could be asked about."""

    def most_frames(self) -> int:
        """Frames of a clip that leave room for an answer about them."""
        ...


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often a model was started again, why it had ended, and whether it is starting now."""

    count: int = 0
    # Of the newest time that it ended; '' if it never did.
    reason: str = ''
    going_on: bool = False


@runtime_checkable
class Restarting(Protocol):
    """A backend whose model may end and is then started again. For any thread."""

    def restarts(self) -> Restarts:
        """What came of it so far."""
        ...

    def end(self) -> None:
        """End the model at once, whatever it does, and start it no more. `close` still follows."""
        ...
