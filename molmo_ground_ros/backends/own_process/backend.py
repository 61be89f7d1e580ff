# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The backend of this process: hands every call to the child, and its text and answers back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from molmo_ground_ros.backends.base import (
    BackendSettings,
    GenerateOptions,
    Generation,
    OnText,
    Restarts,
)
from molmo_ground_ros.backends.own_process.model_process import CHILD, ModelProcess
from molmo_ground_ros.backends.own_process.supervisor import PAUSES_S, Supervisor
from molmo_ground_ros.backends.own_process.values import generation_of
from molmo_ground_ros.types import Clip, Frame


class OwnProcessBackend:
    """A backend in a child process. A child that ends costs the call that it was in.

    Methods are for one thread, but for `restarts` and `end`. While the child starts again, a call
    waits for that attempt, and fails with its error.
    """

    def __init__(
        self,
        name: str,
        settings: BackendSettings,
        *,
        kept_bytes: int,
        patience_s: float,
        pauses_s: Sequence[float] = PAUSES_S,
        module: str = CHILD,
        on_start: Callable[[OwnProcessBackend], None] | None = None,
    ) -> None:
        """Start the child and load the backend `name` there. Raises what loading raises.

        kept_bytes: of images that the child keeps for further calls. patience_s: how long the child
        may go on with a call that was stopped, and with one frame to prepare, before it is ended
        and started again. pauses_s: before restarts in a row. module: what the child runs.
        on_start: called before this waits for the load, which `end` ends then.
        """
        self._fallback_name = settings.model
        self._patience_s = patience_s
        self._supervisor = Supervisor(
            partial(ModelProcess, kept_bytes, module),
            lambda process: process.load(name, settings),
            pauses_s,
        )
        if on_start is not None:
            on_start(self)
        self._supervisor.wait_first_attempt()

    @property
    def model(self) -> str:
        """The model's name."""
        return self._supervisor.model or self._fallback_name

    def generate(
        self, clip: Clip, prompts: Sequence[str], options: GenerateOptions, on_text: OnText
    ) -> list[Generation]:
        """As the backend does. Raises what it raises, and ModelProcessDied.

        `on_text` is also called with '' ten times a second while no text comes.
        """
        process = self._supervisor.process(lambda: on_text(0, ''))
        answering = _Answering(process, len(prompts), on_text, self._patience_s)
        call = process.call(
            'generate',
            clip.frames,
            camera=clip.camera,
            seconds=clip.seconds,
            start_ns=clip.start_ns,
            end_ns=clip.end_ns,
            frames_expected=clip.frames_expected,
            prompts=list(prompts),
            max_new_tokens=options.max_new_tokens,
        )
        values: list[list[Any]] = []
        with call as replies:
            for reply in replies:
                if reply is None:
                    answering.wait_on()
                elif 'text' in reply:
                    answering.take(*reply['text'])
                else:
                    values = reply['result']
        self._supervisor.note_answer()
        return [answering.cut(index, generation_of(value)) for index, value in enumerate(values)]

    def most_frames(self) -> int:
        """As the backend does, or those of the longest window. Raises what it raises."""
        process = self._supervisor.process(lambda: True)
        with process.call('most_frames') as replies:
            return next(int(reply['result']) for reply in replies if reply is not None)

    def prepare(self, camera: str, frame: Frame) -> None:
        """As the backend does. Raises what it raises, and ModelProcessDied."""
        process = self._supervisor.process(lambda: True)
        began_s = time.monotonic()
        with process.call('prepare', [frame], camera=camera) as replies:
            for reply in replies:
                if reply is None and time.monotonic() - began_s > self._patience_s:
                    process.end(f'was at preparing one frame for more than {self._patience_s:g} s')

    def close(self) -> None:
        """Close the backend and end the child."""
        self._supervisor.close()

    def restarts(self) -> Restarts:
        """How often the child was started again, why, and whether that is going on."""
        return self._supervisor.restarts()

    def end(self) -> None:
        """End the child at once, whatever it does, and start no other. From any thread."""
        self._supervisor.end()


class _Answering:
    """Hands on the text of one call, and ends the child if it does not stop when it is to."""

    def __init__(
        self, process: ModelProcess, prompts: int, on_text: OnText, patience_s: float
    ) -> None:
        self._process = process
        self._on_text = on_text
        self._patience_s = patience_s
        self._texts: list[list[str]] = [[] for _ in range(prompts)]
        # The prompt that the newest text is of.
        self._current = 0
        self._stopped: set[int] = set()
        # When the newest text came or the newest prompt was stopped, by the steady clock.
        self._changed_s = time.monotonic()

    def take(self, index: int, text: str) -> None:
        """Hand on the text of a token, unless its prompt was stopped before."""
        self._current = index
        self._changed_s = time.monotonic()
        if index not in self._stopped:
            self._texts[index].append(text)
            self._tell(index, text)

    def wait_on(self) -> None:
        """No text came for a while: ask whether to go on, or end the child after a stop."""
        left = range(self._current, len(self._texts))
        for index in left:
            if index not in self._stopped:
                self._tell(index, '')
        waited_s = time.monotonic() - self._changed_s
        if self._stopped.issuperset(left) and waited_s > self._patience_s:
            self._process.end(
                f'had not come back {self._patience_s:g} s after its answer was no longer needed'
            )

    def cut(self, index: int, generation: Generation) -> Generation:
        """What was generated up to the stop: the child may have gone on for a few tokens."""
        if index not in self._stopped:
            return generation
        texts = self._texts[index]
        tokens = generation.tokens[: len(texts)]
        return Generation(''.join(texts), tokens, truncated=False, stopped=True)

    def _tell(self, index: int, text: str) -> None:
        if not self._on_text(index, text):
            self._stopped.add(index)
            self._changed_s = time.monotonic()
            self._process.stop(index)
