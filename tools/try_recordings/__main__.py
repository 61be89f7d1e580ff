# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Makes the recordings, tries them, prints a table; the last line counts what passed and failed."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from molmo_ground_ros.errors import GroundError
from molmo_ground_ros.reports.answer_table import text_table
from tools.try_recordings import lerobot, writers
from tools.try_recordings.film import FPS, SceneFilm, read_film
from tools.try_recordings.lerobot import NotTried
from tools.try_recordings.trial import Expected, ask, faults_of_answers, faults_of_images

Write = Callable[[SceneFilm, Path], None]

_PASSED, _FAILED, _NOT_TRIED = 'passed', 'failed', 'not tried'
_LOSSY = 4.0  # mean difference of pixels that an encoder may leave


def main() -> int:
    """Try them; 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', type=Path, metavar='FOLDER', help='keep the recordings there')
    parser.add_argument(
        '--lerobot', default='', metavar='PYTHON', help='the Python of an environment with lerobot'
    )
    parser.add_argument('--no-setup', action='store_true', help='set up no environment for lerobot')
    options = parser.parse_args()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        return _try_all(options.out, options)
    with tempfile.TemporaryDirectory() as folder:
        return _try_all(Path(folder), options)


def _try_all(folder: Path, options: argparse.Namespace) -> int:
    film = read_film()
    from_zero = np.rint(np.arange(len(film.jpegs)) * (1e9 / FPS)).astype(np.int64)
    original, lossy = Expected(film.stamps), Expected(from_zero, difference=_LOSSY)
    files: Sequence[tuple[str, str, Write, Expected]] = [
        ('ROS 1 bag', 'scene.bag', writers.write_ros1_bag, original),
        ('MP4, H.264 with B-frames, turned', 'turned.mp4', writers.write_turned_mp4, lossy),
        ('MP4, AV1', 'av1.mp4', writers.write_av1_mp4, lossy),
        ('MCAP, protobuf of foxglove-sdk', 'fox.mcap', writers.write_foxglove_mcap, original),
    ]
    rows = [
        _tried(name, partial(_faults_of_file, film, folder / file, write, expected))
        for name, file, write, expected in files
    ]
    of_dataset = Expected(from_zero, lerobot.EPISODES, _LOSSY)
    trial = partial(_faults_of_dataset, film, folder / 'dataset', of_dataset, options)
    rows.append(_tried(f'LeRobot v3.0, {lerobot.EPISODES} episodes', trial))
    print(text_table(['recording', 'result', 'seconds', 'what is wrong'], rows))
    passed, failed, left = (
        sum(row[1] == word for row in rows) for word in (_PASSED, _FAILED, _NOT_TRIED)
    )
    if left:
        print(f'{left} not tried')
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


def _tried(name: str, faults: Callable[[], list[str]]) -> list[str]:
    """A row of the table."""
    print(f'trying: {name}', file=sys.stderr)
    began_s = time.monotonic()
    try:
        wrong = faults()
        result = _FAILED if wrong else _PASSED
    except NotTried as err:
        wrong, result = [str(err)], _NOT_TRIED
    except (GroundError, RuntimeError, ValueError) as err:
        wrong, result = [str(err)], _FAILED
    return [name, result, f'{time.monotonic() - began_s:.1f}', '; '.join(wrong)]


def _faults_of_file(film: SceneFilm, path: Path, write: Write, expected: Expected) -> list[str]:
    write(film, path)
    wrong = faults_of_images(path, film, expected)
    return wrong + faults_of_answers(ask(path), film, expected)


def _faults_of_dataset(
    film: SceneFilm, path: Path, expected: Expected, options: argparse.Namespace
) -> list[str]:
    """Also of the annotated copy, as lerobot reads it."""
    python = lerobot.interpreter(options.lerobot, sets_up=not options.no_setup)
    lerobot.write_dataset(film, path, python, FPS)
    copy = path.with_name('annotated')
    wrong = faults_of_images(path, film, expected)
    count = str(len(film.grasps))
    answers = ask(path, '--annotate', str(copy), '--expect', count)
    wrong += faults_of_answers(answers, film, expected)
    read = json.loads(lerobot.read_annotated(copy, python, len(film.jpegs) // 2))
    frames = [
        number * len(film.jpegs) + round(point['stamp_ns'] * FPS / 1e9)
        for number, answer in enumerate(answers)
        for point in answer['points']
    ]
    if read['length'] != lerobot.EPISODES * len(film.jpegs) or read['events'] != frames:
        wrong.append(f'lerobot reads {read}, and not events at {frames}')
    return wrong


if __name__ == '__main__':
    sys.exit(main())
