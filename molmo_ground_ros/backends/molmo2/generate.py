# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The decoding loop: chooses the likeliest token, one after the other, over any runtime.

Two shortcuts save time. Neither changes the answer, and each can be switched off.
- The part of an earlier prompt on the same frames that is still in the cache is not read again.
  That is exact because questions follow the video, and no visual token sees them (molmo2.md 5b).
- A drafter guesses the next tokens. The guess is read in one pass with the last token, and the
  model's own choices are used up to the first that differs. So a wrong guess only costs its rows.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from molmo_ground_ros.backends.molmo2.runtime import Choice, Features, Runtime, VideoFeatures
from molmo_ground_ros.backends.prompt_ids import PromptIds
from molmo_ground_ros.errors import BackendError


class Drafter(Protocol):
    """Guesses the next tokens. It may be wrong, but it must be fast."""

    def push(self, token: int) -> None:
        """Add a token that the model chose."""
        ...

    def propose(self, room: int) -> list[int]:
        """At most `room` tokens that may follow; none if there is nothing to guess from."""
        ...


@dataclass(frozen=True, slots=True)
class ClipFeatures:
    """The frames of a prompt."""

    key: Hashable  # equal for equal frames in equal order
    features: Sequence[Features]


@dataclass(slots=True)
class Counts:
    """How much work was done since the start, for tests and the bench."""

    passes: int = 0  # calls of Runtime.read
    rows: int = 0  # tokens read
    reused: int = 0  # tokens of prompts that the cache held
    drafted: int = 0
    accepted: int = 0  # of the drafted


class Generator:
    """Decodes on one runtime, and knows which tokens are in its cache. For one thread."""

    def __init__(
        self, runtime: Runtime, stops: frozenset[int], patch_token: int, *, reuse: bool = True
    ) -> None:
        self._runtime = runtime
        self._stops = stops
        self._patch = patch_token
        self._reuse = reuse
        self._key: Hashable = None
        self._cached: list[int] = []  # tokens in the rows of the cache that may be used again
        self.counts = Counts()

    def room(self, length: int) -> int:
        """How many tokens may follow a prompt of this length. Raises BackendError if none."""
        room = self._runtime.capacity - length
        if room < 1:
            raise BackendError(
                f'the prompt has {length} tokens, the context {self._runtime.capacity}: '
                'ask about a shorter time or fewer frames'
            )
        return room

    def tokens(
        self, prompt: PromptIds, clip: ClipFeatures, limit: int, drafter: Drafter | None = None
    ) -> Iterator[Choice]:
        """At most `limit` tokens, without the stop token. The caller may close it earlier."""
        chosen = self._read_prompt(prompt, clip)
        for left in range(limit - 1, -1, -1):
            if chosen[0].token in self._stops:
                return
            if drafter is not None:
                drafter.push(chosen[0].token)
            yield chosen[0]
            if len(chosen) > 1:
                chosen = chosen[1:]
            elif left:
                chosen = self._read_next(chosen[0].token, left - 1, drafter)

    def _read_prompt(self, prompt: PromptIds, clip: ClipFeatures) -> list[Choice]:
        ids = prompt.ids
        reused = self._common(prompt, clip.key)
        self.counts.reused += reused
        if reused:
            return self._read(ids[reused:], reused, 1, None)
        self._key, self._cached = clip.key, []
        slots, added = [], 0
        for token in ids:
            added += token == self._patch
            slots.append(added if token == self._patch else 0)
        return self._read(ids, 0, 1, VideoFeatures(prompt.visual, slots, clip.features))

    def _common(self, prompt: PromptIds, key: Hashable) -> int:
        """How many first tokens of the prompt are in the cache; 0 unless all of the video is."""
        if not self._reuse or not self._cached or key != self._key:
            return 0
        pairs = zip(prompt.ids, self._cached, strict=False)
        same = next((i for i, (a, b) in enumerate(pairs) if a != b), len(self._cached))
        # The last token must be read again: only a pass gives the choice that follows it.
        same = min(same, len(self._cached), len(prompt.ids) - 1)
        video_end = max(
            (i + 1 for i, is_visual in enumerate(prompt.visual) if is_visual), default=0
        )
        return same if same >= video_end else 0

    def _read_next(self, token: int, room: int, drafter: Drafter | None) -> list[Choice]:
        """The choice after a token, and one more for every drafted token that was right."""
        draft = drafter.propose(room)[:room] if drafter is not None and room > 0 else []
        start = len(self._cached)
        choices = self._read([token, *draft], start, 1 + len(draft), None)
        right = next((i for i, guess in enumerate(draft) if choices[i].token != guess), len(draft))
        # The rows of wrong guesses must not be used again.
        del self._cached[start + 1 + right :]
        self.counts.drafted += len(draft)
        self.counts.accepted += right
        return choices[: right + 1]

    def _read(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None
    ) -> list[Choice]:
        # If the runtime fails, no row of the cache may be used again.
        rows, self._cached = self._cached[:start], []
        choices = self._runtime.read(ids, start, last_count, video)
        if any(math.isnan(choice.logprob) for choice in choices):
            raise BackendError('the model gave nan: try dtype bfloat16 or float32')
        self._cached = [*rows, *ids]
        self.counts.passes += 1
        self.counts.rows += len(ids)
        return choices
