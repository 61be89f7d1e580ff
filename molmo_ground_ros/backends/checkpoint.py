# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A model's name to a folder whose files are all there. Loads no weights and runs no code of it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmo_ground_ros.backends.pixels import PixelConfig
from molmo_ground_ros.errors import BadModel

_WANTED = ['*.json', '*.safetensors', '*.jinja', '*.txt']  # no *.py, no *.bin
_BILINEAR = 2  # PIL's number


@dataclass(frozen=True, slots=True)
class FrameTokens:
    """Which special tokens stand for one video frame in the prompt."""

    start: str
    end: str
    columns: bool  # <im_col> after each row


def find_folder(model: str) -> Path:
    """The folder of a model named by a path or by a hub id (`owner/name`).

    A hub id is fetched into the hub's cache, or only looked up there where HF_HUB_OFFLINE is set.
    Raises BadModel with one line that says what to do.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return path
    local = path.is_absolute() or model.startswith(('.', '~')) or Path(path.parts[0]).is_dir()
    if local or model.count('/') != 1:
        raise BadModel(model, 'no such folder, and not a hub id (owner/name)')
    return _from_hub(model)


def check_files(model: str, folder: Path) -> None:
    """Raise BadModel naming exactly the files that are missing, or the wrong architecture."""
    if missing := _missing(folder):
        raise BadModel(model, f'missing in {folder}: {", ".join(missing)}{_other_weights(folder)}')
    found = read_json(model, folder / 'config.json').get('model_type')
    if found != 'molmo2':
        raise BadModel(model, f"config.json says model_type {found!r}, not 'molmo2'")


def read_processor(model: str, folder: Path) -> tuple[PixelConfig, FrameTokens]:
    """What processor_config.json says of frames, and of the tokens that stand for them.

    The video part is nested in it (as transformers 5 saves it) or in video_preprocessor_config.json
    beside it (as released). A key left out means what it means to transformers 5.23: see
    Molmo2Processor.__init__ and Molmo2VideoProcessor. There, no `do_rescale` or `do_normalize` is
    a silent no, so a hand-made file without them gets raw pixels here as well.
    """
    processor = read_json(model, folder / 'processor_config.json')
    video = processor.get('video_processor')
    if video is None:
        video = read_json(model, folder / 'video_preprocessor_config.json')
    framed = 'frame' if processor.get('use_frame_special_tokens', True) else 'im'
    tokens = FrameTokens(
        f'<{framed}_start>', f'<{framed}_end>', bool(processor.get('video_use_col_tokens'))
    )
    try:
        return _pixel_config(video), tokens
    except (ValueError, TypeError, KeyError) as err:
        raise BadModel(model, f'its video processor cannot be used: {err!r}') from err


def read_json(model: str, path: Path) -> dict[str, Any]:
    """A JSON object from a file of the model. Raises BadModel."""
    try:
        found = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as err:
        raise BadModel(model, f'cannot read {path.name}: {err}') from err
    if not isinstance(found, dict):
        raise BadModel(model, f'{path.name} holds {type(found).__name__}, not an object')
    return found


def _pixel_config(video: dict[str, Any]) -> PixelConfig:
    """Molmo2VideoProcessor's settings; raises ValueError for one that we do not have."""
    size, patch = video.get('size', {'height': 378, 'width': 378}), int(video.get('patch_size', 14))
    if video.get('resample', _BILINEAR) != _BILINEAR:
        raise ValueError(f'resample {video["resample"]} is not bilinear')
    if size['height'] != size['width'] or size['height'] % patch or size['height'] < patch:
        raise ValueError(f'size {size} is not a square of {patch} pixel patches')
    pool_h, pool_w = video.get('pooling_size', (3, 3))
    return PixelConfig(
        size=int(size['height']),
        patch_size=patch,
        pooling=(int(pool_h), int(pool_w)),
        rescale_factor=video.get('rescale_factor', 1 / 255) if video.get('do_rescale') else None,
        mean=_channels(video.get('image_mean', 0.5)) if video.get('do_normalize') else None,
        std=_channels(video.get('image_std', 0.5)),
    )


def _channels(value: float | list[float]) -> tuple[float, float, float]:
    red, green, blue = value if isinstance(value, list) else [value] * 3
    return float(red), float(green), float(blue)


def _missing(folder: Path) -> list[str]:
    """Names of needed files that are not in the folder."""

    def lacks(name: str) -> bool:
        return not (folder / name).is_file()

    missing = [name for name in ('config.json', 'processor_config.json') if lacks(name)]
    if 'processor_config.json' not in missing and lacks('video_preprocessor_config.json'):
        processor = read_json(str(folder), folder / 'processor_config.json')
        missing += [] if 'video_processor' in processor else ['video_preprocessor_config.json']
    if lacks('tokenizer.json') and (lacks('vocab.json') or lacks('merges.txt')):
        missing.append('tokenizer.json')
    if lacks('model.safetensors.index.json'):
        return missing + ['model.safetensors'] * lacks('model.safetensors')
    shards = read_json(str(folder), folder / 'model.safetensors.index.json').get('weight_map', {})
    return missing + sorted({name for name in shards.values() if lacks(name)})


def _other_weights(folder: Path) -> str:
    """A hint where only weights of a kind that can run code are there."""
    found = sorted(path.name for path in folder.glob('*.bin'))
    return f' ({found[0]} is there, but only safetensors are loaded)' if found else ''


def _from_hub(model: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    offline = os.environ.get('HF_HUB_OFFLINE', '').upper() in ('1', 'ON', 'YES', 'TRUE')
    try:
        found = snapshot_download(model, allow_patterns=_WANTED, local_files_only=offline)
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as err:
        state = 'HF_HUB_OFFLINE is set' if offline else f'{type(err).__name__} from the hub'
        raise BadModel(
            model,
            f'no such folder, not in the hub cache, and {state}; fetch it where there is a '
            f'network: hf download {model}',
        ) from err
    return Path(found)
