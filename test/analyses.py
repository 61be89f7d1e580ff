# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A model that knows what happens in a recording, for tests of analyses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bags import JPEG, MSG, jpeg_message, write_bag
from clips import stamp

from molmo_ground_ros.backends.base import GenerateOptions, Generation, OnText
from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.grammar import format_count, number_points
from molmo_ground_ros.types import Clip

EVENTS = {'cup': (3.0, 60.0, 100.0), 'ball': (60.5,)}  # seconds; 60 s is in two windows
LENGTH_S = 150.0  # three windows: 0 to 63, 58 to 121, 87 to 150
RATE_HZ = 4.0


class Knowing:
    """Says where and when `EVENTS` are, for the word that is in the prompt. Sees no pixel."""

    model = 'knowing'

    def __init__(self, before: Callable[[Clip, Sequence[str]], None] = lambda *_: None) -> None:
        self.calls: list[tuple[int, list[str]]] = []  # (start of the clip, prompts)
        self._before = before  # may raise

    def generate(
        self, clip: Clip, prompts: Sequence[str], options: GenerateOptions, on_text: OnText
    ) -> list[Generation]:
        self._before(clip, prompts)
        self.calls.append((clip.start_ns, list(prompts)))
        return [Generation(self._say(clip, prompt)) for prompt in prompts]

    @staticmethod
    def _say(clip: Clip, prompt: str) -> str:
        word = next(word for word in EVENTS if word in prompt)
        shown = {
            frame.stamp_ns: label for frame, label in zip(clip.frames, clip.seconds, strict=True)
        }
        spots = []
        for number, time in enumerate(EVENTS[word], start=1):
            nearest = min(shown, key=lambda stamp_ns: abs(stamp_ns - stamp(time)))
            if abs(nearest - stamp(time)) < 0.5e9:
                spots.append((shown[nearest], number / 10, 0.5))
        return format_count(number_points(spots), word)

    def prepare(self, camera: str, frame: object) -> None:
        pass

    def close(self) -> None:
        pass


def failing_at(*seconds: float, word: str = '') -> Callable[[Clip, Sequence[str]], None]:
    """Fails in the windows that begin there, for prompts with `word` in them."""

    def fail(clip: Clip, prompts: Sequence[str]) -> None:
        if clip.start_ns in map(stamp, seconds) and any(word in prompt for prompt in prompts):
            raise BackendError('the GPU is gone')

    return fail


def corrupt_message(seconds: float):
    """A JPEG without its end."""
    message = jpeg_message(seconds)
    return MSG['sensor_msgs/msg/CompressedImage'](message.header, 'jpeg', JPEG[:-40])


def write_long_bag(path: Path, topics: Sequence[str] = ('/image',), corrupt: Sequence[float] = ()):
    """LENGTH_S of tiny pictures on each topic; those at the seconds of `corrupt` are cut off."""
    times = [i / RATE_HZ for i in range(round(LENGTH_S * RATE_HZ) + 1)]
    messages = [corrupt_message(t) if t in corrupt else jpeg_message(t) for t in times]
    return write_bag(path, dict.fromkeys(topics, messages))
