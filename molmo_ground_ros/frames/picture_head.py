# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The sizes that picture files other than JPEG state in their first bytes. Decodes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable

_PNG_MAGIC = b'\x89PNG\r\n\x1a\n'
_WEBP = re.compile(rb'RIFF....WEBPVP8', re.DOTALL)
_JPEG_2000 = (b'\0\0\0\x0cjP  ', b'\xff\x4f\xff\x51')
_AVIF = re.compile(rb'....ftypavi[fs]', re.DOTALL)
_HEAD_BYTES = 1 << 12  # in which the size stands
_TIFF_ENTRIES = 64  # that are looked at
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257


class BrokenPicture(Exception):
    """The structure of a picture file is broken; the message says how. Never leaves `frames`."""


def kind_and_size(data: memoryview) -> tuple[str, int, int]:
    """(name of the format, width, height) by the file's own first bytes; name '' for no picture.

    Raises BrokenPicture for a PNG, BMP or JPEG 2000 that is not complete: decoders return half an
    image for those. PNG checksums are left to the decoder.
    """
    head = bytes(data[:_HEAD_BYTES])
    if head.startswith(_PNG_MAGIC):
        return 'PNG', *_png(data)
    for name, is_of, size in _KINDS:
        if is_of(head):
            width, height = size(head)
            _check_end(name, data)
            return name, width, height
    return '', 0, 0


def is_deep_grey_png(data: memoryview) -> bool:
    """Whether it is a PNG of one channel with 16 bits, as depth is sent."""
    return bytes(data[:8]) == _PNG_MAGIC and bytes(data[24:26]) == b'\x10\0'


def _check_end(name: str, data: memoryview) -> None:
    if name == 'BMP' and _little(data, 2, 4) > len(data):
        raise BrokenPicture('a BMP cut off before its end')
    if name == 'JPEG 2000' and bytes(data[-64:]).rstrip(b'\0')[-2:] != b'\xff\xd9':
        raise BrokenPicture('a JPEG 2000 cut off before its end')


def _png(data: memoryview) -> tuple[int, int]:
    """Walk the chunks to the last one."""
    if bytes(data[12:16]) != b'IHDR' or len(data) < 33:
        raise BrokenPicture('a PNG without its header')
    at = 8
    while at + 12 <= len(data):
        kind = bytes(data[at + 4 : at + 8])
        if not kind.isalpha():
            raise BrokenPicture(f'a PNG with no chunk at byte {at}')
        at += 12 + _big(data, at, 4)
        if kind == b'IEND' and at <= len(data):
            return _big(data, 16, 4), _big(data, 20, 4)
    raise BrokenPicture('a PNG cut off before its end')


def _bmp(head: bytes) -> tuple[int, int]:
    if _little(head, 14, 4) < 40:
        return _little(head, 18, 2), _little(head, 20, 2)
    height = int.from_bytes(head[22:26], 'little', signed=True)
    return _little(head, 18, 4), abs(height)


def _gif(head: bytes) -> tuple[int, int]:
    return _little(head, 6, 2), _little(head, 8, 2)


def _webp(head: bytes) -> tuple[int, int]:
    """WebP container specification; RFC 6386, 9.1; WebP lossless, 3."""
    if head[15:16] == b'X':
        return _little(head, 24, 3) + 1, _little(head, 27, 3) + 1
    if head[15:16] == b'L':
        bits = _little(head, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _little(head, 26, 2) & 0x3FFF, _little(head, 28, 2) & 0x3FFF


def _jpeg_2000(head: bytes) -> tuple[int, int]:
    """The image header box of a file, or the first segment of a bare stream (ISO 15444-1)."""
    at = head.find(b'ihdr')
    if at >= 0:
        return _big(head, at + 8, 4), _big(head, at + 4, 4)
    return _big(head, 8, 4) - _big(head, 16, 4), _big(head, 12, 4) - _big(head, 20, 4)


def _avif(head: bytes) -> tuple[int, int]:
    """The first spatial extents (ISO 23008-12, 6.5.3)."""
    at = head.find(b'ispe')
    return (_big(head, at + 8, 4), _big(head, at + 12, 4)) if at >= 0 else (0, 0)


def _tiff(head: bytes) -> tuple[int, int]:
    """The tags of the first image, where they stand in the first bytes; else as if 1x1.

    Tags may stand behind the pixels. OpenCV bounds the size of what it decodes as well.
    """
    number = _little if head.startswith(b'II') else _big
    at, size = number(head, 4, 4), {_TIFF_WIDTH: 1, _TIFF_HEIGHT: 1}
    for entry in range(min(number(head, at, 2), _TIFF_ENTRIES)):
        place = at + 2 + 12 * entry
        tag = number(head, place, 2)
        if tag in size:
            size[tag] = number(head, place + 8, 2 if number(head, place + 2, 2) == 3 else 4)
    return size[_TIFF_WIDTH], size[_TIFF_HEIGHT]


_Head = Callable[[bytes], tuple[int, int]]
_KINDS: tuple[tuple[str, Callable[[bytes], bool], _Head], ...] = (
    ('BMP', lambda head: head.startswith(b'BM'), _bmp),
    ('GIF', lambda head: head.startswith((b'GIF87a', b'GIF89a')), _gif),
    ('WebP', lambda head: _WEBP.match(head) is not None, _webp),
    ('JPEG 2000', lambda head: head.startswith(_JPEG_2000), _jpeg_2000),
    ('AVIF', lambda head: _AVIF.match(head) is not None, _avif),
    ('TIFF', lambda head: head.startswith((b'II*\0', b'MM\0*')), _tiff),
)


def _big(data: bytes | memoryview, at: int, nbytes: int) -> int:
    """A big-endian number; bytes past the end count as missing digits."""
    return int.from_bytes(data[at : at + nbytes], 'big')


def _little(data: bytes | memoryview, at: int, nbytes: int) -> int:
    return int.from_bytes(data[at : at + nbytes], 'little')
