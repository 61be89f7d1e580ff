# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small sound LeRobot data sets, laid out as lerobot writes them (v2.1, v3.0)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

EPISODES, FRAMES, FPS = 3, 24, 10
VIDEO_KEY, IMAGE_KEY = 'observation.images.top', 'observation.images.wrist'
_WIDTH, _HEIGHT = 64, 48


def picture(episode: int, frame: int) -> np.ndarray:
    """(H, W, 3) RGB: the red tells the episode, the green the frame."""
    pixels = np.zeros((_HEIGHT, _WIDTH, 3), np.uint8)
    pixels[:] = (60 * (episode % 3) + 40, 8 * frame + 20, 90)
    return pixels


def write_v3(folder: Path, *, episodes: int = EPISODES) -> Path:
    """A data set of v3.0: all episodes in one file of each kind."""
    rows = [_row(episode, frame) for episode in range(episodes) for frame in range(FRAMES)]
    _write_table(folder / 'data/chunk-000/file-000.parquet', rows)
    _write_video(folder / f'videos/{VIDEO_KEY}/chunk-000/file-000.mp4', list(range(episodes)))
    lines = [
        {
            **_episode(episode),
            'data/chunk_index': 0,
            'data/file_index': 0,
            'dataset_from_index': episode * FRAMES,
            'dataset_to_index': (episode + 1) * FRAMES,
            f'videos/{VIDEO_KEY}/chunk_index': 0,
            f'videos/{VIDEO_KEY}/file_index': 0,
            f'videos/{VIDEO_KEY}/from_timestamp': episode * FRAMES / FPS,
            f'videos/{VIDEO_KEY}/to_timestamp': (episode + 1) * FRAMES / FPS,
            'stats/action/max': [1.0],
        }
        for episode in range(episodes)
    ]
    _write_table(folder / 'meta/episodes/chunk-000/file-000.parquet', lines)
    _write_info(folder, 'v3.0', episodes)
    return folder


def write_v21(folder: Path, *, episodes: int = EPISODES) -> Path:
    """A data set of v2.1: a file of each kind for each episode."""
    for episode in range(episodes):
        rows = [_row(episode, frame) for frame in range(FRAMES)]
        _write_table(folder / f'data/chunk-000/episode_{episode:06d}.parquet', rows)
        name = f'videos/chunk-000/{VIDEO_KEY}/episode_{episode:06d}.mp4'
        _write_video(folder / name, [episode])
    _write_info(folder, 'v2.1', episodes)
    lines = (json.dumps(_episode(episode)) for episode in range(episodes))
    (folder / 'meta/episodes.jsonl').write_text('\n'.join(lines) + '\n')
    return folder


def _episode(episode: int) -> dict[str, Any]:
    return {'episode_index': episode, 'tasks': ['Pick the cube'], 'length': FRAMES}


def _row(episode: int, frame: int) -> dict[str, Any]:
    image = cv2.cvtColor(picture(episode, frame), cv2.COLOR_RGB2BGR)
    png = cv2.imencode('.png', image)[1].tobytes()
    return {
        IMAGE_KEY: {'bytes': png, 'path': None},
        'action': [0.0, float(frame)],
        'timestamp': np.float32(frame / FPS),
        'frame_index': frame,
        'episode_index': episode,
        'index': episode * FRAMES + frame,
        'task_index': 0,
    }


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=FRAMES)


def _write_video(path: Path, episodes: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream: Any = container.add_stream('libx264', rate=FPS)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = _WIDTH, _HEIGHT, 'yuv420p', 2
        for episode in episodes:
            for frame in range(FRAMES):
                image = av.VideoFrame.from_ndarray(picture(episode, frame), format='rgb24')
                container.mux(stream.encode(image))
        container.mux(stream.encode())


def _write_info(folder: Path, version: str, episodes: int) -> None:
    is_old = version == 'v2.1'
    chunk, number = (
        ('{episode_chunk:03d}', 'episode_{episode_index:06d}')
        if is_old
        else ('{chunk_index:03d}', 'file-{file_index:03d}')
    )
    video = f'chunk-{chunk}/{{video_key}}' if is_old else f'{{video_key}}/chunk-{chunk}'
    shape = [_HEIGHT, _WIDTH, 3]
    names = ['height', 'width', 'channels']
    numbers = ('frame_index', 'episode_index', 'index', 'task_index')
    info = {
        'codebase_version': version,
        'robot_type': 'so101',
        'total_episodes': episodes,
        'total_frames': episodes * FRAMES,
        'total_tasks': 1,
        'chunks_size': 1000,
        'fps': FPS,
        'splits': {'train': f'0:{episodes}'},
        'data_path': f'data/chunk-{chunk}/{number}.parquet',
        'video_path': f'videos/{video}/{number}.mp4',
        'features': {
            VIDEO_KEY: {'dtype': 'video', 'shape': shape, 'names': names},
            IMAGE_KEY: {'dtype': 'image', 'shape': shape, 'names': names},
            'action': {'dtype': 'float32', 'shape': [2], 'names': ['x', 'y']},
            'timestamp': {'dtype': 'float32', 'shape': [1], 'names': None},
            **{name: {'dtype': 'int64', 'shape': [1], 'names': None} for name in numbers},
        },
    }
    (folder / 'meta').mkdir(parents=True, exist_ok=True)
    (folder / 'meta/info.json').write_text(json.dumps(info, indent=4))


WRITERS = {'lerobot_v3': write_v3, 'lerobot_v21': write_v21}
