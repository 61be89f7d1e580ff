# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The structure of a JPEG: its size, and whether all its pixels are there. Decodes nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from molmo_ground_ros.frames.picture_head import BrokenPicture

MAGIC = b'\xff\xd8\xff'
END = b'\xff\xd9'
# Bytes that stand for other bits each. See JpegHead.is_complete.
FILLERS = (b'', b'\x55' * 64, b'\xaa' * 64)

# A marker that ends a scan: not a stuffed zero, a fill byte or a restart (ITU-T T.81, B.1.1).
_SCAN_END = re.compile(rb'\xff[^\x00\xff\xd0-\xd7]')
_MARKER = re.compile(rb'\xff[^\x00\xff]')
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without content
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9


@dataclass(frozen=True, slots=True)
class JpegHead:
    """What the markers of a JPEG say."""

    width: int
    height: int
    # Whether the marker of its end is there. Without it all pixels are there if it decodes to the
    # same image whichever of FILLERS stands before an END that is added: the decoder read none of
    # them.
    is_complete: bool


def jpeg_head(data: memoryview) -> JpegHead:
    """Walk the markers to the end of the image.

    OpenCV before 5 returns a half grey image for a truncated file and only warns on stderr.
    Bytes after the end are allowed (cameras pad), and between two segments, which decoders skip.
    Raises BrokenPicture where it is cut off before its pixels end, as far as markers tell.
    """
    size, is_progressive = (0, 0), False
    at = 2
    while True:
        marker, content, at = _segment(data, at)
        if marker == _END_OF_IMAGE:
            return JpegHead(*size, is_complete=True)
        if marker in _FRAME_HEADERS and at - content >= 7:
            is_progressive |= marker in _PROGRESSIVE
            size = _number(data, content + 5), _number(data, content + 3)
        if marker == _START_OF_SCAN:
            next_marker = _SCAN_END.search(data, at)
            if next_marker is None:
                # Of a progressive one more scans may have followed.
                if is_progressive:
                    raise BrokenPicture('a JPEG cut off in its pixels')
                return JpegHead(*size, is_complete=False)
            at = next_marker.start()


def _segment(data: memoryview, at: int) -> tuple[int, int, int]:
    """(marker, where its content begins, where it ends) of the next segment from `at` on."""
    found = _MARKER.search(data, at)
    if found is None:
        raise BrokenPicture('a JPEG cut off between segments')
    marker, content = data[found.end() - 1], found.end()
    if marker == _END_OF_IMAGE or marker in _ALONE:
        return marker, content, content
    end = content + max(_number(data, content), 2)
    if end > len(data):
        raise BrokenPicture(f'a JPEG cut off in its segment {marker:#x}')
    return marker, content, end


def _number(data: memoryview, at: int) -> int:
    """A number of two bytes; bytes past the end count as missing digits."""
    return int.from_bytes(data[at : at + 2], 'big')
