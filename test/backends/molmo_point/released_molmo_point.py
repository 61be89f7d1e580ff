# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What Ai2's released code of MolmoPoint makes of the cases in a folder.

    python released_molmo_point.py CODE FOLDER     reads cases.npz, writes answers.npz

CODE: a clone of github.com/allenai/molmo2. A case: the folder of a checkpoint, a prompt's tokens
and pixels, and the clip's labels and size. A process of its own: see with_torchvision.py.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from with_torchvision import prepare

prepare()

import torch


def answer(case: dict[str, Any]) -> dict[str, np.ndarray]:
    """The greedy answer: tokens, the logits of each, text, and points."""
    from hf_model.modeling_molmo_point import MolmoPointForConditionalGeneration
    from transformers import PreTrainedTokenizerFast

    folder = str(case['folder'])
    model, report = MolmoPointForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, attn_implementation='sdpa', output_loading_info=True
    )
    missing = [name for name in report['missing_keys'] if not name.startswith('lm_head')]
    if missing or report['unexpected_keys'] or report['mismatched_keys']:
        raise SystemExit(f'the checkpoint is not as released: {report}')
    ids = torch.from_numpy(case['ids'])[None]
    inputs = {
        'input_ids': ids,
        'attention_mask': torch.ones_like(ids),
        'token_type_ids': torch.from_numpy(case['visual'])[None],
        'pixel_values_videos': torch.from_numpy(case['pixels']),
        'video_token_pooling': torch.from_numpy(case['pooling']),
        'video_grids': torch.from_numpy(case['grid'])[None],
    }
    try:
        with torch.inference_mode():
            output = model.generate(
                **inputs,
                logits_processor=model.build_logit_processor_from_inputs(inputs),
                max_new_tokens=int(case['max_new_tokens']),
                do_sample=False,
                return_dict_in_generate=True,
                output_logits=True,
            )
    except AssertionError:
        # A patch without a later subpatch, which only points without ids lead to.
        return {'failed': np.array(True)}
    tokens = output.sequences[0, ids.shape[1] :]
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    text = tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    frames, side = len(case['seconds']), round(case['pixels'].shape[1] ** 0.5)
    points = model.extract_video_points(
        text,
        case['pooling'],
        np.arange(frames * side * side).reshape(frames, side, side),
        case['seconds'],
        tuple(case['image_size']),
    )
    return {
        'tokens': tokens.numpy(),
        'logits': torch.cat(output.logits).numpy(),
        'text': np.array(text),
        'points': np.array(points, dtype=np.float64).reshape(-1, 4),
    }


def main(code: Path, folder: Path) -> None:
    """Answer every case of the folder."""
    torch.set_num_threads(1)
    sys.path.insert(0, str(code / 'olmo'))
    with np.load(folder / 'cases.npz') as arrays:
        cases: dict[str, dict[str, Any]] = {}
        for key in arrays:
            number, name = key.split('/')
            cases.setdefault(number, {})[name] = arrays[key]
    answers = {
        f'{number}/{name}': array
        for number, case in cases.items()
        for name, array in answer(case).items()
    }
    np.savez_compressed(folder / 'answers.npz', **answers)


if __name__ == '__main__':
    main(Path(sys.argv[1]), Path(sys.argv[2]))
