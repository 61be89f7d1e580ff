# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What can be told about a server without weights, when it first answers: one token is asked for.

It reads back the prompt that the server made of a small clip. Only vLLM tells that; another server
or another model is not judged. `molmo-ground doctor --server` compares the answers too.
"""

from __future__ import annotations

import logging
import re
import threading

import numpy as np

from molmo_ground_ros.backends.base import GenerateOptions
from molmo_ground_ros.backends.server.probe import Probe
from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.types import Clip, Frame

# The newest frame is not on the grid, so a server that samples again, or counts, is noticed.
SECONDS = (0.0, 0.5, 1.3)
QUESTION = 'Point to the block.'
_SIDE = 32  # pixels
_PATCH = '<im_patch>'
_FRAME = re.compile(rf'(\S+) <(?:im|frame)_start>((?:{_PATCH}|<im_col>)+)<(?:im|frame)_end>')
_DOCTOR = 'check it once with molmo-ground doctor --server ADDRESS --reference FOLDER'
_log = logging.getLogger(__name__)


class ConnectionCheck:
    """Runs once, in a thread of its own, and warns in the log."""

    def __init__(self, model: str) -> None:
        """Raises BadModel for a bad address."""
        self._probe = Probe(model)
        self._thread = threading.Thread(
            target=self._run, name='molmo_ground connection check', daemon=True
        )
        self._started = False

    def start(self) -> None:
        """Start it; a second call does nothing."""
        if not self._started:
            self._started = True
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until it is through, but no longer than that."""
        if self._started:
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            for text in complaints(self._probe):
                _log.warning('%s: %s', self._probe.address, text)
        # The question itself tells what is wrong with the connection.
        except BackendError as err:
            _log.debug('the connection was not checked: %s', err)


def complaints(probe: Probe) -> list[str]:
    """What is wrong, each with the way out; empty for a server that cannot be judged.

    Raises BackendError if the server does not answer.
    """
    version = probe.version()
    if not version:
        return []
    reply = probe.ask(_clip(), QUESTION, GenerateOptions(1))
    prompt = probe.text_of(reply.prompt_ids)
    if _PATCH not in prompt:
        return []
    texts = [_prompt_complaint(prompt)]
    if not probe.plugin():
        texts.append(
            f'vLLM {version} does not compute what Molmo2 was trained to compute: serve it with '
            f'the plugin (VLLM_PLUGINS=molmo_ground_ros, see docs/server.md), or {_DOCTOR}'
        )
    return [text for text in texts if text]


def _prompt_complaint(prompt: str) -> str:
    """What is wrong with the frames in a prompt; '' if nothing is."""
    frames = _FRAME.findall(prompt)
    labels = [label.rpartition('>')[2] for label, _ in frames]
    expected = [f'{second:.1f}' for second in SECONDS]
    if labels != expected:
        seen = ', '.join(labels) or 'none'
        return (
            f'frames at {", ".join(expected)} s were sent, and the model is shown {seen}: use '
            'vLLM 0.32, the version that was tested'
        )
    if len({patches for _, patches in frames}) > 1:
        return f'its frames do not have the same number of tokens: {_DOCTOR}'
    return ''


def _clip() -> Clip:
    """Grey frames, each of another grey."""
    frames = tuple(
        Frame(round(second * 1e9), np.full((_SIDE, _SIDE, 3), 40 * i, np.uint8))
        for i, second in enumerate(SECONDS)
    )
    return Clip('check', frames, SECONDS, 0, frames[-1].stamp_ns, len(frames))
