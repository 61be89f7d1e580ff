# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""J&F of masks that another program made: PNG files as the servers of MeViS and others take them.

FOLDER/[Annotations/]VIDEO/EXPRESSION/00000.png, one for each frame of the video, or for each that
the data annotates; white, or any number but 0, is the region that the expression means. FOLDER/ID/
serves where an example has an id of another kind.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from molmo_ground_ros.benchmarks.datasets.examples import Example, TrackTruth
from molmo_ground_ros.benchmarks.datasets.frame_files import pictures
from molmo_ground_ros.benchmarks.datasets.png import BadIndexedImage, read_indices
from molmo_ground_ros.benchmarks.metrics.regions import union_j_and_f
from molmo_ground_ros.benchmarks.scoring.compared_frames import compared_frames
from molmo_ground_ros.benchmarks.scoring.predictions import AnswerState, ExampleResult
from molmo_ground_ros.errors import BadArgument, BadMask
from molmo_ground_ros.frames.masks import Mask, mask_of

_NOTHING = {'j': 0.0, 'f': 0.0, 'j_and_f': 0.0}


def ready_mask_result(example: Example, folder: str) -> ExampleResult:
    """The result of an example whose masks are ready. folder: of all masks.

    Masks that are missing or cannot be read score 0, and `why` says so with their file. An example
    without masks in its truth has no scores.
    """
    truth = example.truth
    state, why = AnswerState.ANSWERED, ''
    scores: dict[str, float] = {}
    if not isinstance(truth, TrackTruth) or not any(each.masks for each in truth.objects):
        why = 'cannot be scored: the data has no masks of its objects'
        return ExampleResult(example.id, example.category, state, scores, why=why)
    try:
        masks = _masks(_folder(example, Path(folder)), truth)
        truths = [tracked.masks for tracked in truth.objects]
        size = example.height, example.width
        scores = union_j_and_f([masks], truths, compared_frames(truth), *size).metrics()
    except (BadArgument, BadMask, BadIndexedImage, OSError) as error:
        state, why, scores = AnswerState.UNANSWERED, str(error), dict(_NOTHING)
    return ExampleResult(example.id, example.category, state, scores, why=why)


def _folder(example: Example, folder: Path) -> Path:
    """The folder of an example's masks. Raises BadArgument."""
    video = example.media.name
    key = example.id.removeprefix(f'{video}_')
    places = (folder / video / key, folder / 'Annotations' / video / key, folder / example.id)
    for place in places:
        if place.is_dir():
            return place
    raise BadArgument('masks', str(places[0]), 'is no folder')


def _masks(folder: Path, truth: TrackTruth) -> dict[int, Mask]:
    """The masks by frame. Raises BadArgument for another number of them, BadIndexedImage."""
    files = pictures(folder)
    compared = compared_frames(truth)
    frames = range(truth.frames) if len(files) == truth.frames else compared
    if len(files) != len(frames):
        why = f'are neither {truth.frames} nor the {len(compared)} that are compared'
        raise BadArgument(f'masks in {folder}', len(files), why)
    return {
        frame: mask_of(np.asarray(read_indices(file).pixels > 0))
        for frame, file in zip(frames, files, strict=True)
        if frame in compared
    }
