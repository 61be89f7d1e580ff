# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Examples with their truth, and a backend that answers by the question, for evaluations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from molmo_ground_ros.backends.base import GenerateOptions, Generation, OnText
from molmo_ground_ros.benchmarks.datasets.examples import (
    CountTruth,
    Example,
    ImageTruth,
    Media,
    PointTruth,
    TrackedObject,
    TrackTruth,
    Tubelet,
)
from molmo_ground_ros.frames.masks import mask_of
from molmo_ground_ros.types import Clip, Task
from support.dataset_records import HEIGHT, WIDTH, square


def mask(left=4, top=6, **size):
    return mask_of(square(left, top, **size))


def example(truth, name='e', task=Task.POINT, **changed) -> Example:
    values = {
        'query': f'How many "{name}" are there in the video?',
        'label': name,
        'category': 'object',
        'media': Media(f'video of {name}'),
        'width': WIDTH,
        'height': HEIGHT,
        'duration_s': 10.0,
        'file': 'data.jsonl',
        'row': 1,
    }
    return Example(id=name, task=task, truth=truth, **{**values, **changed})


def count_example(count=3, name='e', **changed) -> Example:
    return example(CountTruth(count), name, Task.COUNT, **changed)


def point_example(name='e', **changed) -> Example:
    """Two objects: one at (8, 10) around 1.5 s, one at (40, 20) at 4 s."""
    first = Tubelet(((1.5, 8.0, 10.0),), {t: mask(4, 6) for t in (1.0, 1.5, 2.0)})
    second = Tubelet(((4.0, 40.0, 20.0),), {4.0: mask(36, 16)})
    return example(PointTruth((first, second), 2), name, **changed)


def image_example(name='e', **changed) -> Example:
    return example(ImageTruth((mask(4, 6), mask(36, 16))), name, **changed)


def track_example(name='e', fps=2.0, **changed) -> Example:
    """Two objects over eight frames; the second is hidden in the first two."""
    frames = 8
    first = TrackedObject(
        1, dict.fromkeys(range(frames), (8.0, 10.0)), dict.fromkeys(range(frames), mask())
    )
    later = range(2, frames)
    second = TrackedObject(
        2, dict.fromkeys(later, (40.0, 20.0)), dict.fromkeys(later, mask(36, 16))
    )
    truth = TrackTruth((first, second), fps, frames)
    values = {'query': f'Track {name} at 1 FPS', 'duration_s': frames / fps}
    return example(truth, name, Task.TRACK, **{**values, **changed})


POINTS_RIGHT = (
    'Counting the <points coords="1.5 1 125 208;4.0 2 625 417">e</points> shows a total of 2.'
)
POINTS_HALF = (
    'Counting the <points coords="1.5 1 125 208;4.0 2 001 001">e</points> shows a total of 2.'
)
TRACKS_RIGHT = (
    '<tracks coords="0.0 1 125 208;1.0 1 125 208 2 625 417;'
    '2.0 1 125 208 2 625 417;3.0 1 125 208 2 625 417">e</tracks>'
)


class Oracle:
    """Answers by words of the question. `before` is called with each clip and may raise."""

    model = 'oracle'

    def __init__(
        self,
        answers: dict[str, str],
        before: Callable[[Clip, Sequence[str]], None] = lambda *_: None,
    ) -> None:
        self.answers = answers
        self.asked: list[list[str]] = []  # prompts of each call
        self.closed = 0
        self._before = before

    def generate(
        self, clip: Clip, prompts: Sequence[str], options: GenerateOptions, on_text: OnText
    ) -> list[Generation]:
        self._before(clip, prompts)
        self.asked.append(list(prompts))
        return [self._say(prompt, options) for prompt in prompts]

    def _say(self, prompt: str, options: GenerateOptions) -> Generation:
        text = next(text for words, text in self.answers.items() if words in prompt)
        return Generation(text, truncated=len(text) > options.max_new_tokens)

    def prepare(self, camera: str, frame: object) -> None:
        pass

    def close(self) -> None:
        self.closed += 1
