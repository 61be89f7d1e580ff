# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Selects tokens, grounding tokens among them: a `molmo2.runtime.Runtime` over the heads.

So the decoding loop, the caches of features and prefixes, and everything above them, are those of
Molmo2. A grounding token has an id above the vocabulary: see `rules.GroundingBounds`.
Restated from molmo2 f3cb108, olmo/hf_model/modeling_molmo_point.py:393-470, 1417-1480, 1719-1766.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.molmo2.memory import Budget
from molmo_ground_ros.backends.molmo2.runtime import Choice, Features, VideoFeatures
from molmo_ground_ros.backends.molmo_point.heads import (
    HeadsReading,
    HeadsRuntime,
    PointFeatures,
    Subpatches,
)
from molmo_ground_ros.backends.molmo_point.point_config import MolmoPointConfig
from molmo_ground_ros.backends.molmo_point.rules import Allowed, GroundingBounds, Turn, next_allowed
from molmo_ground_ros.errors import BackendError

# parity: the released code gives tokens that may not be chosen this logit, and not -inf.
_UNLIKELY = -100000.0


class PointingRuntime:
    """Reads and chooses tokens over the heads of one checkpoint. For one thread."""

    def __init__(self, heads: HeadsRuntime, config: MolmoPointConfig, patch_token: int) -> None:
        """patch_token: <im_patch>, the token of the prompt that stands for a patch."""
        self.capacity, self.batch = heads.capacity, heads.batch
        self._heads = heads
        self._config = config
        self._patch_token = patch_token
        # How many rows of the cache are in use, and the (row, id) of the grounding tokens in them.
        self._length = 0
        self._grounding: list[tuple[int, int]] = []
        # Of the video in the cache: its frames, the turned keys of its tokens and of "no more"
        # behind them, and what its grounding tokens mean.
        self._frames: Sequence[PointFeatures] = ()
        self._keys: NDArray[np.float32] = np.zeros((0, config.width), dtype=np.float32)
        self._bounds = GroundingBounds(config.first_grounding_token, 0, 0)
        # The newest patch whose subpatches were looked up, and those.
        self._looked_up: tuple[int, Subpatches] | None = None

    def encode(self, frames: Sequence[NDArray[np.float32]]) -> list[Features]:
        """Features of 1 to `batch` frames, from the (patches, values of a patch) of each."""
        return list(self._heads.encode(frames))

    def budget(self) -> Budget | None:
        """What memory is free now and how the cache grows; None if the system does not tell."""
        return self._heads.budget()

    def close(self) -> None:
        """Free weights and cache; called once."""
        self._heads.close()

    def read(
        self, ids: Sequence[int], start: int, last_count: int, video: VideoFeatures | None = None
    ) -> list[Choice]:
        """As of every runtime, for last_count 1: nothing is drafted.

        Only right behind a token of the answer a point may begin. One token right behind all that
        were read is such a token; what reads a prompt begins further down, or brings the video.
        """
        if last_count != 1:
            raise BackendError(f'MolmoPoint gives one choice a pass, not {last_count}')
        answering = video is None and len(ids) == 1 and start == self._length
        self._length = start + len(ids)
        self._grounding = [(row, token) for row, token in self._grounding if row < start]
        if ids[-1] >= self._bounds.first:
            self._grounding.append((self._length - 1, ids[-1]))
        if video is not None:
            reading = self._read_video(ids, start, video)
        else:
            reading = self._read_tokens(ids, start)
        return [self._choose(reading, answering=answering)]

    def _read_video(self, ids: Sequence[int], start: int, video: VideoFeatures) -> HeadsReading:
        """Read a prompt, and keep the keys of its video."""
        frames: list[Any] = list(video.features)
        pooled = VideoFeatures(video.visual, video.slots, [frame.pooled for frame in frames])
        reading = self._heads.read(ids, start, pooled)
        places = np.flatnonzero(np.asarray(ids) == self._patch_token)
        keys = _turned(reading.keys[places], np.arange(len(places)), self._config.theta)
        self._frames, self._looked_up = frames, None
        self._keys = np.concatenate([keys, self._heads.no_more_key[None]])
        self._bounds = GroundingBounds(
            self._config.first_grounding_token, len(places), frames[0].windows.shape[1]
        )
        return reading

    def _read_tokens(self, ids: Sequence[int], start: int) -> HeadsReading:
        """Read words of a prompt, or a token of the answer, as the decoder knows it."""
        bounds, config, token = self._bounds, self._config, ids[-1]
        if token < bounds.first:
            return self._heads.read(ids, start, None)
        if bounds.is_subpatch(token):
            found = self._subpatches(self._last_patch())
            at = token - bounds.first_subpatch
            row, slot, word = found.embeddings[at : at + 1], -1, config.subpatch_token
        elif bounds.is_patch(token) and token != bounds.no_more:
            frame, at = self._frame_of(token - bounds.first)
            row, slot, word = frame.pooled[at : at + 1], 1, config.patch_token
        else:
            word = config.location_token if bounds.is_location(token) else config.patch_token
            return self._heads.read([word], start, None)
        return self._heads.read([word], start, VideoFeatures([0], [slot], [row]))

    def _choose(self, reading: HeadsReading, *, answering: bool) -> Choice:
        """The likeliest token that may follow, and the log-probability that it has among those."""
        allowed = next_allowed(self._grounding, self._length, self._bounds)
        if allowed.turn is Turn.LOCATION:
            return _likeliest(reading.locations, 0, self._bounds.first_location)
        if allowed.turn is Turn.SUBPATCH:
            if allowed.least == self._bounds.subpatches:
                # The released code fails here too. It takes points without ids between them.
                raise BackendError('the model selected a patch that has no later subpatch left')
            keys = self._subpatches(self._last_patch()).keys
            scores = keys @ reading.subpatch_query / math.sqrt(self._config.width)
            return _likeliest(scores, allowed.least, self._bounds.first_subpatch)
        return self._choose_word(reading, allowed, answering=answering)

    def _choose_word(self, reading: HeadsReading, allowed: Allowed, *, answering: bool) -> Choice:
        """A word, or the likeliest patch.

        parity: the likeliest of all patches counts, so that there is no point where it may not
        follow. Its logit is that of the patch token.
        """
        config, words = self._config, reading.logits.astype(np.float64)
        to_point = float(words[config.patch_token])
        words[[config.patch_token, config.subpatch_token, config.location_token]] = _UNLIKELY
        word = _likeliest(words, 0, 0)
        if not answering or allowed.turn is Turn.TEXT:
            return word
        patches = self._patch_scores(reading.patch_query)
        if int(patches.argmax()) < allowed.least:
            return word
        together = float(np.logaddexp(_log_sum(words), to_point))
        if not to_point > words.max():
            return Choice(word.token, float(words[word.token]) - together)
        patch = _likeliest(patches, allowed.least, self._bounds.first)
        return Choice(patch.token, patch.logprob + to_point - together)

    def _patch_scores(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        """A score for each token of the video, and one for "no more".

        The query is turned by the place of the last patch, so that places count from there.
        parity: scores are divided by the root of how many there are, and not of the width.
        """
        place = max(self._last_patch(), 0)
        turned = _turned(query[None], np.array([place]), self._config.theta)[0]
        scores: NDArray[np.float32] = self._keys @ turned / math.sqrt(len(self._keys))
        return scores

    def _last_patch(self) -> int:
        """The last patch that was selected, counted from 0; -1 if there is none."""
        bounds = self._bounds
        tokens = (token for _, token in reversed(self._grounding))
        selected = (token for token in tokens if bounds.first <= token < bounds.no_more)
        return next(selected, bounds.first - 1) - bounds.first

    def _frame_of(self, patch: int) -> tuple[PointFeatures, int]:
        """The frame of a token of the video, and its place in it."""
        frame, at = divmod(patch, self._bounds.patches // len(self._frames))
        return self._frames[frame], at

    def _subpatches(self, patch: int) -> Subpatches:
        if self._looked_up is None or self._looked_up[0] != patch:
            frame, at = self._frame_of(patch)
            self._looked_up = (patch, self._heads.subpatches(frame.windows[at]))
        return self._looked_up[1]


def _turned(
    vectors: NDArray[np.float32], places: NDArray[np.int64], theta: float
) -> NDArray[np.float32]:
    """Rotary embedding of (N, width) vectors at N places.

    Source: molmo2 f3cb108, olmo/hf_model/modeling_molmo_point.py:186-216.
    """
    half = vectors.shape[1] // 2
    steps = np.arange(0, 2 * half, 2, dtype=np.float32) / np.float32(2 * half)
    angles = places[:, None].astype(np.float32) / np.float32(theta) ** steps  # (N, half)
    cos, sin = np.cos(angles), np.sin(angles)
    left, right = vectors[:, :half], vectors[:, half:]
    return np.concatenate([left * cos - right * sin, right * cos + left * sin], axis=1)


def _likeliest(scores: NDArray[Any], least: int, first: int) -> Choice:
    """The likeliest from the `least`-th score on. first: the id of the first score's token."""
    kept = scores[least:].astype(np.float64)
    best = int(kept.argmax())
    return Choice(first + least + best, float(kept[best]) - _log_sum(kept))


def _log_sum(scores: NDArray[np.float64]) -> float:
    top = scores.max()
    return float(top + np.log(np.exp(scores - top).sum()))
