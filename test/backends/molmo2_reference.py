# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What transformers' own Molmo2Processor and generate make of the cases in a folder.

    python molmo2_reference.py FOLDER     reads cases.json and frames.npz, writes answers.npz

A process of its own: see with_torchvision.py.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from with_torchvision import prepare

prepare()

import torch
from transformers import Molmo2ForConditionalGeneration, Molmo2Processor
from transformers.video_utils import VideoMetadata


@cache
def processor_of(folder: str) -> Any:
    """The processor of a checkpoint."""
    return Molmo2Processor.from_pretrained(folder)


@cache
def model_of(folder: str) -> Any:
    """The model of a checkpoint."""
    return Molmo2ForConditionalGeneration.from_pretrained(folder, dtype='float32')


def inputs_of(case: dict[str, Any], frames: np.ndarray) -> Any:
    """The processor's output for frames (T, H, W, 3) with labels case['seconds']."""
    processor = processor_of(case['folder'])
    clock = VideoMetadata(
        total_num_frames=len(frames),
        fps=1000.0,
        frames_indices=[round(1000 * label) for label in case['seconds']],
    )
    content = [{'type': 'video'}, {'type': 'text', 'text': case['question']}]
    text = processor.apply_chat_template(
        [{'role': 'user', 'content': content}], tokenize=False, add_generation_prompt=True
    )
    return processor(
        text=text,
        videos=[frames],
        video_metadata=[clock],
        do_sample_frames=False,
        input_data_format='channels_last',  # else a picture of one row is taken for a channel
        return_tensors='pt',
    )


def answer(case: dict[str, Any], frames: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs, and where case['max_new_tokens'] is given the model's greedy continuation."""
    torch.set_num_threads(case.get('threads', 2))
    inputs = inputs_of(case, frames)
    output = {
        'ids': inputs['input_ids'][0],
        'visual': inputs['mm_token_type_ids'][0],
        'pixels': inputs['pixel_values_videos'],
        'pooling': inputs['video_token_pooling'],
        'grid': inputs['video_grids'][0],
    }
    if 'max_new_tokens' in case:
        torch.set_num_threads(1)  # a tiny model is faster so, above all on busy cores
        model = model_of(case['folder'])
        with torch.inference_mode():
            ids = model.generate(**inputs, max_new_tokens=case['max_new_tokens'], do_sample=False)
            output['generated'] = ids[0, inputs['input_ids'].shape[1] :]
            output['logits'] = model(**inputs, logits_to_keep=1).logits[0, -1]
    return {name: tensor.numpy() for name, tensor in output.items()}


def main(folder: Path) -> None:
    """Answer every case of the folder."""
    cases = json.loads((folder / 'cases.json').read_text())
    with np.load(folder / 'frames.npz') as frames:
        answers = {
            f'{i}/{name}': array
            for i, case in enumerate(cases)
            for name, array in answer(case, frames[f'arr_{i}']).items()
        }
    np.savez(folder / 'answers.npz', **answers)


if __name__ == '__main__':
    main(Path(sys.argv[1]))
