# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A child process whose backend does what a prompt says: `python -m support.obedient_child`.

The model's name is what loading does: `fail`, `exit`, `hang`, or a file with one such word a line,
of which each load takes the first away.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from molmo_ground_ros.backends.base import (
    BackendSettings,
    GenerateOptions,
    Generation,
    OnText,
    Token,
)
from molmo_ground_ros.backends.own_process.child import main
from molmo_ground_ros.errors import BadModel, DoesNotFit
from molmo_ground_ros.types import Clip, Frame


class Obedient:
    """Answers prompts by doing what they say."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.prepared: list[str] = []

    def generate(
        self, clip: Clip, prompts: Sequence[str], options: GenerateOptions, on_text: OnText
    ) -> list[Generation]:
        return [self._obey(clip, index, prompt, on_text) for index, prompt in enumerate(prompts)]

    def prepare(self, camera: str, frame: Frame) -> None:
        if camera == 'hang':
            time.sleep(1000)
        if camera == 'raise':
            raise RuntimeError('no picture')
        self.prepared.append(f'{camera} {frame.stamp_ns} {frame.frame_id} {digest(frame)}')

    def close(self) -> None:
        if self.model == 'hang in close':
            time.sleep(1000)

    def _obey(self, clip: Clip, index: int, prompt: str, on_text: OnText) -> Generation:
        word, _, rest = prompt.partition(' ')
        match word:
            case 'signal':
                os.kill(os.getpid(), int(rest))
                time.sleep(1000)
            case 'exit':
                os._exit(int(rest))
            case 'hang':
                time.sleep(1000)
            case 'babble':
                os.write(int(sys.argv[1]), f'{rest}\n'.encode())
                time.sleep(1000)
            case 'raise':
                raise RuntimeError(rest)
            case 'leave':
                raise SystemExit(rest)
            case 'fit':
                raise DoesNotFit('a prompt', [('cache', 3), ('scores', 4)], 5, 'memory', ['less'])
            case 'count':
                return count(int(rest), index, on_text)
            case 'pid':
                return Generation(str(os.getpid()))
            case 'look':
                return Generation(' '.join([clip.camera, *map(digest, clip.frames)]))
            case 'prepared':
                return Generation('; '.join(self.prepared))
        return Generation(prompt)


def count(end: int, index: int, on_text: OnText) -> Generation:
    """The numbers up to `end`, a token each."""
    tokens = []
    for number in range(end):
        tokens.append(Token(f'{number} ', -float(number)))
        if not on_text(index, tokens[-1].text):
            text = ''.join(token.text for token in tokens)
            return Generation(text, tuple(tokens), stopped=True)
    return Generation(''.join(token.text for token in tokens), tuple(tokens))


def digest(frame: Frame) -> str:
    """Of an image, to compare it across processes."""
    assert not frame.image.flags.writeable
    text = repr(frame.image.shape).encode() + frame.image.tobytes()
    return hashlib.sha256(text).hexdigest()[:8]


def load(name: str, settings: BackendSettings) -> Obedient:
    """Do what the name of the model says."""
    orders = Path(settings.model)
    order = settings.model
    if orders.is_file():
        order, _, rest = orders.read_text().partition('\n')
        orders.write_text(rest)
    match order:
        case 'fail':
            raise BadModel(settings.model, 'it is bad')
        case 'exit':
            os._exit(7)
        case 'hang':
            time.sleep(1000)
    return Obedient(settings.model)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:], load))
