# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: answers about unseen clips as records whose verdicts the simulator gives.

The clips and questions are those of `evaluate` of the same seed. Each clip is a camera of one
recording. `molmo-ground calibrate` and `molmo-ground export` read the file, a line for each point.
A point is 'confirmed' if it is right as `scoring` judges it, and 'wrong' otherwise.
"""

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from molmo_ground_ros.analysis.findings import Analysis
from molmo_ground_ros.analysis.records import records
from molmo_ground_ros.backends import load
from molmo_ground_ros.backends.base import BackendSettings
from molmo_ground_ros.grounding.grounder import Grounder
from molmo_ground_ros.grounding.stitch import Stitcher
from molmo_ground_ros.language.prompts import question_of
from molmo_ground_ros.types import Answer, Query
from tools.tabletop.evaluate import MODEL, Question, clip_of, draw_questions
from tools.tabletop.footage import Footage, film
from tools.tabletop.render import RendererMissingError, Stage
from tools.tabletop.scoring import Spot, score_grasps, score_points, score_track

# Clips that a process films and asks about before they are written.
_PART = 20


@dataclass(frozen=True)
class Course:
    """What is asked about which clips."""

    model: str
    backend: str
    seed: int


def verdicts(footage: Footage, question: Question, spots: Sequence[Spot]) -> list[bool]:
    """Whether each point is right. A block or a grasp that was hit before is not hit again."""
    score = {'count': score_grasps, 'point': score_points, 'track': score_track}[question.kind]
    hits = [
        score(footage, question.colour, spots[:number]).hits for number in range(len(spots) + 1)
    ]
    return [after > before for before, after in pairwise(hits)]


def rows_of(
    footage: Footage, asked: Sequence[Question], answers: Sequence[Answer]
) -> Iterator[dict[str, Any]]:
    """The records of all answers about one clip, in the order of their stamps."""
    findings = []
    for question, answer in zip(asked, answers, strict=True):
        stitcher = Stitcher(answer.camera, question_of(Query(question.text)))
        stitcher.add(answer)
        findings.append(stitcher.result())
    first = answers[0]
    stamps = first.start_ns + np.round(footage.times * 1e9).astype(np.int64)
    analysis = Analysis(
        sources=(),
        cameras=(first.camera,),
        span_ns=(first.start_ns, first.end_ns),
        findings=tuple(findings),
        losses=(),
        settings={},
        model=first.model,
        timing_s={},
        frames=len(stamps),
        complete=True,
    )
    rows = list(records(analysis))
    for number, question in enumerate(asked):
        of_question = [row for row in rows if row['question'] == number]
        spots = [
            (int(np.abs(stamps - row['stamp_ns']).argmin()), row['x'], row['y'])
            for row in of_question
        ]
        for row, right in zip(of_question, verdicts(footage, question, spots), strict=True):
            row['verdict'] = 'confirmed' if right else 'wrong'
    yield from rows


def share(course: Course, numbers: range) -> list[tuple[int, list[dict[str, Any]]]]:
    """The records of some clips, by clip; one process's share."""
    settings = BackendSettings(course.model, device='cpu', threads=1)
    # The model's own scores are written, whatever calibration its folder has.
    grounder, stage = Grounder(load(course.backend, settings)), Stage()
    rows = []
    for number in numbers:
        footage = film(course.seed, number, stage)
        clip = replace(clip_of(footage), camera=f'/clip_{number}')
        asked = draw_questions(footage, np.random.default_rng((course.seed, number, 4)))
        answers = [grounder.ground(clip, Query(question.text)) for question in asked]
        rows.append((number, list(rows_of(footage, asked, answers))))
    stage.close()
    grounder.close()
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 2 with one line on stderr where the renderer is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('out', type=Path, metavar='RECORDS', help='a .jsonl file to write')
    parser.add_argument('--model', default=str(MODEL))
    parser.add_argument('--backend', default='onnx')
    parser.add_argument('--seed', type=int, default=7, help='of the clips (default 7)')
    parser.add_argument('--clips', type=int, default=300)
    parser.add_argument('--processes', type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    course = Course(options.model, options.backend, options.seed)
    parts = [
        range(first, min(first + _PART, options.clips)) for first in range(0, options.clips, _PART)
    ]
    written = 0
    try:
        with (
            ProcessPoolExecutor(options.processes, multiprocessing.get_context('spawn')) as pool,
            options.out.open('w', encoding='utf-8') as file,
        ):
            for part in pool.map(partial(share, course), parts):
                for _, rows in part:
                    file.writelines(json.dumps(row) + '\n' for row in rows)
                    written += len(rows)
                file.flush()
                print(
                    f'{part[-1][0] + 1} of {options.clips} clips, {written} points', file=sys.stderr
                )
    except RendererMissingError as err:
        print(err, file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
