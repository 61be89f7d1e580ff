# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""PNG files of every depth, written from the standard and not by what reads them."""

import struct
import zlib

import numpy as np


def chunk(kind, content):
    return (
        struct.pack('>I', len(content))
        + kind
        + content
        + struct.pack('>I', zlib.crc32(kind + content))
    )


def png(pixels, *, palette=True, depth=8, colour=None):
    """A PNG's bytes. pixels: (H, W) numbers, packed high bits first, rows unfiltered."""
    height, width = pixels.shape[:2]
    bits = np.unpackbits(pixels.astype(np.uint8)[:, :, None], axis=2)[:, :, 8 - depth :]
    rows = np.packbits(bits.reshape(height, -1), axis=1)
    raw = b''.join(b'\0' + row.tobytes() for row in rows)
    kind = colour if colour is not None else 3 if palette else 0
    header = struct.pack('>IIBBBBB', width, height, depth, kind, 0, 0, 0)
    # Colours as DAVIS has them: unlike, and none of them its own number.
    colours = bytes(np.random.default_rng(1).integers(0, 256, 3 * 2**depth, np.uint8))
    parts = [chunk(b'IHDR', header), chunk(b'gAMA', struct.pack('>I', 45455))]
    if kind == 3:
        parts += [chunk(b'PLTE', colours), chunk(b'tRNS', b'\0\x40')]
    parts += [chunk(b'IDAT', zlib.compress(raw)), chunk(b'IEND', b'')]
    return b'\x89PNG\r\n\x1a\n' + b''.join(parts)


def write_png(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(pixels, **options))
    return path
