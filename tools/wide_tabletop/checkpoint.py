# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trained parts to a folder with all files of a Molmo2 checkpoint, or to a state to go on from.

A state is two files of float16 weights, throw-away heads among them, small enough for the
repository. The processor files say what the released ones say, at this model's size.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tools.tabletop.checkpoint import CHAT_TEMPLATE, PROCESSOR
from tools.wide_tabletop.clips import Coder
from tools.wide_tabletop.loop import load_state
from tools.wide_tabletop.network import PATCH, POOL, SIDE
from tools.wide_tabletop.train_language import build_model

VISION, LANGUAGE, TUNE = 'vision', 'language', 'tune'
STAGES = (VISION, LANGUAGE)
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


def save_states(work: Path, folder: Path) -> None:
    """The best parts of both stages, as far as there are any, to STAGE.safetensors."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    for stage in STAGES:
        path = best_of(work, stage)
        if not path.exists():
            continue
        state = load_state(path)
        half = {name: part.half().contiguous() for name, part in state['parts'].items()}
        facts = {'step': str(state['step']), 'hours': f'{state["hours"]:.3f}'}
        save_file(half, folder / f'{stage}.safetensors', metadata=facts)


def start_from(folder: Path, work: Path) -> list[str]:
    """Checkpoints to go on from, out of a folder's states, where the work folder has none."""
    from safetensors import safe_open

    work.mkdir(parents=True, exist_ok=True)
    started = []
    for stage in STAGES:
        source, target = folder / f'{stage}.safetensors', work / f'{stage}.pt'
        if target.exists() or not source.exists():
            continue
        with safe_open(source, 'pt') as file:
            parts = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
            facts = file.metadata()
        state = {'parts': parts, 'step': int(facts['step']), 'hours': float(facts['hours'])}
        torch.save(state, target)
        started.append(stage)
    return started


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
    vision, language = (load_state(best_of(work, stage))['parts'] for stage in STAGES)
    inner = model.model
    inner.vision_tower.load_state_dict(_under('tower', vision))
    inner.multi_modal_projector.load_state_dict(_under('adapter', vision))
    inner.language_model.load_state_dict(_under('text', language))
    model.lm_head.load_state_dict(_under('head', language))
    return model.eval(), coder


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
