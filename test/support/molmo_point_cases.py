# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tiny random MolmoPoints with clips, and what Ai2's released code answers about them.

    python -m support.molmo_point_cases     (in test/) writes released.npz anew

`released.npz` holds what the released code gave for CASES, so that every run of the tests compares
with it. Where the code itself is at hand (see INSTALL), a test runs it again, on new cases too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.backends.checkpoint import read_processor
from molmo_ground_ros.backends.molmo2.tokens import FileTokenizer
from molmo_ground_ros.backends.pixels import frame_patches, pooling_indices
from molmo_ground_ros.backends.prompt_ids import PromptEncoder
from molmo_ground_ros.types import Clip, Frame

from .molmo_point import OPENINGS, Tiny, write_checkpoint

HERE = Path(__file__).parents[1] / 'backends/molmo_point'
FROZEN = HERE / 'released.npz'
RELEASED = Path(os.environ.get('MOLMO2_RELEASED', f'{sys.prefix}/molmo2_released'))
INSTALL = (
    f'pip install --no-deps --target {RELEASED} -r requirements/molmo2_released.txt; '
    f'git clone https://github.com/allenai/molmo2 {RELEASED}/molmo2; '
    f'git -C {RELEASED}/molmo2 checkout f3cb108'
)
QUESTION = 'Track the blue blocks.'
MOST_TOKENS = 60
# Steps whose logits are kept in released.npz.
_STEPS = 10

Answer = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """A checkpoint, and the clip that it is asked about: frames, half a second apart, and size."""

    tiny: Tiny
    frames: int
    width: int
    height: int

    @property
    def clip(self) -> Clip:
        """Noise over a gradient, other noise in each frame."""
        seconds = tuple(round(0.5 * i, 1) for i in range(self.frames))
        frames = tuple(
            Frame(round(1e9 * label), _picture(self.width, self.height, seed))
            for seed, label in enumerate(seconds)
        )
        return Clip('cam', frames, seconds, 0, frames[-1].stamp_ns, self.frames)


# Chosen so that patches and subpatches repeat, are spent, and end with "no more points".
CASES = {
    'points': Case(Tiny(1008, size=84), 7, 84, 141),
    'tracks': Case(Tiny(1039, size=168, opening=OPENINGS[1]), 12, 193, 154),
    'no more': Case(Tiny(1036, size=84), 1, 75, 197),
    'olmo': Case(Tiny(1034, size=84, olmo=True, opening=OPENINGS[1]), 8, 189, 161),
    'olmo, no more': Case(Tiny(1013, size=42, olmo=True, opening=OPENINGS[1]), 3, 190, 36),
    'tied': Case(Tiny(1003, size=42, tied=True), 11, 23, 117),
    'tied, no more': Case(Tiny(1052, size=42, tied=True), 9, 40, 30),
}


def random_case(rng: np.random.Generator) -> Case:
    """Any checkpoint and clip."""
    tiny = Tiny(
        int(rng.integers(2**31)),
        size=int(rng.choice([42, 84, 126, 168])),
        olmo=bool(rng.random() < 0.4),
        tied=bool(rng.random() < 0.3),
        opening=OPENINGS[int(rng.integers(2))],
    )
    return Case(tiny, *(int(rng.integers(low, high)) for low, high in ((1, 9), (20, 99), (20, 99))))


def frozen() -> dict[str, dict[str, NDArray[Any]]]:
    """What the released code gave for CASES."""
    with np.load(FROZEN) as arrays:
        return _grouped(arrays)


def ask_released(folders: Mapping[str, Path], cases: Mapping[str, Case]) -> dict[str, Answer]:
    """What the released code gives, in a process of its own: see released_molmo_point.py.

    folders: of the cases' checkpoints, by name. Raises RuntimeError with what the code wrote.
    """
    with tempfile.TemporaryDirectory() as place:
        arrays = {
            f'{name}/{key}': array
            for name, case in cases.items()
            for key, array in _inputs(folders[name], case).items()
        }
        np.savez(Path(place) / 'cases.npz', **arrays)  # type: ignore[arg-type]
        done = subprocess.run(
            [sys.executable, HERE / 'released_molmo_point.py', RELEASED / 'molmo2', place],
            env=os.environ | {'PYTHONPATH': str(RELEASED)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f'{done.stdout}{done.stderr}')
        with np.load(Path(place) / 'answers.npz') as answers:
            return dict(_grouped(answers))


def _inputs(folder: Path, case: Case) -> dict[str, NDArray[Any]]:
    """A prompt as the released processor makes it; other tests hold ours to transformers' own."""
    pixels, frame = read_processor('tiny', folder)
    encoder = PromptEncoder(FileTokenizer('tiny', folder), frame, pixels.grid, 'tiny')
    clip = case.clip
    prompt = encoder.encode(clip.seconds, QUESTION)
    pooling, patches = pooling_indices(pixels), pixels.side**2
    return {
        'folder': np.array(str(folder)),
        'ids': np.array(prompt.ids),
        'visual': np.array(prompt.visual),
        'pixels': np.stack([frame_patches(frame.image, pixels) for frame in clip.frames]),
        'pooling': np.concatenate([pooling + i * patches for i in range(case.frames)]),
        'grid': np.array([case.frames, *pixels.grid]),
        'seconds': np.array(clip.seconds),
        'image_size': np.array([case.width, case.height]),
        'max_new_tokens': np.array(MOST_TOKENS),
    }


def _grouped(arrays: Mapping[str, NDArray[Any]]) -> dict[str, dict[str, NDArray[Any]]]:
    groups: dict[str, dict[str, NDArray[Any]]] = {}
    for key in arrays:
        name, part = key.rsplit('/', 1)
        groups.setdefault(name, {})[part] = arrays[key]
    return groups


def _picture(width: int, height: int, seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).integers(0, 128, (height, width, 3))
    picture = (noise + np.linspace(0, 127, width)[None, :, None]).astype(np.uint8)
    picture.flags.writeable = False
    return picture


def _freeze() -> None:
    with tempfile.TemporaryDirectory() as place:
        folders = {name: Path(place) / name for name in CASES}
        for name, case in CASES.items():
            folders[name].mkdir()
            write_checkpoint(folders[name], case.tiny)
        answers = ask_released(folders, CASES)
    kept = {
        f'{name}/{key}': array[:_STEPS] if key == 'logits' else array
        for name, answer in answers.items()
        for key, array in answer.items()
    }
    np.savez_compressed(FROZEN, **kept)  # type: ignore[arg-type]


if __name__ == '__main__':
    _freeze()
