# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small sound bags of ROS 1 and 2 with every storage and compression."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag1 import Writer as Rosbag1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from molmo_ground_ros.recording import COMPRESSED, RAW

PICTURES = 24  # of each camera of a sample
TOPIC, RAW_TOPIC = '/camera/image/compressed', '/camera/depth/image'
ZERO_NS = 1_700_000_000_000_000_000
PERIOD_NS = 100_000_000
CHUNK_BYTES = 3000  # so that a small file has several
_TYPES = get_typestore(Stores.ROS2_JAZZY)


def messages() -> Iterator[tuple[str, str, int, bytes]]:
    """(topic, type, log time, message) of every message of a sample."""
    types = _TYPES.types
    for number in range(PICTURES):
        stamp_ns = ZERO_NS + number * PERIOD_NS
        time_type, header_type = types['builtin_interfaces/msg/Time'], types['std_msgs/msg/Header']
        header = header_type(time_type(stamp_ns // 10**9, stamp_ns % 10**9), 'optical')
        pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)
        jpeg = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].reshape(-1)
        compressed = types[COMPRESSED](header, 'jpeg', jpeg)
        raw = types[RAW](header, 6, 8, '8UC1', 0, 8, np.full(48, number, np.uint8))
        for topic, kind, message in ((TOPIC, COMPRESSED, compressed), (RAW_TOPIC, RAW, raw)):
            yield topic, kind, stamp_ns + 1_000_000, bytes(_TYPES.serialize_cdr(message, kind))


def write_rosbags(folder: Path, storage: StoragePlugin, mode: CompressionMode) -> Path:
    """A sample as `rosbags` writes it."""
    writer = Writer(folder, version=9, storage_plugin=storage)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        links: dict[str, Any] = {}
        for topic, kind, log_ns, message in messages():
            if topic not in links:
                links[topic] = writer.add_connection(topic, kind, typestore=_TYPES)
            writer.write(links[topic], log_ns, message)
    return folder


def write_mcap(folder: Path, **options: Any) -> Path:
    """A sample as `mcap` writes it: small chunks with checksums."""
    folder.mkdir()
    with (folder / f'{folder.name}.mcap').open('wb') as file:
        writer = McapWriter(file, chunk_size=CHUNK_BYTES, **options)
        writer.start(profile='ros2')
        links: dict[str, int] = {}
        for topic, kind, log_ns, message in messages():
            if topic not in links:
                definition = _TYPES.generate_msgdef(kind, ros_version=2)[0].encode()
                schema = writer.register_schema(kind, 'ros2msg', definition)
                links[topic] = writer.register_channel(topic, 'cdr', schema)
            writer.add_message(links[topic], log_ns, message, log_ns)
        writer.finish()
    return folder


def write_rosbag1(folder: Path, compression: Rosbag1Writer.CompressionFormat | None) -> Path:
    """A sample as a ROS 1 bag with small chunks."""
    folder.mkdir()
    writer = Rosbag1Writer(folder / f'{folder.name}.bag')
    writer.chunk_threshold = CHUNK_BYTES
    if compression:
        writer.set_compression(compression)
    types = get_typestore(Stores.ROS1_NOETIC)
    with writer:
        links: dict[str, Any] = {}
        for topic, kind, log_ns, message in messages():
            if topic not in links:
                links[topic] = writer.add_connection(topic, kind, typestore=types)
            ros1 = _TYPES.cdr_to_ros1(message, kind)
            writer.write(links[topic], log_ns, ros1)
    return folder


_MCAP, _SQLITE = StoragePlugin.MCAP, StoragePlugin.SQLITE3
WRITERS = {
    'mcap': lambda folder: write_rosbags(folder, _MCAP, CompressionMode.NONE),
    'mcap_chunk_zstd': lambda folder: write_rosbags(folder, _MCAP, CompressionMode.STORAGE),
    'mcap_message_zstd': lambda folder: write_rosbags(folder, _MCAP, CompressionMode.MESSAGE),
    'mcap_file_zstd': lambda folder: write_rosbags(folder, _MCAP, CompressionMode.FILE),
    'mcap_crc': lambda folder: write_mcap(folder, compression=CompressionType.NONE),
    'mcap_crc_lz4': lambda folder: write_mcap(folder, compression=CompressionType.LZ4),
    'mcap_crc_zstd': lambda folder: write_mcap(folder, compression=CompressionType.ZSTD),
    'mcap_unchunked': lambda folder: write_mcap(folder, use_chunking=False),
    'sqlite': lambda folder: write_rosbags(folder, _SQLITE, CompressionMode.NONE),
    'sqlite_message_zstd': lambda folder: write_rosbags(folder, _SQLITE, CompressionMode.MESSAGE),
    'sqlite_file_zstd': lambda folder: write_rosbags(folder, _SQLITE, CompressionMode.FILE),
    'rosbag1': lambda folder: write_rosbag1(folder, None),
    'rosbag1_bz2': lambda folder: write_rosbag1(folder, Rosbag1Writer.CompressionFormat.BZ2),
    'rosbag1_lz4': lambda folder: write_rosbag1(folder, Rosbag1Writer.CompressionFormat.LZ4),
}
