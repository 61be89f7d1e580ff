# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

pytest.importorskip('rosbags', reason="needs rosbags: pip install 'molmo_ground_ros[bag]'")

from backports import zstd
from lz4 import frame as lz4

from molmo_ground_ros.recording.unpack import unpack, unpack_file, zstd_head

DATA = np.random.default_rng(0).integers(0, 4, 1_000_000, np.uint8).tobytes()
BOTH = pytest.mark.parametrize('compress', [zstd.compress, lz4.compress], ids=['zstd', 'lz4'])


@BOTH
def test_whole_data_unpacks_whether_its_size_is_stated_or_not(compress) -> None:
    packed = compress(DATA)
    assert unpack(packed, len(DATA), 1 << 28) == (DATA, '')
    assert unpack(packed, 0, 1 << 28)[0] == DATA
    unpacked, wrong = unpack(packed, len(DATA) - 5, 1 << 28)
    assert unpacked == DATA and 'size' in wrong
    unpacked, wrong = unpack(packed, 2**60, 1 << 28)
    assert unpacked == DATA and 'size' in wrong


@BOTH
def test_damaged_data_gives_what_comes_before(compress) -> None:
    packed = compress(DATA)
    unpacked, wrong = unpack(packed[: len(packed) * 2 // 3], len(DATA), 1 << 28)
    assert wrong
    assert 0 < len(unpacked) < len(DATA)
    assert DATA.startswith(unpacked)


@BOTH
def test_limit_holds_for_what_unpacks_to_more(compress) -> None:
    unpacked, wrong = unpack(compress(bytes(50_000_000)), 0, 1_000_000)
    assert unpacked == bytes(1_000_000)
    assert wrong == 'larger than 1000000 bytes'


def test_what_is_neither_is_told() -> None:
    assert unpack(b'neither of the two', 3, 9) == (b'', 'neither zstd, LZ4 nor bzip2')
    assert unpack(b'', 3, 9) == (b'', 'neither zstd, LZ4 nor bzip2')


def test_head_of_a_packed_message() -> None:
    packed = zstd.compress(DATA)
    assert zstd_head(packed, 12) == DATA[:12]
    assert zstd_head(packed[:3] + b'\0', 12) == b''
    assert zstd_head(zstd.compress(b'short'), 12) == b'short'


def test_file_unpacks_frame_by_frame_as_far_as_it_goes(tmp_path) -> None:
    source, target = tmp_path / 'a.zstd', tmp_path / 'a'
    packed = zstd.compress(DATA[:400_000]) + zstd.compress(DATA[400_000:])
    source.write_bytes(packed)
    assert unpack_file(source, target) == ''
    assert target.read_bytes() == DATA
    source.write_bytes(packed[:-9])
    assert 'breaks off after' in unpack_file(source, target)
    assert DATA.startswith(target.read_bytes())
    source.write_bytes(packed + b'more')
    assert 'after 1000000 bytes' in unpack_file(source, target)
    assert target.read_bytes() == DATA
    source.write_bytes(b'')
    assert 'breaks off after 0 bytes' in unpack_file(source, target)
