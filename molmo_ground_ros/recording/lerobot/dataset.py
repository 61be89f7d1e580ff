# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the folder meta/ of a LeRobot data set says: its episodes, cameras and files.

v3.0 keeps many episodes in a file and says in meta/episodes/*.parquet where each begins; v2.0 and
v2.1 keep a file for each episode. The layout is that of lerobot 7427f318 (datasets/utils.py, and
scripts/convert_dataset_v21_to_v30.py for the older one).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from molmo_ground_ros.errors import BagError
from molmo_ground_ros.recording.lerobot.tables import read_columns
from molmo_ground_ros.recording.loss import LossKind, LossLog

INFO = 'meta/info.json'
_EPISODES, _OLD_EPISODES = 'meta/episodes', 'meta/episodes.jsonl'
_OLD_DATA = 'data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet'
_DATA = 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
_OLD_VIDEO = 'videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4'
_VIDEO = 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4'
_OLD_CHUNK = 1000  # episodes of a chunk
_TEXT_LIMIT = 1 << 28  # bytes of a file of JSON
_LATEST_S = 1e9  # of a time in a file
_MOST_EPISODES = 1 << 24
_FIELD = re.compile(r'\{(\w+)(?::0?(\d{1,2})d)?\}')


@dataclass(frozen=True, slots=True)
class LerobotCamera:
    """A feature of pictures."""

    key: str
    is_video: bool  # or images in the data files
    shape: tuple[int, ...]  # as the data set states it


@dataclass(frozen=True, slots=True)
class VideoPart:
    """Where a video of an episode begins."""

    path: Path  # below the root
    from_s: float


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode, as the metadata states it."""

    number: int
    length: int  # frames
    data: Path  # below the root
    videos: Mapping[str, VideoPart]  # by camera


@dataclass(frozen=True, slots=True)
class LerobotDataset:
    """A data set's metadata. Its paths are relative to `root`."""

    root: Path
    info: Mapping[str, Any]  # meta/info.json
    fps: float
    cameras: tuple[LerobotCamera, ...]
    depth: tuple[str, ...]  # the features that hold depth, which are not among the cameras
    episodes: Mapping[int, Episode]  # by number

    @property
    def is_old(self) -> bool:
        """Whether it is of v2: a file for each episode."""
        return _is_old(self.info)


def is_dataset(path: Path) -> bool:
    """Whether a folder is a LeRobot data set."""
    return (path / INFO).is_file() and ((path / 'data').is_dir() or (path / 'videos').is_dir())


def topic_of(episode: int, camera: str) -> str:
    """The name of a camera of an episode among the cameras of a recording."""
    return f'episode_{episode:06d}/{camera}'


def read_dataset(root: Path, losses: LossLog) -> LerobotDataset:
    """Read the metadata. Episodes that cannot be read are logged in `losses`.

    Raises BagError where there is none that can be read, MissingPackage.
    """
    path = root / INFO
    info = _json(path, path.read_bytes() if path.stat().st_size < _TEXT_LIMIT else b'')
    if not isinstance(info, dict) or not isinstance(info.get('features'), dict):
        raise BagError(str(path), 'it has no features')
    version = str(info.get('codebase_version', ''))
    if not re.match(r'v[23]\b', version):
        raise BagError(str(path), f"version '{version}' is not read: v2.0, v2.1 and v3.0 are")
    fps = _number(path, info, 'fps')
    if not 0 < fps < 1e6:
        raise BagError(str(path), f'fps is {fps}')
    cameras, depth = _cameras(info['features'])
    rows = _old_rows(root) if _is_old(info) else _rows(root, losses)
    episodes = dict[int, Episode]()
    for where, row in rows:
        try:
            episode = _episode(where, row, info, [c.key for c in cameras if c.is_video])
        except BagError as err:
            losses.add(LossKind.BAD_METADATA, detail=str(err))
            continue
        episodes.setdefault(episode.number, episode)
    if not episodes:
        why = losses.losses[0].detail if losses.losses else 'it states no episode'
        raise BagError(str(root), f'none of its episodes can be read: {why}')
    ordered = dict(sorted(episodes.items()))
    return LerobotDataset(root, info, fps, cameras, depth, ordered)


def _is_old(info: Mapping[str, Any]) -> bool:
    return str(info.get('codebase_version', '')).startswith('v2')


def _cameras(features: Mapping[str, Any]) -> tuple[tuple[LerobotCamera, ...], tuple[str, ...]]:
    """The features of pictures: those of colour, and the names of those of depth."""
    cameras, depth = list[LerobotCamera](), list[str]()
    for key, feature in features.items():
        kind = feature.get('dtype') if isinstance(feature, dict) else None
        if kind not in ('video', 'image'):
            continue
        notes = {**_dict(feature.get('video_info')), **_dict(feature.get('info')), **feature}
        if notes.get('is_depth_map') or notes.get('video.is_depth_map'):
            depth.append(key)
        else:
            shape = feature.get('shape')
            sizes = shape if isinstance(shape, list) else []
            numbers = tuple(size for size in sizes if isinstance(size, int))
            cameras.append(LerobotCamera(key, kind == 'video', numbers))
    return tuple(cameras), tuple(depth)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _rows(root: Path, losses: LossLog) -> Iterator[tuple[Path, dict[str, Any]]]:
    """(file, row) of each episode of v3.0."""
    for path in sorted((root / _EPISODES).glob('*/*.parquet')):
        try:
            rows = read_columns(path).to_pylist()
        except BagError as err:
            losses.add(LossKind.UNREADABLE, detail=str(err))
            continue
        yield from ((path, row) for row in rows)


def _old_rows(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """(file, row) of each episode of v2."""
    path = root / _OLD_EPISODES
    if not path.is_file():
        raise BagError(str(path), 'it is missing')
    with path.open('rb') as file:
        for line in file.read(_TEXT_LIMIT).splitlines():
            if line.strip():
                yield path, _dict(_json(path, line))


def _episode(
    path: Path, row: Mapping[str, Any], info: Mapping[str, Any], videos: list[str]
) -> Episode:
    """An episode by its row in the metadata. Raises BagError."""
    number, length = (_whole(path, row, name) for name in ('episode_index', 'length'))
    if _is_old(info):
        chunk = number // max(_whole(path, {'chunks_size': _OLD_CHUNK, **info}, 'chunks_size'), 1)
        fields: dict[str, object] = {'episode_index': number, 'episode_chunk': chunk}
        data = _file(path, info.get('data_path') or _OLD_DATA, fields)
        parts = {
            key: VideoPart(
                _file(path, info.get('video_path') or _OLD_VIDEO, {**fields, 'video_key': key}), 0.0
            )
            for key in videos
        }
        return Episode(number, length, data, parts)
    data = _file(path, info.get('data_path') or _DATA, _place(path, row, 'data'))
    parts = {}
    for key in videos:
        fields = {**_place(path, row, f'videos/{key}'), 'video_key': key}
        from_s = _number(path, row, f'videos/{key}/from_timestamp')
        parts[key] = VideoPart(_file(path, info.get('video_path') or _VIDEO, fields), from_s)
    return Episode(number, length, data, parts)


def _place(path: Path, row: Mapping[str, Any], of: str) -> dict[str, object]:
    return {name: _whole(path, row, f'{of}/{name}') for name in ('chunk_index', 'file_index')}


def _file(path: Path, template: object, fields: Mapping[str, object]) -> Path:
    """The path below the root that a template means. Raises BagError where it leads elsewhere."""

    def field(match: re.Match[str]) -> str:
        value = fields.get(match[1])
        if value is None:
            raise BagError(str(path), f"the path '{template}' has an unknown field '{match[1]}'")
        return str(value).zfill(int(match[2] or 0))

    filled = PurePosixPath(_FIELD.sub(field, str(template)))
    if filled.is_absolute() or '..' in filled.parts or '\0' in str(filled):
        raise BagError(str(path), f"the path '{filled}' leads out of the data set")
    return Path(filled)


def _json(path: Path, text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as err:
        raise BagError(str(path), f'it is no JSON: {err}') from err


def _whole(path: Path, values: Mapping[str, Any], name: str) -> int:
    """A whole number from 0 on. Raises BagError."""
    value = _number(path, values, name)
    if value != int(value) or not 0 <= value < _MOST_EPISODES:
        raise BagError(str(path), f'{name} is {value}')
    return int(value)


def _number(path: Path, values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BagError(str(path), f'{name} is no number')
    if not math.isfinite(value) or abs(value) > _LATEST_S:
        raise BagError(str(path), f'{name} is {value}')
    return float(value)
