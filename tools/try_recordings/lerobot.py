# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A LeRobot data set that lerobot itself writes, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools.try_recordings.film import ROOT, SceneFilm

EPISODES = 3
FEATURE = 'observation.images.top'
FOLDER = ROOT / '.lerobot'
REQUIREMENTS = ROOT / 'requirements/lerobot.txt'
_TIMEOUT_S = 3600

# Runs where lerobot is: writes a data set of the JPEG files of a folder.
_WRITE = """
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from lerobot.datasets.lerobot_dataset import LeRobotDataset

jpegs, root, episodes, fps, key = sys.argv[1:]
paths = sorted(Path(jpegs).glob('*.jpg'))
shape = np.asarray(Image.open(paths[0])).shape
features = {
    key: {'dtype': 'video', 'shape': shape, 'names': ['height', 'width', 'channels']},
    'action': {'dtype': 'float32', 'shape': (1,), 'names': ['x']},
}
dataset = LeRobotDataset.create('made/here', fps=int(fps), features=features, root=root)
for episode in range(int(episodes)):
    for number, path in enumerate(paths):
        image = np.asarray(Image.open(path))
        action = np.array([number], np.float32)
        dataset.add_frame({key: image, 'action': action, 'task': 'Tidy the table'})
    dataset.save_episode()
dataset.finalize()
"""

# Reads an annotated data set: prints the frames with an event, and the names of the subtasks.
_READ = """
import json
import sys

from lerobot.datasets.lerobot_dataset import LeRobotDataset

dataset = LeRobotDataset('made/here', root=sys.argv[1])
frames = [dataset[number] for number in range(0, len(dataset), int(sys.argv[2]))]
rows = dataset.hf_dataset
events = [int(count.sum()) for count in rows['annotation.events']]
print(json.dumps({
    'length': len(dataset),
    'events': [number for number, count in enumerate(events) for _ in range(count)],
    'subtasks': sorted({frame['subtask'] for frame in frames}),
    'shape': list(frames[0][sys.argv[3]].shape),
}))
"""


class NotTried(Exception):
    """A trial that cannot run here, and what it needs."""


def interpreter(named: str, *, sets_up: bool) -> Path:
    """The Python that has lerobot: the named one, or that of .lerobot, which is set up if missing.

    Raises NotTried.
    """
    if named:
        return Path(named)
    python = FOLDER / 'bin/python'
    if not (FOLDER / 'complete').exists():
        needs = f'the environment {FOLDER.name} with {REQUIREMENTS.name} (pip install --no-deps -r)'
        if not sets_up:
            raise NotTried(f'it needs lerobot: {needs}, or --lerobot PYTHON')
        print(f'setting up {FOLDER} for lerobot (6 GB, only the first time)', file=sys.stderr)
        _run([sys.executable, '-m', 'venv', str(FOLDER)])
        install = ['-m', 'pip', 'install', '--quiet', '--no-deps', '-r', str(REQUIREMENTS)]
        _run([str(python), *install])
        (FOLDER / 'complete').touch()
    return python


def write_dataset(film: SceneFilm, path: Path, python: Path, fps: int) -> None:
    """Write the film as EPISODES episodes, each the same. Raises NotTried."""
    jpegs = path.with_name(f'{path.name}-jpegs')
    jpegs.mkdir()
    for number, jpeg in enumerate(film.jpegs):
        (jpegs / f'{number:06}.jpg').write_bytes(jpeg)
    _run([str(python), '-c', _WRITE, str(jpegs), str(path), str(EPISODES), str(fps), FEATURE])


def read_annotated(path: Path, python: Path, step: int) -> str:
    """What lerobot reads of an annotated copy, as JSON. Decodes every `step`-th frame."""
    return _run([str(python), '-c', _READ, str(path), str(step), FEATURE]).splitlines()[-1]


def _run(command: list[str]) -> str:
    """The standard output of a command. Raises NotTried with its last line of error."""
    # The path of ROS's and this package's environment must not leak into another one.
    hidden = ('PYTHONPATH', 'PYTHONHOME', 'LD_LIBRARY_PATH', 'VIRTUAL_ENV')
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment['HF_HUB_OFFLINE'] = '1'
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.SubprocessError) as err:
        output = getattr(err, 'stderr', None) or str(err)
        raise NotTried(f'lerobot: {output.strip().splitlines()[-1]}') from err
    return done.stdout
