# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trained parts to a folder with all files of a Molmo2 checkpoint.

The processor files say what the released ones say (`use_frame_special_tokens` false, `do_rescale`
and `do_normalize` set), at this model's size; transformers and the package both read them.
"""

import json
from pathlib import Path
from typing import Any

import torch

from tools.tabletop.clips import Coder
from tools.tabletop.network import PATCH, POOL, SIDE
from tools.tabletop.train_language import build_model

CHAT_TEMPLATE = """\
{%- for message in messages -%}
{%- if message['content'] is not string -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}{{ '<|image|>' }}
{%- elif part['type'] == 'video' -%}{{ '<|video|>' }}{%- endif -%}
{%- endfor -%}
{%- endif -%}
{%- endfor -%}
{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + '\\n' -}}
{%- if message['content'] is string -%}{{ message['content'] }}
{%- else -%}
{%- for part in message['content'] if part['type'] == 'text' -%}
{{- (part['style'] + ': ' if part['style'] else '') + part['text'] -}}
{%- endfor -%}
{%- endif -%}
{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
"""
_PIXELS: dict[str, Any] = {
    'do_convert_rgb': True,
    'do_normalize': True,
    'do_rescale': True,
    'do_resize': True,
    'image_mean': [0.5, 0.5, 0.5],
    'image_std': [0.5, 0.5, 0.5],
    'patch_size': PATCH,
    'resample': 2,
    'rescale_factor': 1 / 255,
    'size': {'height': SIDE, 'width': SIDE},
}
IMAGE_PROCESSOR = _PIXELS | {
    'image_processor_type': 'Molmo2ImageProcessor',
    'max_crops': 8,
    'overlap_margins': [0, 0],
    'pooling_size': [POOL, POOL],
}
VIDEO_PROCESSOR = _PIXELS | {
    'video_processor_type': 'Molmo2VideoProcessor',
    'do_sample_frames': True,
    'max_fps': 2,
    'num_frames': 50,
    'pooling_size': [POOL, POOL],
}
PROCESSOR = {
    'processor_class': 'Molmo2Processor',
    'image_use_col_tokens': True,
    'use_frame_special_tokens': False,
    'use_single_crop_col_tokens': None,
    'use_single_crop_start_token': True,
    'video_use_col_tokens': False,
}


def load_model(vision: Path, language: Path) -> tuple[Any, Coder]:
    """The whole model from the two stages' checkpoints."""
    coder = Coder()
    model = build_model(coder, 0)
    seen, said = torch.load(vision)['parts'], torch.load(language)['parts']
    inner = model.model
    inner.vision_tower.load_state_dict(_under('tower', seen))
    inner.multi_modal_projector.load_state_dict(_under('adapter', seen))
    inner.language_model.load_state_dict(_under('text', said))
    model.lm_head.load_state_dict(_under('head', said))
    return model.eval(), coder


def _under(part: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k.removeprefix(part + '.'): v for k, v in state.items() if k.startswith(part + '.')}


def write_checkpoint(model: Any, coder: Coder, folder: Path) -> None:
    """config.json, generation_config.json, model.safetensors, tokenizer and processor files."""
    from transformers import GenerationConfig

    folder.mkdir(parents=True, exist_ok=True)
    special = model.config.text_config
    model.generation_config = GenerationConfig(
        bos_token_id=special.bos_token_id,
        eos_token_id=special.eos_token_id,
        pad_token_id=special.pad_token_id,
        max_new_tokens=2048,
    )
    model.save_pretrained(folder)
    (folder / 'model.safetensors').chmod(0o644)
    write_tokenizer(coder, folder)
    _write(folder / 'processor_config.json', PROCESSOR)
    _write(folder / 'preprocessor_config.json', IMAGE_PROCESSOR)
    _write(folder / 'video_preprocessor_config.json', VIDEO_PROCESSOR)
    (folder / 'chat_template.jinja').write_text(CHAT_TEMPLATE)


def write_tokenizer(coder: Coder, folder: Path) -> None:
    """tokenizer.json and tokenizer_config.json."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=coder.tokenizer,
        bos_token='<|im_end|>',
        eos_token='<|im_end|>',
        pad_token='<|endoftext|>',
        padding_side='left',
        clean_up_tokenization_spaces=False,
        model_max_length=4096,
    )
    tokenizer.save_pretrained(folder)


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + '\n')
