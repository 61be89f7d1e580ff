# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small sound videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np

from tools.fuzz_recordings.bags import PICTURES
from tools.ordinary_priority import ordinary_priority


@ordinary_priority()
def write_video(folder: Path, codec: str, suffix: str, **options: str) -> Path:
    """A sample as one video. options: those of the encoder."""
    folder.mkdir()
    with av.open(str(folder / f'{folder.name}{suffix}'), 'w') as container:
        stream: Any = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.gop_size = 64, 48, 8
        stream.pix_fmt = 'rgb8' if codec == 'gif' else 'yuv420p'
        stream.options = {name.replace('_', '-'): value for name, value in options.items()}
        for number in range(PICTURES):
            pixels = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format='rgb24')))
        container.mux(stream.encode())
    return folder


WRITERS = {
    'video_mp4': lambda folder: write_video(folder, 'libx264', '.mp4'),
    'video_mkv': lambda folder: write_video(folder, 'libvpx-vp9', '.mkv'),
    'video_ts': lambda folder: write_video(folder, 'mpeg2video', '.ts'),
    'video_avi': lambda folder: write_video(folder, 'mpeg4', '.avi'),
    'video_h265': lambda folder: write_video(
        folder, 'libx265', '.mov', x265_params='log-level=none'
    ),
    'video_av1': lambda folder: write_video(folder, 'libsvtav1', '.webm', preset='12'),
    'video_gif': lambda folder: write_video(folder, 'gif', '.gif'),
}
