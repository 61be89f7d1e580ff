# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A damaged copy of a sample, how it is read, and whether the outcome is a fault."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from molmo_ground_ros.errors import BagError, NoFrames
from molmo_ground_ros.recording import Loss, LossKind, open_cameras
from tools.fuzz_recordings.bags import PICTURES
from tools.fuzz_recordings.damage import DAMAGES, flip

_METADATA = 'metadata.yaml'
# These tell nothing of pictures.
_OF_METADATA = (LossKind.NO_METADATA, LossKind.BAD_METADATA)
# Most videos do not say how many pictures they have, and a lost line of a text is no picture lost.
_SILENT = ('video', 'pictures', 'lerobot')


@dataclass(frozen=True)
class Case:
    """A damaged copy of a sample."""

    sample: str
    damages: tuple[str, ...]
    path: Path


@dataclass(frozen=True)
class Outcome:
    """The result of reading a case.

    images: how many the reader lists, of the camera that has most. sampled: how many of the sampled
    ones were decoded. error: the text of a BagError where nothing could be read, else ''.
    """

    images: int
    sampled: int
    losses: tuple[Loss, ...]
    error: str


def make_case(number: int, samples: Sequence[Path], folder: Path) -> Case:
    """Case `number`, written under `folder`."""
    rng = np.random.default_rng(number)
    sample = samples[number % len(samples)]
    copy = folder / sample.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(sample, copy)
    files = sorted(path for path in copy.rglob('*') if path.is_file() and path.name != _METADATA)
    damages = list[str]()
    for _ in range(1 if len(files) == 1 else int(rng.integers(1, 4))):
        file = files[int(rng.integers(len(files)))]
        damages += _damage(file, rng)
    _damage_metadata(copy / _METADATA, rng)
    if len(files) > 1:
        # Some of several files are missing.
        for file in files:
            if rng.integers(8 * len(files)) == 0:
                file.unlink()
                damages.append(f'no {file.name}')
        return Case(sample.name, tuple(damages), copy)
    is_video = sample.name.startswith('video')
    return Case(sample.name, tuple(damages), file if is_video or rng.integers(4) == 0 else copy)


def _damage(file: Path, rng: np.random.Generator) -> list[str]:
    """Damage a file in one to three ways; returns their names."""
    data, names = bytearray(file.read_bytes()), list[str]()
    for index in rng.integers(len(DAMAGES), size=int(rng.integers(1, 4))):
        if data:
            data = DAMAGES[int(index)](data, rng)
            names.append(DAMAGES[int(index)].__name__)
    file.write_bytes(data)
    return names


def _damage_metadata(metadata: Path, rng: np.random.Generator) -> None:
    what = int(rng.integers(4))
    if metadata.exists() and what == 0:
        metadata.unlink()
    elif metadata.exists() and what == 1:
        metadata.write_bytes(flip(bytearray(metadata.read_bytes()), rng))


def read(path: Path) -> Outcome:
    """Read all that questions would need. Any error but those of ours is a fault."""
    try:
        recordings = open_cameras(path)
    except BagError as error:
        return Outcome(0, 0, (), str(error))
    first = next(iter(recordings.values()))
    with first:
        sampled = 0
        for recording in recordings.values():
            for start_ns, end_ns in recording.windows():
                try:
                    sampled += len(recording.clip(start_ns, end_ns).frames)
                except NoFrames:
                    continue
        most = max(len(recording.stamps) for recording in recordings.values())
        return Outcome(most, sampled, first.loss, '')


def verdict(outcome: Outcome, sample: str = '') -> str:
    """The fault of an outcome; '' if it has none."""
    if sample.startswith(_SILENT):
        return ''
    told = outcome.error or any(loss.kind not in _OF_METADATA for loss in outcome.losses)
    silent = outcome.images < PICTURES and not told
    return 'pictures are missing and no loss is told' if silent else ''
