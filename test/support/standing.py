# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A model that tells the truth about what it is shown, and a camera that films second by second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from molmo_ground_ros.backends.base import GenerateOptions, Generation, OnText
from molmo_ground_ros.config import Settings
from molmo_ground_ros.frames.clip_buffer import ClipBuffer
from molmo_ground_ros.frames.pinned_window import PinnedWindow
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.standing import Delivery, StandingQuestions, run_pass
from molmo_ground_ros.language.grammar.write import format_count, format_tracks, number_points
from molmo_ground_ros.types import Answer, Clip, Frame
from support.clips import SECOND, ZERO_NS, empty_buffer, raw, stamp

QUESTION = 'How often is a block grasped?'
OTHER = 'How often is a cup lifted?'
TRACKING = 'Track the cup'


# Settings with which an event is published as soon as it is ripe.
PLAIN = {
    'standing_period_seconds': 5.0,
    'standing_window_seconds': 20.0,
    'standing_agreement': 0.0,
}


@dataclass
class TruthfulBackend:
    """Answers each prompt about a clip from what truly happens.

    events: (seconds from ZERO_NS, x, y), x and y as shares of the image. answer: makes the text in
    place of these. Prompts that begin with 'Track' are answered with one object at rest.
    """

    events: Sequence[tuple[float, float, float]] = ()
    answer: Callable[[Clip], str] | None = None
    model: str = 'truthful'
    # (first and last stamp in seconds, prompts) of each call.
    calls: list[tuple[float, float, tuple[str, ...]]] = field(default_factory=list)
    # Raised, each once, before anything is answered.
    errors: list[Exception] = field(default_factory=list)

    def generate(
        self, clip: Clip, prompts: Sequence[str], options: GenerateOptions, on_text: OnText
    ) -> list[Generation]:
        ends = [(frame.stamp_ns - ZERO_NS) / SECOND for frame in (clip.frames[0], clip.frames[-1])]
        self.calls.append((*ends, tuple(prompts)))
        if self.errors:
            raise self.errors.pop()
        texts = [self._text(clip, prompt) for prompt in prompts]
        stopped = [not on_text(index, text) for index, text in enumerate(texts)]
        return [Generation(t, stopped=s) for t, s in zip(texts, stopped, strict=True)]

    def prepare(self, camera: str, frame: Frame) -> None:
        """Takes any."""

    def close(self) -> None:
        """Holds nothing."""

    def _text(self, clip: Clip, prompt: str) -> str:
        if prompt.startswith('Track'):
            return format_tracks([(t, 1, 0.5, 0.5) for t in clip.seconds], 'cup')
        if self.answer is not None:
            return self.answer(clip)
        rows = []
        for seconds, x, y in self.events:
            if clip.frames[0].stamp_ns <= stamp(seconds) <= clip.frames[-1].stamp_ns:
                away = [abs(frame.stamp_ns - stamp(seconds)) for frame in clip.frames]
                rows.append((clip.seconds[away.index(min(away))], x, y))
        return format_count(number_points(rows), 'grasp')


class Collector:
    """An outlet that keeps what it gets."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.held: list[PinnedWindow] = []

    def hold(self, window: PinnedWindow) -> None:
        self.held.append(window)

    def place(self, answer: Answer) -> Answer:
        return answer

    def deliver(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)


class Day:
    """A camera, the standing questions about it, and a worker that is called by hand."""

    def __init__(self, backend: Any, *, cameras: Sequence[str] = ('front',), **settings: Any):
        self.backend = backend
        self.settings = Settings(**{**PLAIN, **settings})
        horizon_ns = round(self.settings.buffer_seconds * SECOND)
        self.buffers = {name: empty_buffer(name, horizon_ns=horizon_ns) for name in cameras}
        self.outlet = Collector()
        # The first image is at 0 s.
        self.now = -0.25
        self.restart()

    @property
    def deliveries(self) -> list[Delivery]:
        """All that was published."""
        return self.outlet.deliveries

    @property
    def buffer(self) -> ClipBuffer:
        """That of the first camera."""
        return next(iter(self.buffers.values()))

    def restart(self) -> None:
        """Begin anew with the settings, as after a restart of the node."""
        self.standing = StandingQuestions(self.settings, self.buffers, self.outlet)
        self.grounder = Grounder(self.backend)

    def film(self, until: float, rate_hz: float = 4.0) -> None:
        """Take images up to a time, in seconds, and answer what is due after each."""
        while self.now < until:
            self.shoot(rate_hz)
            self.work()

    def shoot(self, rate_hz: float = 4.0) -> None:
        """Take one image with every camera."""
        self.now = round(self.now + 1 / rate_hz, 6)
        for buffer in self.buffers.values():
            buffer.push(stamp(self.now), raw(), 'optical')

    def sleep(self, until: float, rate_hz: float = 4.0) -> None:
        """Take images up to a time while the worker is busy with something else."""
        while self.now < until:
            self.shoot(rate_hz)

    def work(self) -> int:
        """Answer all that is due; returns how many passes that took."""
        passes = 0
        while (due := self.standing.next_pass()) is not None:
            self.standing.deliver(due, run_pass(self.grounder, due))
            passes += 1
        return passes

    def events(self) -> list[Any]:
        """All events that were published."""
        return [event for delivery in self.deliveries for event in delivery.events]
