# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""zstd, LZ4 and bzip2 data, unpacked as far as possible and never beyond a limit.

The packages for the first two come with the extra `bag`. They unpack a piece at a time here: at
once they would return nothing of damaged data, and allocate whatever size it states.
"""

from __future__ import annotations

import bz2
from pathlib import Path
from typing import Any, BinaryIO

from molmo_ground_ros.errors import BagError, MissingPackage

ZSTD_MAGIC = b'\x28\xb5\x2f\xfd'
LZ4_MAGIC = b'\x04\x22\x4d\x18'
BZIP2_MAGIC = b'BZh'

_PIECE = 1 << 17  # bytes: a block of zstd
_PIECES = 64
_FILE_PIECE = 1 << 20


def zstd_head(data: bytes | memoryview, count: int) -> bytes:
    """The first `count` bytes, or fewer where the data is damaged. Raises MissingPackage."""
    zstd = _zstd()
    try:
        return bytes(zstd.ZstdDecompressor().decompress(data, max_length=count))
    except zstd.ZstdError:
        return b''


def unpack(data: bytes | memoryview, expected: int, limit: int) -> tuple[bytes, str]:
    """The unpacked data, at most `limit` bytes, and its fault: '' if it has none.

    expected: the stated size of the unpacked data, in bytes. Raises MissingPackage.
    """
    maker, error = _codec(data)
    if maker is None:
        return b'', 'neither zstd, LZ4 nor bzip2'
    if 0 < expected <= limit:
        decoder = maker()
        try:
            unpacked = bytes(decoder.decompress(data, max_length=expected))
        except error:
            unpacked = b''
        if decoder.eof and len(unpacked) == expected:
            return unpacked, ''
    return _by_pieces(data, maker(), error, limit)


def _by_pieces(
    data: bytes | memoryview, decoder: Any, error: type[Exception], limit: int
) -> tuple[bytes, str]:
    pieces: list[bytes] = []
    left = limit
    # A decoder copies its remaining input for every piece. Larger pieces keep that to some dozen
    # copies.
    size = max(_PIECE, len(data) // _PIECES)
    unread: bytes | memoryview = data
    while not decoder.eof and left > 0:
        try:
            piece = decoder.decompress(unread, max_length=min(size, left))
        except error as err:
            return b''.join(pieces), str(err)
        unread = b''
        pieces.append(piece)
        left -= len(piece)
        if not piece and decoder.needs_input:
            return b''.join(pieces), 'the compressed data breaks off'
    fault = 'not the size that is stated' if decoder.eof else f'larger than {limit} bytes'
    return b''.join(pieces), fault


def unpack_file(path: Path, target: Path) -> str:
    """Unpack a zstd file as far as possible; returns its fault: '' if it has none.

    Raises OSError (a full disk), MissingPackage.
    """
    zstd = _zstd()
    with path.open('rb') as packed, target.open('wb') as out:
        decoder, data = zstd.ZstdDecompressor(), packed.read(_FILE_PIECE)
        while data:
            try:
                _drain(decoder, data, out)
            except zstd.ZstdError as err:
                return f'{err}, after {out.tell()} bytes'
            data = decoder.unused_data or packed.read(_FILE_PIECE)
            # A zstd file may have several frames, each with a decoder of its own.
            if decoder.eof and data:
                decoder = zstd.ZstdDecompressor()
        return '' if decoder.eof else f'the compressed data breaks off after {out.tell()} bytes'


def _drain(decoder: Any, data: bytes, out: BinaryIO) -> None:
    """Write what `data` unpacks to, a piece at a time, so that damage later on loses none of it."""
    out.write(decoder.decompress(data, max_length=_PIECE))
    while not decoder.eof and not decoder.needs_input:
        out.write(decoder.decompress(b'', max_length=_PIECE))


def _codec(data: bytes | memoryview) -> tuple[Any, Any]:
    """(the decoder's class, its error) by the data's first bytes; (None, ...) if it is neither."""
    head = bytes(data[:4])
    if head == ZSTD_MAGIC:
        zstd = _zstd()
        return zstd.ZstdDecompressor, zstd.ZstdError
    if head == LZ4_MAGIC:
        try:
            from lz4.frame import LZ4FrameDecompressor
        except ImportError as err:
            raise MissingPackage('lz4', 'bag') from err
        return LZ4FrameDecompressor, RuntimeError
    if head.startswith(BZIP2_MAGIC):
        return bz2.BZ2Decompressor, OSError
    return None, BagError


def _zstd() -> Any:
    try:
        from compression import zstd  # Python 3.14
    except ImportError:
        try:
            from backports import zstd
        except ImportError as err:
            raise MissingPackage('backports.zstd', 'bag') from err
    return zstd
