# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trained parts to a folder with all files of a Molmo2 checkpoint, and back to go on from.

Weights are float16, small enough for the repository; training's throw-away heads are in a file of
their own. The processor files say what the released ones say, at this model's size.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tools.tabletop.clips import Coder
from tools.tabletop.loop import load_state
from tools.tabletop.network import PATCH, POOL, SIDE
from tools.tabletop.train_language import build_model

VISION, LANGUAGE, TUNE = 'vision', 'language', 'tune'
STAGES = (VISION, LANGUAGE)
# What a model consists of, and which stage trains it; whatever else a stage's state has are heads.
MODULES = {'tower': VISION, 'adapter': VISION, 'text': LANGUAGE, 'head': LANGUAGE}
HEADS = 'heads.safetensors'
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
    'num_frames': 128,
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


def write_model(work: Path, folder: Path) -> None:
    """The best of both stages as a checkpoint with its graphs, to load and to run.

    Raises FileNotFoundError if a stage was not begun.
    """
    from molmo_ground_ros.backends.molmo2.export import export_graphs

    for stage in STAGES:
        if not best_of(work, stage).exists():
            raise FileNotFoundError(f'{best_of(work, stage)}: train {stage} first')
    write_checkpoint(*load_model(work), folder)
    export_graphs(str(folder), folder)


def save_states(work: Path, folder: Path) -> None:
    """What `write_model` writes, and what training needs to go on from there: heads and curves."""
    from safetensors.torch import save_file

    write_model(work, folder)
    heads: dict[str, Tensor] = {}
    facts: dict[str, str] = {}
    for stage in STAGES:
        state = load_state(best_of(work, stage))
        facts |= {f'{stage}.step': str(state['step']), f'{stage}.hours': f'{state["hours"]:.3f}'}
        for name, part in state['parts'].items():
            if name.split('.')[0] not in MODULES:
                heads[f'{stage}.{name}'] = part.half().contiguous()
    save_file(heads, folder / HEADS, metadata=facts)
    (folder / HEADS).chmod(0o644)
    for stage in (VISION, LANGUAGE, TUNE):
        curve = folder / f'{LANGUAGE if stage == TUNE else stage}.curve.jsonl'
        _append_curve(work / f'{stage}.curve.jsonl', curve)


def _append_curve(source: Path, target: Path) -> None:
    """Add the lines of a curve whose steps the target does not have yet."""
    lines = [path.read_text().splitlines() if path.exists() else [] for path in (target, source)]
    last = max((json.loads(line)['step'] for line in lines[0]), default=-1)
    lines[1] = [line for line in lines[1] if json.loads(line)['step'] > last]
    if lines[1]:
        target.write_text('\n'.join(lines[0] + lines[1]) + '\n')


def start_from(folder: Path, work: Path) -> list[str]:
    """Checkpoints to go on from, out of what `save_states` wrote, where WORK has none."""
    from safetensors import safe_open
    from transformers.models.molmo2.modeling_molmo2 import Molmo2ForConditionalGeneration

    wanted = [stage for stage in STAGES if not (work / f'{stage}.pt').exists()]
    if not (folder / HEADS).exists() or not wanted:
        return []
    work.mkdir(parents=True, exist_ok=True)
    model = Molmo2ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    with safe_open(folder / HEADS, 'pt') as file:
        heads = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        facts = file.metadata()
    for stage in wanted:
        parts = _under(stage, heads)
        for name, module in _modules(model).items():
            if MODULES[name] == stage:
                parts |= {f'{name}.{key}': value for key, value in module.state_dict().items()}
        hours, step = float(facts[f'{stage}.hours']), int(facts[f'{stage}.step'])
        torch.save({'parts': parts, 'step': step, 'hours': hours}, work / f'{stage}.pt')
    return wanted


def best_of(work: Path, stage: str) -> Path:
    """A stage's best checkpoint, or its newest if no best is kept.

    Of `language` it is that of `tune`, once that has begun: its loss is on what the tower sees, and
    cannot be compared with the loss on codes of the truth.
    """
    names = (TUNE, stage) if stage == LANGUAGE else (stage,)
    paths = [work / f'{name}{end}' for name in names for end in ('.best.pt', '.pt')]
    return next((path for path in paths if path.exists()), paths[-1])


def begin_tune(work: Path) -> None:
    """Let `tune` begin with the best of `language`, unless it has begun.

    Raises FileNotFoundError if there is no language model to begin with.
    """
    target, source = work / f'{TUNE}.pt', best_of(work, LANGUAGE)
    if not target.exists():
        if not source.exists():
            raise FileNotFoundError(f'{source}: train the language model first')
        state = load_state(source)
        torch.save({name: state[name] for name in ('parts', 'step', 'hours')}, target)


def load_model(work: Path) -> tuple[Any, Coder]:
    """The whole model from the two stages' checkpoints."""
    coder = Coder()
    model = build_model(coder, 0)
    states = {stage: load_state(best_of(work, stage))['parts'] for stage in STAGES}
    for name, module in _modules(model).items():
        module.load_state_dict(_under(name, states[MODULES[name]]))
    return model.eval(), coder


def _modules(model: Any) -> dict[str, Any]:
    """A model's modules by their names in the stages' states."""
    inner = model.model
    return {
        'tower': inner.vision_tower,
        'adapter': inner.multi_modal_projector,
        'text': inner.language_model,
        'head': model.lm_head,
    }


def _under(part: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(part + '.'): v for k, v in state.items() if k.startswith(part + '.')}


def write_checkpoint(model: Any, coder: Coder, folder: Path) -> None:
    """config.json, generation_config.json, model.safetensors, tokenizer and processor files."""
    from transformers import GenerationConfig, PreTrainedTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    special = model.config.text_config
    model.generation_config = GenerationConfig(
        bos_token_id=special.bos_token_id,
        eos_token_id=special.eos_token_id,
        pad_token_id=special.pad_token_id,
        max_new_tokens=2048,
    )
    model.half().save_pretrained(folder)
    (folder / 'model.safetensors').chmod(0o644)
    PreTrainedTokenizerFast(
        tokenizer_object=coder.tokenizer,
        bos_token='<|im_end|>',
        eos_token='<|im_end|>',
        pad_token='<|endoftext|>',
        padding_side='left',
        clean_up_tokenization_spaces=False,
        model_max_length=8192,
    ).save_pretrained(folder)
    _write(folder / 'processor_config.json', PROCESSOR)
    _write(folder / 'preprocessor_config.json', IMAGE_PROCESSOR)
    _write(folder / 'video_preprocessor_config.json', VIDEO_PROCESSOR)
    (folder / 'chat_template.jinja').write_text(CHAT_TEMPLATE)


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + '\n')
