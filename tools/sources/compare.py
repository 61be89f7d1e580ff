# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The scores of a copy, beside those of the same truth in Molmo2's own format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from molmo_ground_ros.benchmarks.datasets.examples import TrackTruth
from molmo_ground_ros.benchmarks.scoring.evaluation import evaluate
from molmo_ground_ros.benchmarks.scoring.evaluation_data import EvaluationData
from molmo_ground_ros.benchmarks.scoring.prediction_files import read_predictions
from molmo_ground_ros.benchmarks.scoring.score import Rules
from molmo_ground_ros.errors import BadSetting
from tools.sources.copies import SECONDS, write_copy
from tools.sources.own_format import Expected, truth_of, write_own

_OWN = 'videotrackeval'


@dataclass(frozen=True)
class Comparison:
    """What the copy of one source scores, and what it should."""

    source: str
    scores: Mapping[str, float]  # of the copy
    own: Mapping[str, float]  # of the same truth in Molmo2's own format
    faults: tuple[str, ...]  # of reading the copy

    @property
    def passed(self) -> bool:
        """Whether the copy was read without a fault, to the same scores."""
        same = {name: self.scores.get(name) for name in self.own} == dict(self.own)
        return not self.faults and bool(self.own.get('f1')) and same


def compare(source: str, folder: Path, seconds: float = SECONDS) -> Comparison:
    """Write the copy of a source below a folder, and score it and its truth."""
    expected = write_copy(source, folder / source, seconds)
    answers = write_own(folder / f'{source}-own', expected)
    faults: list[str] = []
    own = _scores(EvaluationData(_OWN, str(folder / f'{source}-own')), answers, faults)
    copy = EvaluationData(source, str(folder / source), in_boxes=expected[0].boxes)
    try:
        scores = _scores(copy, answers, faults)
        faults += _differences(copy, expected)
    except BadSetting as error:
        faults.append(str(error))
        scores = {}
    return Comparison(source, scores, own, tuple(faults))


def _scores(data: EvaluationData, answers: Path, faults: list[str]) -> dict[str, float]:
    """All numbers of an evaluation: the metrics, and how many examples there were."""
    predictions = read_predictions(answers, 'answers')
    evaluation = evaluate(data, [predictions], Rules(), on_bad=lambda bad: faults.append(str(bad)))
    return evaluation.results[0].numbers(len(evaluation.skipped))


def _differences(data: EvaluationData, expected: Sequence[Expected]) -> Iterator[str]:
    """What of each question's words, rate, size and truth is not as it was written."""
    examples = {example.id: example for example in data.examples()}
    for one in expected:
        example = examples.pop(one.id, None)
        if example is None or not isinstance(example.truth, TrackTruth):
            yield f'{one.id}: there is no such question'
            continue
        truth = example.truth
        size = example.width, example.height
        read = (example.label, truth.fps, truth.frames, size, len(truth.objects))
        written = (one.words, one.video.fps, one.video.frames, one.size, len(one.things))
        if read != written:
            yield f'{one.id}: {read} is read of {written}'
        for thing, tracked in zip(one.things, truth.objects, strict=False):
            for k in range(one.video.frames):
                pixels = truth_of(one, thing, k)
                mask = tracked.masks.get(k)
                empty = np.zeros(one.size[::-1], np.bool_)
                read_pixels = empty if mask is None else mask.array()
                if not np.array_equal(read_pixels, empty if pixels is None else pixels):
                    yield f'{one.id}: object {thing} differs on frame {k}'
    yield from (f'{name}: is a question that was not written' for name in examples)
