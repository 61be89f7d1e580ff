# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One recording: asked with `molmo-ground analyze`, and compared with what was written."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.frames import image
from molmo_ground_ros.recording import open_cameras
from tools.try_recordings.film import QUESTION, ROOT, SceneFilm

COMPARED = 24  # images of each recording whose pixels are compared
_FAR_NS = 1_000_000_000  # of an event from the simulated grasp
_FAR_PIXELS = 60.0
_STAMP_NS = 100_000  # lerobot's timestamps have 32 bits


@dataclass(frozen=True)
class Expected:
    """What a recording should give."""

    stamps: NDArray[np.int64]  # (N,) of each camera
    cameras: int = 1
    # Of the images, mean over the pixels; what encoders leave.
    difference: float = 0.0


def ask(path: Path, *options: str) -> list[dict[str, Any]]:
    """The answers about all cameras of a recording, by the command in a process of its own.

    Raises RuntimeError with its words where it fails.
    """
    command = [
        *(sys.executable, '-m', 'molmo_ground_ros.cli', 'analyze', str(path), '--json'),
        *('--query', QUESTION, '--backend', 'onnx', '--model', str(ROOT / 'models/tabletop')),
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'ended')
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer.get('answers') or [answer]


def faults_of_images(path: Path, film: SceneFilm, expected: Expected) -> list[str]:
    """What is wrong with the stamps and pixels of a recording."""
    recordings = open_cameras(path)
    faults = list[str]()
    if len(recordings) != expected.cameras:
        faults.append(f'{len(recordings)} cameras, not {expected.cameras}')
    with next(iter(recordings.values())) as first:
        for name, recording in recordings.items():
            stamps = recording.stamps
            if len(stamps) != len(expected.stamps):
                faults.append(f'{name}: {len(stamps)} images, not {len(expected.stamps)}')
                continue
            away_ns = int(np.abs(stamps - expected.stamps).max())
            if away_ns > _STAMP_NS:
                faults.append(f'{name}: a stamp is {away_ns / 1e9:.3f} s off')
            for number in np.linspace(0, len(stamps) - 1, COMPARED).astype(int).tolist():
                pixels = image.decode(recording.message(int(stamps[number])).image)
                faults += _difference(pixels, film.pixels(number), number, expected.difference)
        faults += [str(loss) for loss in first.loss if not loss.harmless]
    return faults


def faults_of_answers(
    answers: Sequence[dict[str, Any]], film: SceneFilm, expected: Expected
) -> list[str]:
    """What is wrong with the answers about the cameras of a recording."""
    faults = list[str]()
    for answer in answers:
        camera, points = answer['camera'], answer['points']
        if answer['count'] != len(film.grasps):
            faults.append(f'{camera}: count {answer["count"]}, not {len(film.grasps)}')
        for point, (stamp_ns, x, y) in zip(points, film.grasps, strict=False):
            nearest = np.abs(expected.stamps - point['stamp_ns'])
            if nearest.min() > _STAMP_NS:
                faults.append(f'{camera}: no image has the stamp {point["stamp_ns"]}')
                continue
            grasped_ns = stamp_ns - int(film.stamps[0]) + int(expected.stamps[0])
            if abs(point['stamp_ns'] - grasped_ns) > _FAR_NS:
                faults.append(f'{camera}: a grasp at {point["stamp_ns"]}, not {grasped_ns}')
            if math.dist((point['x'], point['y']), (x, y)) > _FAR_PIXELS:
                faults.append(f'{camera}: a grasp at ({point["x"]:.0f}, {point["y"]:.0f})')
    return faults


def _difference(
    pixels: NDArray[np.uint8], written: NDArray[np.uint8], number: int, most: float
) -> list[str]:
    if pixels.shape != written.shape:
        return [f'image {number} is {pixels.shape}, not {written.shape}']
    mean = float(np.abs(pixels.astype(np.int16) - written).mean())
    return [f'image {number} differs by {mean:.1f}'] if mean > most else []
