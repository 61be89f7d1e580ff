# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A model that does what a question or a file says, and else points to the mark that is asked for.

An order stands at the end of a question: `Where is mark-1? !raise RuntimeError`. What loading,
preparing and closing do stands in files of those names in the model's folder. `python -m
tools.faults.scripted_model` is the child that runs it in a process of its own.
"""

from __future__ import annotations

import builtins
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from molmo_ground_ros.backends import Backend
from molmo_ground_ros.backends.base import BackendSettings, GenerateOptions, Generation, OnText
from molmo_ground_ros.backends.own_process.child import main
from molmo_ground_ros.backends.registry import load as load_real
from molmo_ground_ros.backends.replay import pieces
from molmo_ground_ros.types import Clip, Frame
from tools.faults.texts import TEXTS

# A model's name that begins so is this model; the rest is its folder.
SCRIPTED = 'scripted:'
# Where the right answer points to, as shares of the image.
RIGHT_X, RIGHT_Y = 0.25, 0.75
LONE_SURROGATE = '\ud83d'

_ORDER = re.compile(r'!(\w+) ?(.*)', re.DOTALL)
_MARK = re.compile(r'mark-\w+')


class ScriptedModel:
    """Obeys orders; without one, answers right."""

    def __init__(self, model: str) -> None:
        """Take the name of the model, which holds its folder."""
        self.model = model
        self._folder = Path(model.removeprefix(SCRIPTED))

    def generate(
        self, clip: Clip, prompts: Sequence[str], options: GenerateOptions, on_text: OnText
    ) -> list[Generation]:
        """Obey or answer each prompt."""
        tell = [lambda text, i=i: on_text(i, text) for i in range(len(prompts))]
        return [self._answer(clip, *pair, options) for pair in zip(prompts, tell, strict=True)]

    def prepare(self, camera: str, frame: Frame) -> None:  # noqa: ARG002
        """Do what the file `prepare` says."""
        obey_file(self._folder / 'prepare')

    def close(self) -> None:
        """Do what the file `close` says."""
        obey_file(self._folder / 'close')

    def _answer(
        self, clip: Clip, prompt: str, tell: Callable[[str], bool], options: GenerateOptions
    ) -> Generation:
        pause_s, text = 0.0, right_answer(clip, prompt)
        order = _ORDER.search(prompt)
        if order is not None and order[1] == 'slow':
            pause_s = float(order[2])
        elif order is not None and order[1] == 'say':
            text = TEXTS[order[2].strip()]
        elif order is not None:
            obey(order[1], order[2])
        return _stream(text, pause_s, tell, options.max_new_tokens)


def right_answer(clip: Clip, prompt: str) -> str:
    """A point on the newest frame, whose label is the mark that the prompt asks for."""
    mark = _MARK.search(prompt)
    label = mark[0] if mark else 'no mark'
    x, y = round(1000 * RIGHT_X), round(1000 * RIGHT_Y)
    return f'<points coords="{clip.seconds[-1]:.1f} 1 {x} {y}">{label}</points>'


def _stream(
    text: str, pause_s: float, tell: Callable[[str], bool], max_new_tokens: int
) -> Generation:
    tokens = pieces(text)
    for number, token in enumerate(tokens[:max_new_tokens]):
        time.sleep(pause_s)
        if not tell(token):
            return Generation(''.join(tokens[: number + 1]), stopped=True)
    return Generation(''.join(tokens[:max_new_tokens]), truncated=len(tokens) > max_new_tokens)


def obey(verb: str, rest: str) -> None:
    """Do what an order says; an unknown one is an error."""
    match verb:
        case 'raise':
            raise getattr(builtins, rest.strip())(f'as ordered {LONE_SURROGATE}')
        case 'hang':
            time.sleep(float(rest))
        case 'signal':
            os.kill(os.getpid(), int(rest))
            time.sleep(60)
        case 'exit':
            os._exit(int(rest))
        case 'fill':
            _fill_memory(int(rest))
        case _:
            raise ValueError(f'no such order: {verb!r}')


def obey_file(path: Path) -> None:
    """Do what a file says, if there is one."""
    try:
        verb, _, rest = path.read_text().partition(' ')
    except FileNotFoundError:
        return
    obey(verb, rest)


def _fill_memory(megabytes: int) -> None:
    """Take memory beyond what this process may have: a real MemoryError, which costs no other."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path('/proc/self/statm').read_text().split()[0])
    most = pages * resource.getpagesize() + megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (most, limits[1]))
    try:
        bytearray(2 * megabytes * 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def load(name: str, settings: BackendSettings) -> Backend:
    """The scripted model where the settings name one, else the real backend."""
    if not settings.model.startswith(SCRIPTED):
        return load_real(name, settings)
    obey_file(Path(settings.model.removeprefix(SCRIPTED)) / 'load')
    return ScriptedModel(settings.model)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:], load))
