# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What runs in a worker: the recordings opened and the model loaded once, then window by window.

Imports no Ray: it is a class that Ray runs in another process. Raises nothing there: an error is
a value, which comes back whole.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.analysis.window import Failure, LocalRunner, WindowAnswers, Work, failure
from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.recording import Recording, open_cameras
from molmo_ground_ros.types import Question


@dataclass(frozen=True, slots=True)
class WorkerTask:
    """All that a worker needs to know. Paths mean the same on every machine."""

    folder: str  # that relative paths start from
    sources: tuple[str, ...]
    cameras: tuple[str, ...]
    seen: str  # `fingerprint` of the recordings
    model: str  # its path, if it is one
    questions: tuple[Question, ...]
    load: Callable[[], Grounder]  # called in the worker


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker that can be asked."""

    machine: str
    model: str  # what answers say they came from
    files: tuple[tuple[str, int], ...]  # of the model: name, bytes


class Worker:
    """One worker. `load` comes first."""

    _here: LocalRunner
    _held: list[Grounder | Recording]

    def load(self, job: WorkerTask) -> Ready | Failure:
        """Open the recordings and load the model."""
        try:
            os.chdir(job.folder)
            recordings = open_cameras(job.sources, job.cameras)
            if fingerprint(recordings) != job.seen:
                raise BackendError(f'it reads another recording at {", ".join(job.sources)}')
            grounder = job.load()
        except Exception as err:  # noqa: BLE001 - the last place that can tell it
            told = failure(err)
            told.error.args = (f'worker on {socket.gethostname()}: {told.error}',)
            return told
        self._held = [grounder, next(iter(recordings.values()))]
        self._here = LocalRunner(recordings, grounder, job.questions)
        return Ready(socket.gethostname(), grounder.model, _files(job.model))

    def ask(self, work: Work) -> WindowAnswers:
        """What came of a window."""
        return self._here.ask_one(work)

    def close(self) -> None:
        """Free the model, and delete what was unpacked."""
        for held in self._held:
            held.close()


def fingerprint(recordings: Mapping[str, Recording]) -> str:
    """What the pictures' stamps are, as 64 hexadecimal digits: other files have others."""
    found = hashlib.sha256()
    for camera, recording in recordings.items():
        found.update(f'{camera} {len(recording.stamps)} '.encode())
        found.update(recording.stamps.tobytes())
    return found.hexdigest()


def _files(model: str) -> tuple[tuple[str, int], ...]:
    """Name and bytes of every file of a model that is a folder."""
    folder = Path(model)
    found = sorted(folder.rglob('*')) if folder.is_dir() else []
    return tuple(
        (file.relative_to(folder).as_posix(), file.stat().st_size)
        for file in found
        if file.is_file()
    )
