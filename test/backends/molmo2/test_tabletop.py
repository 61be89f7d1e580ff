# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The model that ships, on the bag that ships: answers with grammar in them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from molmo_ground_ros import backends
from molmo_ground_ros.backends import BackendSettings
from molmo_ground_ros.backends.base import GenerateOptions

pytest.importorskip('torch', reason="needs pip install '.[torch]'")
pytest.importorskip('transformers', reason="the reference: needs pip install '.[transformers]'")
pytest.importorskip('rosbags', reason="needs pip install '.[bag]'")

from molmo_ground_ros import bag

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / 'models' / 'tabletop'
QUESTIONS = [
    'Track the red block.',
    'Track all blocks.',
    'How many times was the red block grasped?',
    'Point to every grasp.',
]


@pytest.fixture(scope='module')
def clips():
    with bag.Bag(ROOT / 'examples' / 'tabletop.mcap') as recording:
        return [bag.read_clip(recording, '', start, start + 8) for start in (0, 5)]


def answers(name, clips):
    backend = backends.load(name, BackendSettings(str(FOLDER), device='cpu', threads=1))
    given = (QUESTIONS, GenerateOptions(300), lambda *_: True)
    return backend, [one for clip in clips for one in backend.generate(clip, *given)]


@pytest.fixture(scope='module')
def reference(clips):
    return answers('transformers', clips)[1]


@pytest.mark.parametrize('name', ['torch', 'onnx'])
def test_answers_equal_those_of_transformers(name, clips, reference):
    if name == 'onnx':
        pytest.importorskip('onnxruntime', reason="needs pip install '.[onnx]'")
    backend, found = answers(name, clips)
    for ours, theirs in zip(found, reference, strict=True):
        assert [token.text for token in ours.tokens] == [token.text for token in theirs.tokens]
        logprobs = [token.logprob for token in theirs.tokens]
        assert [token.logprob for token in ours.tokens] == pytest.approx(logprobs, abs=2e-4)
    assert backend.counts.accepted > 0
    assert backend.counts.passes < sum(len(one.tokens) for one in found)


def test_the_graphs_that_ship_are_what_the_exporter_writes(tmp_path):
    """In a process of its own: the exporter leaves its marks on torch."""
    pytest.importorskip('onnxscript', reason="needs pip install '.[export]'")
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns('*.onnx'))
    command = [sys.executable, '-m', 'molmo_ground_ros.backends.molmo2.export', str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = sorted(path.name for path in tmp_path.glob('*.onnx'))
    assert written == sorted(path.name for path in FOLDER.glob('*.onnx'))
    for name in written:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name
