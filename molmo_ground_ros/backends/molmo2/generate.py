# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The one decoding loop: a prompt to tokens, greedily, over any runtime.

Two savings, both exact, both switchable. What the cache holds of an earlier prompt on the same
frames is not read again: questions follow the video and no visual token sees them (molmo2.md 5b).
And where a drafter guesses what comes next, its guess is read together with the last token; the
model's own choices are kept up to the first that differs, so a wrong guess costs only its rows.
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
    """Guesses the tokens that follow. It may be wrong, it may not be slow."""

    def push(self, token: int) -> None:
        """A token that the model chose."""
        ...

    def propose(self, room: int) -> list[int]:
        """At most `room` tokens that may follow; none where there is nothing to go by."""
        ...


@dataclass(frozen=True, slots=True)
class ClipFeatures:
    """The frames of a prompt."""

    key: Hashable  # equal for equal frames in equal order
    features: Sequence[Features]


@dataclass(slots=True)
class Counts:
    """How much work was done, for tests and the bench."""

    passes: int = 0  # calls of Runtime.read
    rows: int = 0  # tokens read
    reused: int = 0  # tokens of prompts that the cache held
    drafted: int = 0
    accepted: int = 0  # of the drafted


class Generator:
    """One runtime's cache, and what it holds. For one thread."""

    def __init__(
        self, runtime: Runtime, stops: frozenset[int], patch_token: int, *, reuse: bool = True
    ) -> None:
        self._runtime = runtime
        self._stops = stops
        self._patch = patch_token
        self._reuse = reuse
        self._key: Hashable = None
        self._held: list[int] = []  # tokens in the rows of the cache that may be used again
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
        self, prompt: PromptIds, scene: ClipFeatures, limit: int, drafter: Drafter | None = None
    ) -> Iterator[Choice]:
        """At most `limit` tokens; the stop token is not given. Ends early when it is closed."""
        chosen = self._read_prompt(prompt, scene)
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

    def _read_prompt(self, prompt: PromptIds, scene: ClipFeatures) -> list[Choice]:
        ids = prompt.ids
        kept = self._common(prompt, scene.key)
        self.counts.reused += kept
        if kept:
            return self._read(ids[kept:], kept, 1, None)
        self._key, self._held = scene.key, []
        slots, added = [], 0
        for token in ids:
            added += token == self._patch
            slots.append(added if token == self._patch else 0)
        return self._read(ids, 0, 1, VideoFeatures(prompt.visual, slots, scene.features))

    def _common(self, prompt: PromptIds, key: Hashable) -> int:
        """Tokens of the prompt that the cache holds; all of the video is among them, or none."""
        if not self._reuse or not self._held or key != self._key:
            return 0
        pairs = zip(prompt.ids, self._held, strict=False)
        same = next((i for i, (a, b) in enumerate(pairs) if a != b), len(self._held))
        same = min(same, len(self._held), len(prompt.ids) - 1)  # one is read for what follows it
        video_end = max((i + 1 for i, one in enumerate(prompt.visual) if one), default=0)
        return same if same >= video_end else 0

    def _read_next(self, token: int, room: int, drafter: Drafter | None) -> list[Choice]:
        """What follows a token: one choice, and one more for every drafted token that is right."""
        draft = drafter.propose(room)[:room] if drafter is not None and room > 0 else []
        start = len(self._held)
        choices = self._read([token, *draft], start, 1 + len(draft), None)
        right = next((i for i, guess in enumerate(draft) if choices[i].token != guess), len(draft))
        del self._held[start + 1 + right :]  # rows of wrong guesses are void
        self.counts.drafted += len(draft)
        self.counts.accepted += right
        return choices[: right + 1]

    def _read(
        self, ids: Sequence[int], start: int, wanted: int, video: VideoFeatures | None
    ) -> list[Choice]:
        held, self._held = self._held[:start], []  # nothing is held if the runtime fails
        choices = self._runtime.read(ids, start, wanted, video)
        if any(math.isnan(choice.logprob) for choice in choices):
            raise BackendError('the model gave nan: try dtype bfloat16 or float32')
        self._held = [*held, *ids]
        self.counts.passes += 1
        self.counts.rows += len(ids)
        return choices
