# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The class that Ray runs in a worker: it opens recordings and a model once, then asks windows.

It imports no Ray, and raises nothing in the worker: an error is a value, which comes back complete.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from molmo_ground_ros.analysis.ray.separate import SeparateRecordings
from molmo_ground_ros.analysis.window import Failure, LocalRunner, WindowAnswers, Work, failure
from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.recording import Recording, open_cameras
from molmo_ground_ros.types import Question


@dataclass(frozen=True, slots=True)
class WorkerTask:
    """Everything that a worker needs to know. Paths mean the same on every machine."""

    # The folder that relative paths start from.
    folder: str
    sources: tuple[str, ...]
    cameras: tuple[str, ...]
    # What `fingerprint` gives for the recordings.
    recordings_digest: str
    # The model, which is a path for most backends.
    model: str
    questions: tuple[Question, ...]
    # Loads the model. It is called in the worker.
    load: Callable[[], Grounder]
    # Whether each camera is a key of `separate`, with a recording of its own; the sources, cameras
    # and digest are empty then.
    separate: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """What a worker says when it can be asked."""

    machine: str
    # The name of the model, which every answer carries.
    model: str
    files: tuple[tuple[str, int], ...]  # of the model: name, bytes


class Worker:
    """One worker. `load` comes first."""

    _runner: LocalRunner
    _open: list[Grounder | Recording | SeparateRecordings]

    def load(self, job: WorkerTask) -> Ready | Failure:
        """Open the recordings and load the model."""
        try:
            os.chdir(job.folder)
            recordings: Mapping[str, Recording] = (
                SeparateRecordings() if job.separate else _checked(job)
            )
            grounder = job.load()
        except Exception as err:  # noqa: BLE001 - nothing catches it after this
            failed = failure(err)
            failed.error.args = (f'worker on {socket.gethostname()}: {failed.error}',)
            return failed
        self._open = [grounder]
        if isinstance(recordings, SeparateRecordings):
            self._open.append(recordings)
        else:
            self._open.append(next(iter(recordings.values())))
        self._runner = LocalRunner(recordings, grounder, job.questions)
        return Ready(socket.gethostname(), grounder.model, _files(job.model))

    def ask(self, work: Work) -> WindowAnswers:
        """The outcome of one window."""
        return self._runner.ask_window(work)

    def close(self) -> None:
        """Free the model, and delete what was unpacked."""
        for resource in self._open:
            resource.close()


def _checked(job: WorkerTask) -> Mapping[str, Recording]:
    """The recordings of a task. Raises BackendError where they are not those of the plan."""
    recordings = open_cameras(job.sources, job.cameras)
    if fingerprint(recordings) != job.recordings_digest:
        raise BackendError(f'it reads another recording at {", ".join(job.sources)}')
    return recordings


def fingerprint(recordings: Mapping[str, Recording]) -> str:
    """A digest of the stamps of all images, 64 hexadecimal digits: other files have another."""
    digest = hashlib.sha256()
    for camera, recording in recordings.items():
        digest.update(f'{camera} {len(recording.stamps)} '.encode())
        digest.update(recording.stamps.tobytes())
    return digest.hexdigest()


def _files(model: str) -> tuple[tuple[str, int], ...]:
    """Name and bytes of every file of a model that is a folder."""
    folder = Path(model)
    # An empty path would mean the working directory, whose files may change while workers start.
    files = sorted(folder.rglob('*')) if model and folder.is_dir() else []
    return tuple(
        (file.relative_to(folder).as_posix(), file.stat().st_size)
        for file in files
        if file.is_file()
    )
