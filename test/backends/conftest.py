# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A tiny random Molmo2 written to disk, clips to show it, and what transformers makes of both.

`make_checkpoint` builds checkpoints of any layout, `checkpoint` is the usual one, `reference` runs
the processor and `generate` of transformers on it in a process of its own (molmo2_reference.py).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from molmo_ground_ros.types import Clip, Frame
from tools.tabletop.vocabulary import CHAT, VISUAL

MakeCheckpoint = Callable[..., Path]
CHAT_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'video' %}{{ '<|video|>' }}{% endif %}{% endfor %}"
    "{{ '<|im_start|>user\\n' }}{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{{ '<|im_end|>\\n<|im_start|>assistant\\n' }}{% endfor %}"
)


def write_tokenizer(folder: Path) -> int:
    """A byte-level BPE tokenizer with Molmo2's special tokens; gives the base vocabulary's size."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r'\d| ?[^\s\d]+|\s+'), 'isolated'),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[*CHAT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(['user assistant How many are there in the video? points'], trainer)
    base = raw.get_vocab_size()
    raw.add_special_tokens([*VISUAL])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token='<|im_end|>',
        eos_token='<|im_end|>',
        pad_token='<|endoftext|>',
        model_max_length=4096,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)
    return base


def write_processor(
    folder: Path, *, size: int, frame_tokens: bool, column_tokens: bool, nested: bool, **video: Any
) -> None:
    """Processor files: the video part nested (transformers 5) or in a file beside (released)."""
    normal = {'do_rescale': True, 'rescale_factor': 1 / 255, 'do_normalize': True, 'resample': 2}
    normal |= {'image_mean': [0.5, 0.5, 0.5], 'image_std': [0.5, 0.5, 0.5]}
    square = {'size': {'height': size, 'width': size}, 'patch_size': 14}
    image = {'image_processor_type': 'Molmo2ImageProcessor', **normal, **square}
    frames = {'video_processor_type': 'Molmo2VideoProcessor', **normal, **square}
    frames |= {'pooling_size': [3, 3], **video}
    processor: dict[str, Any] = {
        'processor_class': 'Molmo2Processor',
        'use_frame_special_tokens': frame_tokens,
        'video_use_col_tokens': column_tokens,
    }
    files = {'processor_config.json': processor}
    if nested:
        processor |= {'image_processor': image, 'video_processor': frames}
    else:
        files |= {'preprocessor_config.json': image, 'video_preprocessor_config.json': frames}
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))


def write_network(
    folder: Path,
    *,
    base: int,
    size: int,
    seed: int,
    context: int,
    text: Mapping[str, Any] | None = None,
    tower: Mapping[str, Any] | None = None,
) -> None:
    """Random weights, wide enough that greedy answers vary; text and tower change the config."""
    import torch
    from transformers import GenerationConfig, Molmo2Config, Molmo2ForConditionalGeneration

    width = {'num_attention_heads': 4, 'head_dim': 8, 'hidden_size': 32}
    config = Molmo2Config(
        text_config={
            **width,
            'num_key_value_heads': 2,
            'num_hidden_layers': 2,
            'intermediate_size': 48,
            'vocab_size': base,
            'additional_vocab_size': 16,
            'max_position_embeddings': context,
            'rope_parameters': {'rope_type': 'default', 'rope_theta': 10000.0},
            **(text or {}),
        },
        vision_config={
            **width,
            'num_key_value_heads': 4,
            'num_hidden_layers': 3,
            'intermediate_size': 48,
            'image_size': [size, size],
            **(tower or {}),
        },
        adapter_config={
            **width,
            'num_key_value_heads': 4,
            'vision_feature_layer': [2, 0],
            'intermediate_size': 48,
            'text_hidden_size': (text or {}).get('hidden_size', 32),
        },
        **{
            name: base + VISUAL.index(token)
            for name, token in {
                'image_start_token_id': '<im_start>',
                'image_end_token_id': '<im_end>',
                'image_patch_id': '<im_patch>',
                'low_res_image_start_token_id': '<low_res_im_start>',
                'frame_start_token_id': '<frame_start>',
                'frame_end_token_id': '<frame_end>',
            }.items()
        },
    )
    torch.manual_seed(seed)
    network = Molmo2ForConditionalGeneration(config).float()
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim == 2:
                weight.normal_(std=1.2 / weight.shape[1] ** 0.5)
            elif text is not None:  # no two norms and biases alike
                weight.normal_(mean=weight.mean().item(), std=0.2)
        network.get_input_embeddings().weight.normal_(std=1.0)
    network.generation_config = GenerationConfig(bos_token_id=2, eos_token_id=2, pad_token_id=0)
    network.save_pretrained(folder)


@pytest.fixture(scope='session')
def make_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> MakeCheckpoint:
    """Write a new checkpoint folder; the keywords choose its layout."""

    def make(
        *,
        size: int = 84,
        frame_tokens: bool = False,
        column_tokens: bool = False,
        nested: bool = True,
        seed: int = 0,
        context: int = 1024,
        text: Mapping[str, Any] | None = None,
        tower: Mapping[str, Any] | None = None,
        **video: Any,
    ) -> Path:
        folder = tmp_path_factory.mktemp('checkpoint')
        base = write_tokenizer(folder)
        write_processor(
            folder,
            size=size,
            frame_tokens=frame_tokens,
            column_tokens=column_tokens,
            nested=nested,
            **video,
        )
        write_network(
            folder, base=base, size=size, seed=seed, context=context, text=text, tower=tower
        )
        return folder

    return make


@pytest.fixture(scope='session')
def checkpoint(make_checkpoint: MakeCheckpoint) -> Path:
    """The usual tiny checkpoint, laid out as released. Read only: copy it to change it."""
    return make_checkpoint(nested=False)


@pytest.fixture(scope='session')
def picture() -> Callable[[int, int, int], NDArray[np.uint8]]:
    """Make a (height, width, 3) picture of a seed: noise over a gradient."""

    def make(width: int, height: int, seed: int) -> NDArray[np.uint8]:
        noise = np.random.default_rng(seed).integers(0, 128, (height, width, 3))
        return (noise + np.linspace(0, 127, width)[None, :, None]).astype(np.uint8)

    return make


@pytest.fixture(scope='session')
def make_clip(picture: Callable[[int, int, int], NDArray[np.uint8]]) -> Callable[..., Clip]:
    """Make a clip of such pictures with these labels; `seed` is the first one's."""

    def make(seconds: Sequence[float], width: int = 64, height: int = 48, seed: int = 0) -> Clip:
        frames = tuple(
            Frame(round(label * 1e9), picture(width, height, seed + i))
            for i, label in enumerate(seconds)
        )
        return Clip('cam', frames, tuple(seconds), 0, round(1e9 * seconds[-1]), len(seconds))

    return make


@pytest.fixture(scope='session')
def run_reference(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Sequence[Mapping[str, Any]]], list[dict[str, NDArray[Any]]]]:
    """Run transformers' own processor (and model) on cases; see molmo2_reference.py."""

    def run(cases: Sequence[Mapping[str, Any]]) -> list[dict[str, NDArray[Any]]]:
        folder = tmp_path_factory.mktemp('reference')
        np.savez(folder / 'frames.npz', *[case['frames'] for case in cases])
        plain = [{k: v for k, v in case.items() if k != 'frames'} for case in cases]
        (folder / 'cases.json').write_text(json.dumps(plain))
        script = Path(__file__).with_name('molmo2_reference.py')
        done = subprocess.run(
            [sys.executable, script, folder], capture_output=True, text=True, check=False
        )
        if done.returncode == 3:
            pytest.skip(done.stdout.strip())
        assert done.returncode == 0, done.stderr
        with np.load(folder / 'answers.npz') as answers:
            return [
                {key.split('/')[1]: answers[key] for key in answers if key.startswith(f'{i}/')}
                for i in range(len(cases))
            ]

    return run
