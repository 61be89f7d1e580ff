# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The files beside config and weights, in either layout: processor, tokenizer, chat template, code.

Graphs and engines are not copied: they name places in the file of weights, which move.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from molmo_ground_ros.backends.checkpoint import read_json
from molmo_ground_ros.errors import BadModel, BadSetting

AUTO_MAP = {
    'AutoConfig': 'configuration_molmo2.Molmo2Config',
    'AutoModelForImageTextToText': 'modeling_molmo2.Molmo2ForConditionalGeneration',
}
_PROCESSOR, _IMAGE, _VIDEO, _TOKENIZER = (
    'processor_config.json',
    'preprocessor_config.json',
    'video_preprocessor_config.json',
    'tokenizer_config.json',
)
# Of the released code: the classes that a file's auto_map names.
_AUTO = {
    _PROCESSOR: {'AutoProcessor': 'processing_molmo2.Molmo2Processor'},
    _IMAGE: {
        'AutoImageProcessor': 'image_processing_molmo2.Molmo2ImageProcessor',
        'AutoProcessor': 'processing_molmo2.Molmo2Processor',
    },
    _VIDEO: {
        'AutoProcessor': 'processing_molmo2.Molmo2Processor',
        'AutoVideoProcessor': 'video_processing_molmo2.Molmo2VideoProcessor',
    },
}
# What the released processors take for a missing key is not what transformers takes. sampling_fps
# is left out: the released class itself has 2, and whether a file names it tells how the model was
# trained on tracks (`checkpoint.has_track_rule`).
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    _PROCESSOR: {
        'image_use_col_tokens': True,
        'use_frame_special_tokens': True,
        'use_single_crop_col_tokens': None,
        'use_single_crop_start_token': True,
        'video_use_col_tokens': False,
    },
    _IMAGE: {'max_crops': 8, 'overlap_margins': [4, 4], 'pooling_size': [2, 2]},
    _VIDEO: {
        'frame_sample_mode': 'uniform_last_frame',
        'max_fps': 2,
        'num_frames': 384,
    },
}
_PYTHON = (
    'configuration_molmo2.py',
    'image_processing_molmo2.py',
    'modeling_molmo2.py',
    'processing_molmo2.py',
    'video_processing_molmo2.py',
)
_REWRITTEN = ('config.json', 'model.safetensors.index.json', *_DEFAULTS)
_COPIED = ('*.json', '*.jinja', '*.txt', 'LICENSE*')
# The name that transformers 5 has for its tokenizers, and the one that every version knows.
_NEW_TOKENIZER, _OLD_TOKENIZER = 'TokenizersBackend', 'PreTrainedTokenizerFast'
# For a checkpoint without one. Source: allenai/molmo2 f3cb108, convert_molmo2_to_hf.py:35-129, of
# which this is the part for one question about one video.
_CHAT_TEMPLATE = """\
{%- for message in messages if message['content'] is not string -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}{{ '<|image|>' }}
{%- elif part['type'] == 'video' -%}{{ '<|video|>' }}{%- endif -%}
{%- endfor -%}
{%- endfor -%}
{%- for message in messages -%}
{{- '<|im_start|>' + message['role'] + '\\n' -}}
{%- if message['content'] is string -%}{{ message['content'] }}
{%- else -%}
{%- for part in message['content'] if part['type'] == 'text' -%}{{ part['text'] }}{%- endfor -%}
{%- endif -%}
{{- '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
"""


def python_files(folder: Path) -> list[Path]:
    """The files of Ai2's code in a folder. Raises BadSetting that names a missing one."""
    files = [folder / name for name in _PYTHON]
    if missing := [file.name for file in files if not file.is_file()]:
        raise BadSetting('code', str(folder), f'lacks {", ".join(missing)}')
    return files


def visual_ids(model: str, folder: Path) -> dict[str, int]:
    """The ids that the released config names and that of transformers does not."""
    if not (folder / 'tokenizer.json').is_file():
        raise BadModel(model, 'the released layout needs its tokenizer.json')
    added = read_json(model, folder / 'tokenizer.json').get('added_tokens', [])
    ids = {token['content']: int(token['id']) for token in added}
    names = {'image_col_id': '<im_col>', 'image_low_res_id': '<im_low>'}
    if missing := [token for token in names.values() if token not in ids]:
        raise BadModel(model, f'its tokenizer lacks {missing[0]}')
    return {key: ids[token] for key, token in names.items()}


def copy_files(
    model: str, folder: Path, out: Path, *, released: bool, code: Sequence[Path]
) -> None:
    """Write all files but config.json and the weights. Raises BadModel.

    code: files of Python to copy; with them, the files of the processor name their classes.
    """
    for path in _copied(folder):
        shutil.copyfile(path, out / path.name)
    for path in code:
        shutil.copyfile(path, out / path.name)
    for name, content in _processor(model, folder, released=released):
        auto = {'auto_map': _AUTO[name]} if code else {}
        write_json(out / name, {**content, **auto})
    tokenizer = folder / _TOKENIZER
    names = read_json(model, tokenizer) if tokenizer.is_file() else {}
    if names:
        write_json(out / _TOKENIZER, _tokenizer(names, released=released))
    own = ('chat_template.jinja', 'chat_template.json')
    if 'chat_template' not in names and not any((out / name).is_file() for name in own):
        (out / own[0]).write_text(_CHAT_TEMPLATE, encoding='utf-8')


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file as transformers does."""
    path.write_text(
        json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + '\n', encoding='utf-8'
    )


def _copied(folder: Path) -> Iterator[Path]:
    for pattern in _COPIED:
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and path.name not in (*_REWRITTEN, _TOKENIZER):
                yield path


def _processor(model: str, folder: Path, *, released: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """The files of the processor, as the layout has them: (name, content)."""
    processor = read_json(model, folder / _PROCESSOR)
    nested = {
        name: processor.pop(key, None)
        for name, key in ((_IMAGE, 'image_processor'), (_VIDEO, 'video_processor'))
    }
    contents = {_PROCESSOR: processor}
    for name, content in nested.items():
        if content is None and released and not (folder / name).is_file():
            raise BadModel(model, f'the released layout needs its {name}')
        if content is not None or (folder / name).is_file():
            contents[name] = content or read_json(model, folder / name)
    for name, content in contents.items():
        plain = {key: value for key, value in content.items() if key != 'auto_map'}
        yield name, {**_DEFAULTS[name], **plain} if released else plain


def _tokenizer(names: dict[str, Any], *, released: bool) -> dict[str, Any]:
    if not released or names.get('tokenizer_class') != _NEW_TOKENIZER:
        return {key: value for key, value in names.items() if released or key != 'auto_map'}
    plain = {key: value for key, value in names.items() if key != 'backend'}
    return {**plain, 'tokenizer_class': _OLD_TOKENIZER}
