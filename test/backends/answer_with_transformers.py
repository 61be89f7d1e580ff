# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Answers one question about random frames with the backend `transformers`, and prints JSON.

    python answer_with_transformers.py MODEL

PYTHONPATH chooses the transformers: see test_transformers_versions.py.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import transformers

from molmo_ground_ros.backends.base import BackendSettings, GenerateOptions
from molmo_ground_ros.backends.hf import TransformersBackend
from molmo_ground_ros.types import Clip, Frame


def main() -> None:
    """Print the version of transformers and the tokens of an answer with their probabilities."""
    images = np.random.default_rng(0).integers(0, 256, (3, 72, 96, 3)).astype(np.uint8)
    frames = tuple(Frame(k * 500_000_000, image) for k, image in enumerate(images))
    clip = Clip('cam', frames, (0.0, 0.5, 1.0), 0, 1_000_000_000, 3)
    backend = TransformersBackend(BackendSettings(sys.argv[1], device='cpu', threads=1))
    prompts = ['Track the red block in 2 FPS', 'How many "blocks" are there in the video?']
    answers = backend.generate(clip, prompts, GenerateOptions(24), lambda *_: True)
    tokens = [[[token.text, token.logprob] for token in answer.tokens] for answer in answers]
    result = {'version': transformers.__version__, 'answers': tokens}
    sys.stdout.write(json.dumps(result) + '\n')


if __name__ == '__main__':
    main()
