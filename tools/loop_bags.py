# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Command: bags of any length and number, from the pictures of the bag that ships.

The simulator's pictures, 640x480 JPEG, come over and over on one topic. Every bag begins with
another picture and at another stamp, so that each is a recording of its own.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from molmo_ground_ros.recording import open_recording

BAG = Path(__file__).resolve().parents[1] / 'examples' / 'tabletop.mcap'
TOPIC = '/camera/image/compressed'
FIRST_NS = 1_700_000_000 * 10**9
# What lies between the first stamps of two bags.
_APART_NS = 3600 * 10**9
_LATENCY_NS = 5_000_000


def write_loops(folder: Path, count: int, seconds: float, rate_hz: float) -> None:
    """Write bag_000.mcap and so on. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with open_recording([BAG]) as recording:
        pictures = [bytes(message.image.data) for message in recording.messages()]
    for number in range(count):
        write_loop(folder / f'bag_{number:03}.mcap', pictures, seconds, rate_hz, number=number)


def write_loop(
    path: Path,
    encoded: Sequence[bytes],
    seconds: float,
    rate_hz: float,
    *,
    image_format: str = 'jpeg',
    number: int = 0,
    zstd: bool = False,
) -> None:
    """Write one MCAP file of `CompressedImage`, which hold `encoded` in turn.

    number: of the bag; another has other stamps and another beginning.
    """
    from mcap.writer import CompressionType, Writer

    messages = _messages(encoded, image_format, seconds, rate_hz, number)
    with path.open('wb') as file:
        writer = Writer(file, compression=CompressionType.ZSTD if zstd else CompressionType.NONE)
        writer.start(profile='ros2')
        schema = writer.register_schema('sensor_msgs/msg/CompressedImage', 'ros2msg', b'')
        channel = writer.register_channel(TOPIC, 'cdr', schema)
        for at_ns, message in messages:
            writer.add_message(channel, at_ns, message, at_ns)
        writer.finish()


def _messages(
    encoded: Sequence[bytes], image_format: str, seconds: float, rate_hz: float, number: int
) -> Iterator[tuple[int, bytes]]:
    """(log time, message) of a camera, with header stamps 5 ms before."""
    from rosbags.typesys import Stores, get_typestore

    types: Any = get_typestore(Stores.ROS2_JAZZY)
    kind = types.types['sensor_msgs/msg/CompressedImage']
    time, header = types.types['builtin_interfaces/msg/Time'], types.types['std_msgs/msg/Header']
    for place in range(round(seconds * rate_hz)):
        stamp = FIRST_NS + number * _APART_NS + round(place * 1e9 / rate_hz)
        message = kind(
            header=header(time(stamp // 10**9, stamp % 10**9), 'camera'),
            format=image_format,
            data=np.frombuffer(encoded[(number + place) % len(encoded)], np.uint8),
        )
        yield stamp + _LATENCY_NS, bytes(types.serialize_cdr(message, kind.__msgtype__))


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('folder', type=Path)
    parser.add_argument('--bags', type=int, default=200)
    parser.add_argument('--seconds', type=float, default=60.0, help='of each')
    parser.add_argument('--rate', type=float, default=10.0, help='pictures a second')
    options = parser.parse_args(arguments)
    write_loops(options.folder, options.bags, options.seconds, options.rate)
    return 0


if __name__ == '__main__':
    sys.exit(main())
