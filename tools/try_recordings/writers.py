# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes a film as other programs would: rosbags, FFmpeg's encoders, and Foxglove's own SDK."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_typestore

from tools.ordinary_priority import ordinary_priority
from tools.try_recordings.film import FPS, SceneFilm

_KIND = 'sensor_msgs/msg/CompressedImage'
_TOPIC = '/camera/image/compressed'


def write_ros1_bag(film: SceneFilm, path: Path) -> None:
    """A ROS 1 bag, packed with LZ4."""
    types = get_typestore(Stores.ROS1_NOETIC)
    time, header, message = (
        types.types[name] for name in ('builtin_interfaces/msg/Time', 'std_msgs/msg/Header', _KIND)
    )
    writer = Writer(path)
    writer.set_compression(Writer.CompressionFormat.LZ4)
    with writer:
        link = writer.add_connection(_TOPIC, _KIND, typestore=types)
        for number, stamp_ns in enumerate(film.stamps.tolist()):
            stamp = time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
            head = header(seq=number, stamp=stamp, frame_id='camera')
            data = np.frombuffer(film.jpegs[number], np.uint8)
            image = message(header=head, format='jpeg', data=data)
            writer.write(link, stamp_ns + 2_000_000, types.serialize_ros1(image, _KIND))


def write_turned_mp4(film: SceneFilm, path: Path) -> None:
    """H.264 with B-frames, of a camera that hangs on its side: a player turns it back."""
    options = {'preset': 'veryfast', 'crf': '18', 'x264-params': 'bframes=3:b-adapt=0'}
    _write_video(film, path, 'libx264', options, turned=True)


def write_av1_mp4(film: SceneFilm, path: Path) -> None:
    """AV1."""
    _write_video(film, path, 'libsvtav1', {'preset': '10', 'crf': '20'}, turned=False)


def write_foxglove_mcap(film: SceneFilm, path: Path) -> None:
    """CompressedImage in protobuf, by foxglove-sdk."""
    import foxglove
    from foxglove.channels import CompressedImageChannel
    from foxglove.messages import CompressedImage, Timestamp

    with foxglove.open_mcap(str(path)):
        channel = CompressedImageChannel(_TOPIC)
        for stamp_ns, jpeg in zip(film.stamps.tolist(), film.jpegs, strict=True):
            stamp = Timestamp(stamp_ns // 10**9, stamp_ns % 10**9)
            message = CompressedImage(timestamp=stamp, frame_id='camera', data=jpeg, format='jpeg')
            channel.log(message, log_time=stamp_ns + 2_000_000)
        channel.close()


@ordinary_priority()
def _write_video(
    film: SceneFilm, path: Path, codec: str, options: dict[str, str], *, turned: bool
) -> None:
    with av.open(str(path), 'w') as container:
        stream: Any = container.add_stream(codec, rate=FPS, options=options)
        pixels = film.pixels(0)
        height, width = pixels.shape[1::-1] if turned else pixels.shape[:2]
        stream.height, stream.width, stream.pix_fmt = height, width, 'yuv420p'
        stream.codec_context.time_base = Fraction(1, FPS)
        stream.codec_context.max_b_frames = 3 if turned else 0
        if turned:
            stream.set_display_rotation(90)
        for number in range(len(film.jpegs)):
            pixels = film.pixels(number)
            # The player turns by 90 degrees counter-clockwise what was turned clockwise.
            shot = np.ascontiguousarray(np.rot90(pixels, -1)) if turned else pixels
            frame = av.VideoFrame.from_ndarray(shot, format='rgb24')
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
