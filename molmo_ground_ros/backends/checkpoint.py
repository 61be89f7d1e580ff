# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Finds a model's folder by its name, checks its files, and reads its processor's configuration.

Loads no weights and runs no code from the folder.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molmo_ground_ros.backends.pixels import PixelConfig
from molmo_ground_ros.errors import BadModel

# The files that are fetched from the hub. Neither *.py nor *.bin: both can run code.
_HUB_FILES = ['*.json', '*.safetensors', '*.jinja', '*.txt']
# What config.json calls the two kinds of models.
MOLMO2, MOLMO_POINT = 'molmo2', 'molmo_point'
NOT_FOR_MOLMO_POINT = (
    'MolmoPoint runs on the backends torch and onnx alone: it points with tokens of its own '
    f'instead of text (config.json says model_type {MOLMO_POINT!r})'
)
# PIL's number of bilinear resampling.
_BILINEAR = 2


@dataclass(frozen=True, slots=True)
class FrameTokens:
    """The special tokens of one video frame in the prompt.

    start, end: the tokens before and after the patches. columns: whether <im_col> ends each row.
    """

    start: str
    end: str
    columns: bool


def find_folder(model: str) -> Path:
    """The folder of a model, named by a path or by a hub id (`owner/name`).

    A model named by a hub id is fetched into the hub's cache. Where HF_HUB_OFFLINE is set it is
    only looked up there. Raises BadModel, whose message says what to do.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return path
    local = path.is_absolute() or model.startswith(('.', '~')) or Path(path.parts[0]).is_dir()
    if local or model.count('/') != 1:
        raise BadModel(model, 'no such folder, and not a hub id (owner/name)')
    return _from_hub(model)


def is_molmo_point(model: str, folder: Path) -> bool:
    """Whether a folder holds a checkpoint of MolmoPoint. False where there is no config.json.

    Raises BadModel for one that cannot be read.
    """
    path = folder / 'config.json'
    return path.is_file() and read_json(model, path).get('model_type') == MOLMO_POINT


def check_any_files(model: str, folder: Path) -> None:
    """As `check_files`, for Molmo2 or MolmoPoint."""
    check_files(model, folder, MOLMO_POINT if is_molmo_point(model, folder) else MOLMO2)


def check_files(model: str, folder: Path, model_type: str = MOLMO2) -> None:
    """Raise BadModel that names the missing files, or another model than this `model_type`.

    MolmoWeb's files say that they are Molmo2's, so it is recognised by its name: that by which the
    model is called, that of its folder or of the hub's cache, or the one in config.json.
    """
    if missing := _missing(folder):
        raise BadModel(model, f'missing in {folder}: {", ".join(missing)}{_other_weights(folder)}')
    config = read_json(model, folder / 'config.json')
    if relative := _relative_of_molmo2(model, folder, config):
        raise BadModel(model, relative)
    named = config.get('model_type')
    if named != model_type:
        if named == MOLMO_POINT:
            raise BadModel(model, NOT_FOR_MOLMO_POINT)
        raise BadModel(model, f'config.json says model_type {named!r}, not {model_type!r}')
    adapter = config.get('adapter_config')
    # transformers 5.23 does not read this key; the released code pools differently where it is off
    # (molmo2 f3cb108, olmo/hf_model/modeling_molmo2.py). A missing key means True to transformers.
    if isinstance(adapter, dict) and adapter.get('pooling_attention_mask', True) is not True:
        mask = adapter['pooling_attention_mask']
        raise BadModel(model, f'adapter_config: pooling_attention_mask is {mask!r}, known is True')


def read_processor(model: str, folder: Path) -> tuple[PixelConfig, FrameTokens]:
    """Read from a checkpoint how frames become patches, and which tokens stand for a frame.

    The video's part is nested in processor_config.json (as transformers 5 saves it) or lies in
    video_preprocessor_config.json beside it (as released). A missing key means what it means to
    transformers 5.23 (Molmo2Processor.__init__, Molmo2VideoProcessor): in particular, pixels are
    neither rescaled nor normalised where `do_rescale` or `do_normalize` is missing.
    Raises BadModel for a file that cannot be read or used.
    """
    processor = read_json(model, folder / 'processor_config.json')
    video = _video_part(model, folder, processor)
    framed = 'frame' if processor.get('use_frame_special_tokens', True) else 'im'
    tokens = FrameTokens(
        f'<{framed}_start>', f'<{framed}_end>', bool(processor.get('video_use_col_tokens'))
    )
    try:
        return _pixel_config(video), tokens
    except (ValueError, TypeError, KeyError) as err:
        raise BadModel(model, f'its video processor cannot be used: {err!r}') from err


def longest_clip(model: str) -> tuple[int, float] | None:
    """Frames and frames a second of the longest clips that a model was trained on, if it says so.

    They are `num_frames` and `max_fps` of the video's part of a processor's configuration. None
    where there is no such file on this machine, or one of them is missing. Raises BadModel.
    """
    video = _local_video_part(model)
    frames, rate = video.get('num_frames'), video.get('max_fps')
    if frames is None or rate is None:
        return None
    try:
        frames, rate = int(frames), float(rate)
    except (ValueError, TypeError) as err:
        raise BadModel(model, f'its video processor cannot be used: {err!r}') from err
    if frames < 2 or not 0 < rate < math.inf:
        raise BadModel(model, f'no clip has num_frames {frames} at max_fps {rate:g}')
    return frames, rate


def has_track_rule(model: str) -> bool:
    """Whether a model was trained on frames for tracks of a rate of their own: `TrackRule`.

    The released checkpoints name `sampling_fps`, which in Molmo2's own processor belongs to its
    mode `fps` alone: the rate that all rates for tracks are multiples of. A model that was trained
    on the frames of every other question does not name it, nor does one on a server. Raises
    BadModel.
    """
    return _local_video_part(model).get('sampling_fps') is not None


def _local_video_part(model: str) -> dict[str, Any]:
    """The video's part of the configuration in a folder or the hub's cache; empty without one."""
    folder = Path(model).expanduser()
    if not folder.is_dir() and model.count('/') == 1:
        folder = _cached_folder(model) or folder
    if not (folder / 'processor_config.json').is_file():
        return {}
    return _video_part(model, folder, read_json(model, folder / 'processor_config.json'))


def _cached_folder(model: str) -> Path | None:
    """The folder of a hub id in the hub's cache. Asks no network."""
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ModuleNotFoundError:
        return None
    try:
        cached = try_to_load_from_cache(model, 'processor_config.json')
    except HFValidationError:
        return None
    return Path(cached).parent if isinstance(cached, str) else None


def _video_part(model: str, folder: Path, processor: dict[str, Any]) -> dict[str, Any]:
    """See read_processor."""
    video = processor.get('video_processor')
    if video is None:
        video = read_json(model, folder / 'video_preprocessor_config.json')
    if not isinstance(video, dict):
        raise BadModel(model, f'video_processor is {type(video).__name__}, not an object')
    return video


def read_json(model: str, path: Path) -> dict[str, Any]:
    """Read a file of the model that holds a JSON object. Raises BadModel."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as err:
        raise BadModel(model, f'cannot read {path.name}: {err}') from err
    if not isinstance(content, dict):
        raise BadModel(model, f'{path.name} holds {type(content).__name__}, not an object')
    return content


def _pixel_config(video: dict[str, Any]) -> PixelConfig:
    """The settings of Molmo2VideoProcessor. Raises ValueError for one that `pixels` lacks."""
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
    """The names of the needed files that are missing from the folder."""

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


def _relative_of_molmo2(model: str, folder: Path, config: dict[str, Any]) -> str:
    """Why a model of the same family cannot be run, '' for Molmo2 itself."""
    architectures = config.get('architectures')
    path = folder.resolve()
    names = [Path(model).name, path.name, config.get('_name_or_path')]
    # The hub's cache has a folder models--OWNER--NAME above a snapshot.
    names += [part for part in path.parts if part.startswith('models--')]
    names += architectures if isinstance(architectures, list) else []
    plain = (str(name).lower().replace('-', '').replace('_', '') for name in names)
    if any('molmoweb' in name for name in plain):
        return (
            'MolmoWeb is not supported: its config.json says Molmo2, but it was trained with '
            'causal attention over images, and for web pages; use allenai/Molmo2-4B'
        )
    return ''


def _other_weights(folder: Path) -> str:
    """A hint for a folder that holds weights as *.bin, which are not loaded: they can run code."""
    binaries = sorted(path.name for path in folder.glob('*.bin'))
    return f' ({binaries[0]} is there, but only safetensors are loaded)' if binaries else ''


def _from_hub(model: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    offline = os.environ.get('HF_HUB_OFFLINE', '').upper() in ('1', 'ON', 'YES', 'TRUE')
    try:
        folder = snapshot_download(model, allow_patterns=_HUB_FILES, local_files_only=offline)
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as err:
        state = 'HF_HUB_OFFLINE is set' if offline else f'{type(err).__name__} from the hub'
        raise BadModel(
            model,
            f'no such folder, not in the hub cache, and {state}; fetch it where there is a '
            f'network: hf download {model}',
        ) from err
    return Path(folder)
