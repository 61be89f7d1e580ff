# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Damage small recordings of every kind, videos too, and read what is left.

`python -m tools.fuzz_bags --cases 2000` reads each case in a child process that may take 1 GiB more
memory than it starts with, and a few seconds. A case is its number: the same one is the same bytes.
A case is bad if anything but a BagError or NoFrames is raised, if it takes longer or more, or if
pictures of a bag are missing and no loss is told. Most videos do not say how many they have.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag1 import Writer as Rosbag1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from molmo_ground_ros.errors import BagError, NoFrames
from molmo_ground_ros.recording import COMPRESSED, RAW, Loss, open_recording

PICTURES = 24  # of each camera of a sample
TOPIC, RAW_TOPIC = '/camera/image/compressed', '/camera/depth/image'
ZERO_NS = 1_700_000_000_000_000_000
PERIOD_NS = 100_000_000
MEMORY = 1 << 30  # bytes that a case may take
CASE_SECONDS = 20  # that a case may take
HEAD_BYTES = 4096  # of a file, in which `flip_head` changes some

_CHUNK_BYTES = 3000  # so that a small file has several
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
        writer = McapWriter(file, chunk_size=_CHUNK_BYTES, **options)
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
    writer.chunk_threshold = _CHUNK_BYTES
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


def write_video(folder: Path, codec: str, suffix: str) -> Path:
    """A sample as one video."""
    folder.mkdir()
    with av.open(str(folder / f'{folder.name}{suffix}'), 'w') as container:
        stream: Any = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, 'yuv420p', 8
        for number in range(PICTURES):
            pixels = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format='rgb24')))
        container.mux(stream.encode())
    return folder


_MCAP, _SQLITE = StoragePlugin.MCAP, StoragePlugin.SQLITE3
SAMPLES: dict[str, Callable[[Path], Path]] = {
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
    'video_mp4': lambda folder: write_video(folder, 'libx264', '.mp4'),
    'video_mkv': lambda folder: write_video(folder, 'libvpx-vp9', '.mkv'),
    'video_ts': lambda folder: write_video(folder, 'mpeg2video', '.ts'),
    'video_avi': lambda folder: write_video(folder, 'mpeg4', '.avi'),
}


def write_samples(folder: Path) -> list[Path]:
    """One bag of every kind, in the order of SAMPLES."""
    return [write(folder / name) for name, write in SAMPLES.items()]


def flip(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A few bytes changed."""
    for _ in range(int(rng.integers(1, 40))):
        data[int(rng.integers(len(data)))] ^= int(rng.integers(1, 256))
    return data


def cut(data: bytearray, rng: np.random.Generator) -> bytearray:
    """The end lost."""
    return data[: int(rng.integers(len(data)))]


def take_out(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A piece missing."""
    first, last = sorted(int(i) for i in rng.integers(len(data), size=2))
    return data[:first] + data[last:]


def blank(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A piece of zeros, as of a page that was never written."""
    first, last = sorted(int(i) for i in rng.integers(len(data), size=2))
    data[first:last] = bytes(last - first)
    return data


def take_out_block(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A block of 512 bytes, or some, missing or of zeros."""
    first = int(rng.integers(len(data))) // 512 * 512
    last = first + 512 * int(rng.integers(1, 9))
    blanked = bytes(min(last, len(data)) - first) if rng.integers(2) else b''
    return data[:first] + blanked + data[last:]


def repeat(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A piece twice."""
    first, last = sorted(int(i) for i in rng.integers(len(data), size=2))
    return data[:last] + data[first:last] + data[last:]


def flip_head(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A few bytes changed where headers and definitions stand."""
    for _ in range(int(rng.integers(1, 20))):
        data[int(rng.integers(min(len(data), HEAD_BYTES)))] = int(rng.integers(256))
    return data


def mangle_lengths(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A few numbers of four or eight bytes replaced by extreme ones."""
    for _ in range(int(rng.integers(1, 6))):
        at, size = int(rng.integers(len(data))), int(rng.choice([4, 8]))
        value = int(rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1]))
        data[at : at + size] = value.to_bytes(size, 'little' if rng.integers(2) else 'big')
    return data


DAMAGES = (flip, cut, take_out, blank, take_out_block, repeat, flip_head, mangle_lengths)


@dataclass(frozen=True)
class Case:
    """A damaged copy of a sample."""

    sample: str
    damages: tuple[str, ...]
    path: Path


def make_case(number: int, samples: list[Path], folder: Path) -> Case:
    """Case `number`, written under `folder`."""
    rng = np.random.default_rng(number)
    sample = samples[number % len(samples)]
    copy = folder / sample.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(sample, copy)
    (file,) = (path for path in copy.iterdir() if path.name != 'metadata.yaml')
    data = bytearray(file.read_bytes())
    damages = list[str]()
    for index in rng.integers(len(DAMAGES), size=int(rng.integers(1, 4))):
        if data:
            data = DAMAGES[int(index)](data, rng)
            damages.append(DAMAGES[int(index)].__name__)
    file.write_bytes(data)
    metadata = copy / 'metadata.yaml'
    what = int(rng.integers(4))
    if metadata.exists() and what == 0:
        metadata.unlink()
    elif metadata.exists() and what == 1:
        metadata.write_bytes(flip(bytearray(metadata.read_bytes()), rng))
    is_video = sample.name.startswith('video')
    return Case(sample.name, tuple(damages), file if is_video or rng.integers(4) == 0 else copy)


@dataclass(frozen=True)
class Outcome:
    """The result of reading a case.

    images: how many the reader lists. sampled: how many of the sampled ones were decoded.
    error: the text of a BagError where nothing could be read, else ''.
    """

    images: int
    sampled: int
    losses: tuple[Loss, ...]
    error: str


def read(path: Path) -> Outcome:
    """Read all that a question would need. Any other error than BagError is a fault."""
    try:
        with open_recording(path) as recording:
            sampled = 0
            for start_ns, end_ns in recording.windows():
                try:
                    sampled += len(recording.clip(start_ns, end_ns).frames)
                except NoFrames:
                    continue
            return Outcome(len(recording.stamps), sampled, recording.loss, '')
    except BagError as error:
        return Outcome(0, 0, (), str(error))


def verdict(outcome: Outcome, sample: str = '') -> str:
    """The fault of an outcome; '' if it has none."""
    if sample.startswith('video'):
        return ''
    silent = outcome.images < PICTURES and not outcome.losses and not outcome.error
    return 'pictures are missing and no loss is told' if silent else ''


def main() -> int:
    """Run the cases, print the figures; 1 if one is bad."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--cases', type=int, default=2000)
    parser.add_argument('--first', type=int, default=0, help='number of the first case')
    parser.add_argument('--child', default='', help=argparse.SUPPRESS)
    options = parser.parse_args()
    end = options.first + options.cases
    if options.child:
        return _child(options.first, end, Path(options.child))
    with tempfile.TemporaryDirectory() as folder:
        return _parent(options.first, end, Path(folder))


def _child(first: int, end: int, folder: Path) -> int:
    """Read the cases, with a line of JSON before and after each."""
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY,) * 2)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)  # libjpeg warns there
    samples = [folder / name for name in SAMPLES]
    for number in range(first, end):
        _tell(start=number)
        case = make_case(number, samples, folder / 'case')
        signal.alarm(CASE_SECONDS)  # ends the process
        began = time.perf_counter()
        try:
            outcome = read(case.path)
            bad = verdict(outcome, case.sample)
        except Exception as error:  # noqa: BLE001 - any error is a fault that is looked for
            outcome, bad = Outcome(0, 0, (), ''), f'{type(error).__name__}: {error}'
        signal.alarm(0)
        _tell(
            case=number,
            sample=case.sample,
            damages=case.damages,
            pictures=outcome.images,
            shown=outcome.sampled,
            losses=sorted({loss.kind.name for loss in outcome.losses}),
            error=bool(outcome.error),
            bad=bad,
            seconds=time.perf_counter() - began,
            peak_kib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        )
    return 0


def _address_space() -> int:
    """Bytes that this process has mapped."""
    pages = Path('/proc/self/statm').read_text().split()[0]
    return int(pages) * resource.getpagesize()


def _tell(**fields: object) -> None:
    print(json.dumps(fields), flush=True)


def _parent(first: int, end: int, folder: Path) -> int:
    write_samples(folder)
    done, bad = list[dict[str, Any]](), list[str]()
    while first < end:
        arguments = ['--first', str(first), '--cases', str(end - first), '--child', str(folder)]
        command = [sys.executable, '-m', 'tools.fuzz_bags', *arguments]
        process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        lines = [json.loads(line) for line in process.stdout.splitlines()]
        done += [line for line in lines if 'case' in line]
        started = [line['start'] for line in lines if 'start' in line]
        first = started[-1] + 1 if started else end
        # Without a last line the process crashed, or the alarm ended it.
        if not lines or 'case' not in lines[-1]:
            bad.append(f'case {first - 1}: the process ended with {process.returncode}')
    bad += [f'case {case["case"]} ({case["sample"]}, {", ".join(case["damages"])}): {case["bad"]}'
            for case in done if case['bad']]  # fmt: skip
    _print(done, bad)
    return 1 if bad or not done else 0


def _print(done: list[dict[str, Any]], bad: list[str]) -> None:
    print(f'{len(done)} cases read, {len(bad)} bad')
    if done:
        slowest = max(done, key=lambda case: case['seconds'])
        print(f'slowest: {slowest["seconds"]:.2f} s (case {slowest["case"]})')
        print(f'peak memory of a process: {max(case["peak_kib"] for case in done) / 1024:.0f} MiB')
    for name in SAMPLES:
        cases = [case for case in done if case['sample'] == name]
        if cases:
            share = sum(case['pictures'] for case in cases) / (PICTURES * len(cases))
            refused = sum(case['error'] for case in cases)
            print(f'{name}: {len(cases)} cases, {share:.0%} of pictures found, {refused} refused')
    kinds = Counter(kind for case in done for kind in case['losses'])
    print('told: ' + ', '.join(f'{kind} {count}' for kind, count in kinds.most_common()))
    for line in bad:
        print(line)


if __name__ == '__main__':
    sys.exit(main())
