# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads PNG files whose pixels are numbers of objects: indices of a palette, or grey values.

Pillow decodes them, because OpenCV gives the colours of a palette and not its indices. The
checksums are verified here: Pillow 13 does not check those of the pixel data, and damaged masks
would be scored as if they were true.
Source: PNG, third edition, sections 5 and 11.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.errors import ImageError, MissingPackage
from molmo_ground_ros.frames.image import MAX_PIXELS

_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_HEADER = struct.Struct('>IIBBBBB')
_GREY, _PALETTE = 0, 3  # kinds of colour
_FRAME = 12  # bytes of a chunk besides its content
_MOST = 255  # the largest pixel value of 8 bits
_DEEP = 16  # bits of grey that VIPSeg has


class BadIndexedImage(ImageError):
    """A PNG that does not hold readable numbers of objects."""

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        super().__init__(f'picture = {path!r}: {why}')


@dataclass(frozen=True, slots=True)
class IndexedImage:
    """The numbers in a PNG."""

    pixels: NDArray[np.uint8] | NDArray[np.uint16]  # (H, W)
    palette: bool  # False: they are grey values


def read_indices(path: Path) -> IndexedImage:
    """Read a PNG with a palette or in grey, of at most 8 bits a pixel, or of 16 bits in grey.

    Raises BadIndexedImage for every other file and a damaged one, MissingPackage, OSError.
    """
    data = path.read_bytes()
    chunks = list(_chunks(data, path))
    first_kind, header = chunks[0]
    if first_kind != b'IHDR' or len(header) != _HEADER.size:
        raise BadIndexedImage(str(path), 'is a PNG without its header')
    width, height, depth, colour, *_ = _HEADER.unpack(header)
    if not 0 < width * height <= MAX_PIXELS:
        raise BadIndexedImage(str(path), f'is {width} x {height} pixels')
    if colour not in (_GREY, _PALETTE) or (depth > 8 and (colour, depth) != (_GREY, _DEEP)):
        raise BadIndexedImage(str(path), 'holds colours, not numbers of objects')
    if all(kind != b'IDAT' for kind, _ in chunks):
        raise BadIndexedImage(str(path), 'is a PNG that cannot be decoded')
    pixels = _decoded(data, path, np.uint16 if depth == _DEEP else np.uint8)
    if colour == _GREY and 1 < depth < 8:
        # Pillow stretches grey values of 2 and 4 bits to the range of 8 bits.
        pixels //= _MOST // (2**depth - 1)
    return IndexedImage(pixels, colour == _PALETTE)


def _decoded(
    data: bytes, path: Path, kind: type[np.uint8 | np.uint16]
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """(H, W) the pixels as Pillow gives them; of 1 bit in grey they are 0 and 1."""
    try:
        from PIL import Image
    except ModuleNotFoundError as err:
        raise MissingPackage('pillow', 'eval') from err
    try:
        with Image.open(BytesIO(data), formats=('PNG',)) as image:
            array: Any = np.array(image).astype(kind)
            pixels: NDArray[np.uint8] | NDArray[np.uint16] = array
            return pixels
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error) as err:
        raise BadIndexedImage(str(path), 'is a PNG that cannot be decoded') from err


def _chunks(data: bytes, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of each chunk up to IEND. Raises BadIndexedImage for a wrong checksum."""
    if not data.startswith(_SIGNATURE):
        raise BadIndexedImage(str(path), 'is no PNG')
    at, kind = len(_SIGNATURE), b''
    while kind != b'IEND':
        if at + _FRAME > len(data):
            raise BadIndexedImage(str(path), 'is a PNG cut off before its end')
        length, kind = struct.unpack_from('>I4s', data, at)
        content = data[at + 8 : at + 8 + length]
        checksum = data[at + 8 + length : at + _FRAME + length]
        true_checksum = struct.pack('>I', zlib.crc32(content, zlib.crc32(kind)))
        if checksum != true_checksum:
            raise BadIndexedImage(str(path), f'is a PNG damaged at byte {at}')
        yield kind, content
        at += _FRAME + length
