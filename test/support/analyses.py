# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A model that knows what happens in a recording, for tests of analyses."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.analysis import records
from molmo_ground_ros.analysis.findings import Analysis
from molmo_ground_ros.backends.base import GenerateOptions, Generation, OnText
from molmo_ground_ros.errors import BackendError, BadModel
from molmo_ground_ros.grounding.stitch import Finding
from molmo_ground_ros.language.grammar import format_count, number_points
from molmo_ground_ros.language.prompts import question_of
from molmo_ground_ros.types import Clip, Query
from support.bags import JPEG, MSG, jpeg_message, write_bag
from support.clips import stamp

EVENTS = {'cup': (3.0, 60.0, 100.0), 'ball': (60.5,)}  # seconds; 60 s is in two windows
CUP, BALL = (
    question_of(Query(words))
    for words in ('How many times was the cup grasped?', 'How many times did the ball roll?')
)
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
        for number, seconds in enumerate(EVENTS[word], start=1):
            at_ns = stamp(seconds)
            nearest = min(shown, key=lambda stamp_ns: abs(stamp_ns - at_ns))
            if abs(nearest - at_ns) < 0.5e9:
                spots.append((shown[nearest], number / 10, 0.5))
        return format_count(number_points(spots), word)

    def prepare(self, camera: str, frame: object) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Failing:
    """Fails in the windows that begin there, for prompts with `word` in them."""

    seconds: tuple[float, ...]
    word: str = ''

    def __call__(self, clip: Clip, prompts: Sequence[str]) -> None:
        here = clip.start_ns in map(stamp, self.seconds)
        if here and any(self.word in prompt for prompt in prompts):
            raise BackendError('the GPU is gone')


def failing_at(*seconds: float, word: str = '') -> Failing:
    return Failing(seconds, word)


def lacking() -> Knowing:
    """Cannot be loaded."""
    raise BadModel('knowing', 'it lacks weights')


@dataclass(frozen=True)
class Dying:
    """Ends its process in the windows that begin there, so often in all; leaves a file a time."""

    folder: Path
    seconds: tuple[float, ...]
    times: int

    def __call__(self, clip: Clip, prompts: Sequence[str]) -> None:
        for number in range(self.times if clip.start_ns in map(stamp, self.seconds) else 0):
            with suppress(FileExistsError):  # another worker's
                (self.folder / str(number)).touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Holding:
    """Stays in the window that begins there until its process is ended; leaves a file."""

    file: Path
    seconds: float

    def __call__(self, clip: Clip, prompts: Sequence[str]) -> None:
        while clip.start_ns == stamp(self.seconds):
            self.file.touch()
            time.sleep(0.1)


def corrupt_message(seconds: float):
    """A JPEG without its end."""
    message = jpeg_message(seconds)
    return MSG['sensor_msgs/msg/CompressedImage'](message.header, 'jpeg', JPEG[:-40])


def write_long_bag(path: Path, topics: Sequence[str] = ('/image',), corrupt: Sequence[float] = ()):
    """LENGTH_S of tiny pictures on each topic; those at the seconds of `corrupt` are cut off."""
    times = [i / RATE_HZ for i in range(round(LENGTH_S * RATE_HZ) + 1)]
    messages = [corrupt_message(t) if t in corrupt else jpeg_message(t) for t in times]
    return write_bag(path, dict.fromkeys(topics, messages))


def timeless(finding: Finding) -> Finding:
    windows = tuple(dataclasses.replace(window, latency_ns=0) for window in finding.windows)
    return dataclasses.replace(finding, windows=windows)


def result(analysis: Analysis, path: Path) -> tuple:
    """All that must be the same in another run: everything but times."""
    records.write_jsonl(analysis, path)
    found = [(f.question.query, f.camera, timeless(f)) for f in analysis.findings]
    # repr: a score that is not known is nan, which equals nothing
    return repr(found), path.read_bytes(), analysis.losses, analysis.frames, analysis.span_ns


def event_seconds(finding: Finding) -> list[float]:
    return [(event.sighting.point.stamp_ns - stamp(0)) / 1e9 for event in finding.events]
