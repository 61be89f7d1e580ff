# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sources that are evaluated in parts: stopped in the middle, and by several processes."""

from dataclasses import replace

import numpy as np
import pytest
from support.evaluations import Oracle
from support.source_cases import EACH_SOURCE

from molmo_ground_ros import backends, cli
from molmo_ground_ros.backends.base import Generation
from molmo_ground_ros.benchmarks.datasets import read
from molmo_ground_ros.benchmarks.datasets.sources import SOURCES
from molmo_ground_ros.benchmarks.scoring import parallel_scoring
from molmo_ground_ros.benchmarks.scoring.parallel_scoring import score_all
from molmo_ground_ros.benchmarks.scoring.predictions import Prediction, Predictions
from molmo_ground_ros.benchmarks.scoring.score import Rules
from tools.sources.copies import write_copy
from tools.sources.own_format import answer

SECONDS, VIDEOS = 1.0, 3
WRITTEN = 'results.json', 'table.md', 'predictions-oracle.jsonl'


class PartlyRight(Oracle):
    """Answers each question about each video, partly wrong."""

    def __init__(self, texts, before=lambda *_: None):
        """texts: by the video and the question."""
        super().__init__({}, before)
        self.texts = texts

    def generate(self, clip, prompts, options, on_text):
        self._before(clip, prompts)
        self.asked.append(list(prompts))
        return [Generation(self.texts[clip.camera, prompt]) for prompt in prompts]


@pytest.fixture
def evaluate(monkeypatch, capsys):
    """Runs the command with a backend; its exit code."""

    def run(backend, *arguments):
        monkeypatch.setitem(backends.BACKENDS, 'replay', lambda _: backend)
        model = '--backend', 'replay', '--model', 'oracle'
        code = cli.main(['evaluate', *map(str, [*arguments, *model])])
        capsys.readouterr()
        return code

    return run


@pytest.mark.parametrize('name', EACH_SOURCE)
def test_a_source_that_was_stopped_goes_on_to_the_same_files(name, evaluate, tmp_path):
    texts = answers(name, tmp_path / 'data', VIDEOS)
    videos = list(dict.fromkeys(video for video, _ in texts))
    options = ['--data', tmp_path / 'data', '--format', name]
    options += ['--in-boxes'] if SOURCES[name].gives == 'boxes' else []

    def stop(clip, _):
        if clip.camera == videos[1]:
            raise KeyboardInterrupt

    whole, out = tmp_path / 'whole', tmp_path / 'out'
    assert evaluate(PartlyRight(texts), *options, '--out', whole) == 0
    first, rest = PartlyRight(texts, stop), PartlyRight(texts)
    assert evaluate(first, *options, '--out', out) == 130
    assert written(out) != written(whole)
    assert evaluate(rest, *options, '--out', out, '--resume') == 0

    assert written(out) == written(whole)
    asked = [sum(map(len, backend.asked)) for backend in (first, rest)]
    assert sum(asked) == len(texts) and all(asked)


def test_processes_score_all_sources_as_one_does(tmp_path, monkeypatch):
    monkeypatch.setattr(parallel_scoring, 'FEW', 5)
    said = {}
    for name in SOURCES:
        rng = np.random.default_rng(0)
        for expected in write_copy(name, tmp_path / name, SECONDS / 2):
            said[f'{name} {expected.id}'] = Prediction(answer(expected, rng))
    models = [Predictions('m', said)]

    alone = list(score_all(all_examples(tmp_path), models, Rules()))
    spread = list(score_all(all_examples(tmp_path), models, Rules(), processes=2))

    assert spread == alone
    assert len(alone) == len(said)
    assert {example.id.split()[0] for example, _ in spread} == set(SOURCES)
    assert 0 < np.mean([result.scores['f1'] for _, (result,) in spread]) < 1


def all_examples(folder):
    """The examples of every copy, with ids that no two of them share."""
    return (
        replace(example, id=f'{name} {example.id}')
        for name in SOURCES
        for example in read(name, folder / name, in_boxes=True)
    )


def answers(name, folder, videos):
    """Write a copy, and give an answer that is partly wrong by video and question."""
    rng = np.random.default_rng(0)
    texts = {one.id: answer(one, rng) for one in write_copy(name, folder, SECONDS, videos)}
    return {
        (example.media.name, example.query): texts[example.id]
        for example in read(name, folder, in_boxes=True)
    }


def written(folder):
    """What the command wrote."""
    return [(folder / name).read_bytes() for name in WRITTEN]
