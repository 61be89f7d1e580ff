# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Many recordings, each by itself, as the cameras that a worker is asked about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from molmo_ground_ros.errors import BackendError
from molmo_ground_ros.recording import Recording, open_cameras
from molmo_ground_ros.storage.closing import Closing


def camera_key(path: str, recording: Recording) -> str:
    """A name for a camera of the recording at a path, which says what is to be found there."""
    first_ns, last_ns = recording.span
    return json.dumps([path, recording.topic, len(recording.stamps), first_ns, last_ns])


class SeparateRecordings(Mapping[str, Recording], Closing):
    """The recordings of camera keys. One is open at a time: the one that was asked for last."""

    def __init__(self) -> None:
        self._open: tuple[str, Recording] | None = None

    def __getitem__(self, key: str) -> Recording:
        """Open a camera. Raises BagError, and BackendError where it is not the one of the key."""
        if self._open is not None and self._open[0] == key:
            return self._open[1]
        self.close()
        path, topic, *_ = json.loads(key)
        recording = open_cameras([path], [topic])[topic]
        if camera_key(path, recording) != key:
            recording.close()
            raise BackendError(f'it reads another recording at {path}')
        self._open = key, recording
        return recording

    def __iter__(self) -> Iterator[str]:
        """The key of the open one."""
        return iter([self._open[0]] if self._open else [])

    def __len__(self) -> int:
        """How many are open."""
        return len(list(iter(self)))

    def close(self) -> None:
        """Close the open one."""
        if self._open is not None:
            self._open[1].close()
            self._open = None
