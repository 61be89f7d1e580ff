# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The numbers that a PNG's pixels hold: of objects, in a palette or grey.

OpenCV gives the colours of a palette and not the numbers in it, and stretches grey of less than 8
bits. So the file is handed to it with another palette, in which number k is the grey k: the same
packed pixels, and what comes back are the numbers. Source: PNG, third edition, sections 5 and 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import BadSetting
from molmo_ground_ros.frames.image import MAX_PIXELS

_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_HEADER = struct.Struct('>IIBBBBB')
_GREY, _PALETTE = 0, 3  # kinds of colour
_FRAME = 12  # bytes of a chunk besides its data


@dataclass(frozen=True, slots=True)
class IndexedImage:
    """What a PNG holds."""

    pixels: NDArray[np.uint8]  # (H, W)
    palette: bool  # else grey


def read_indices(path: Path) -> IndexedImage:
    """Read a PNG of at most 8 bits a pixel. Raises BadSetting for every other file, OSError."""
    data = path.read_bytes()
    chunks = list(_chunks(data, path))
    if not chunks or chunks[0][0] != b'IHDR' or len(chunks[0][1]) != _HEADER.size:
        raise BadSetting('picture', str(path), 'is a PNG without its header')
    width, height, depth, colour, *methods = _HEADER.unpack(chunks[0][1])
    if not 0 < width * height <= MAX_PIXELS:
        raise BadSetting('picture', str(path), f'is {width} x {height} pixels')
    if colour not in (_GREY, _PALETTE) or depth > 8:
        raise BadSetting('picture', str(path), 'holds colours, not numbers of objects')
    greys = bytes(number for number in range(2**depth) for _ in 'rgb')
    packed = [
        (b'IHDR', _HEADER.pack(width, height, depth, _PALETTE, *methods)),
        (b'PLTE', greys),
        *((kind, content) for kind, content in chunks if kind in (b'IDAT', b'IEND')),
    ]
    written = _SIGNATURE + b''.join(_chunk(kind, content) for kind, content in packed)
    picture = cv2.imdecode(np.frombuffer(written, np.uint8), cv2.IMREAD_COLOR)
    if picture is None or picture.shape[:2] != (height, width):
        raise BadSetting('picture', str(path), 'is a PNG that cannot be decoded')
    return IndexedImage(np.ascontiguousarray(picture[:, :, 0], np.uint8), colour == _PALETTE)


def _chunks(data: bytes, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of each chunk to the last; their checksums are right."""
    if not data.startswith(_SIGNATURE):
        raise BadSetting('picture', str(path), 'is no PNG')
    at, kind = len(_SIGNATURE), b''
    while kind != b'IEND':
        if at + _FRAME > len(data):
            raise BadSetting('picture', str(path), 'is a PNG cut off before its end')
        length, kind = struct.unpack_from('>I4s', data, at)
        content = data[at + 8 : at + 8 + length]
        checksum = data[at + 8 + length : at + _FRAME + length]
        if len(checksum) < 4 or checksum != _checksum(kind, content):
            raise BadSetting('picture', str(path), f'is a PNG damaged at byte {at}')
        yield kind, content
        at += _FRAME + length


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack('>I4s', len(content), kind) + content + _checksum(kind, content)


def _checksum(kind: bytes, content: bytes) -> bytes:
    return struct.pack('>I', zlib.crc32(content, zlib.crc32(kind)))
