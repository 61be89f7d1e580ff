# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decodes the image of a message to RGB pixels. Knows nothing of clips, models or ROS.

Pixels are those of the source image: nothing is rotated (EXIF is ignored), scaled or blended
(alpha is dropped). It also works where cv_bridge is missing or wrong: padded rows, big-endian
samples on NumPy 2, corrupt JPEG, `compressedDepth`. Every failure is an ImageError that names what
the message holds.

A JPEG carries no checksum. So bytes that changed inside its pixel data go unnoticed, unless they
break the structure of the file. libjpeg may then write a warning to the stderr of the process.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from molmo_ground_ros.frames.compressed_image import MAX_PIXELS, decode_compressed
from molmo_ground_ros.frames.packet_group import VideoImage
from molmo_ground_ros.frames.raw_image import DEPTH_ENCODINGS, ENCODINGS, decode_raw
from molmo_ground_ros.types import EncodedImage, RawImage

__all__ = ['DEPTH_ENCODINGS', 'ENCODINGS', 'MAX_PIXELS', 'decode']


def decode(image: EncodedImage) -> NDArray[np.uint8]:
    """The image as (H, W, 3) uint8 RGB in memory of its own.

    Raw: the encodings of ENCODINGS. 16-bit samples give the upper 8 of the bits that are used: the
    fewest of 10, 12 and 16 that the largest sample of the image fits into. '8UC1' is taken as mono8
    and '8UC3' as bgr8, as cv_bridge's users do; '16UC1' and '32FC1' are depth and refused. YUV is
    BT.601, limited range. Rows may be padded; surplus data after the last row is ignored; a step
    is ignored where there is exactly as much data as rows without padding have.
    Compressed: JPEG, PNG, WebP, AVIF, JPEG 2000, BMP, TIFF and the first image of a GIF, told apart
    by their own first bytes. Of `format` only two things matter: `compressedDepth`, which is
    refused, and a mosaic's encoding that was not converted (`bayer_rggb8; jpeg compressed `). A
    JPEG without the marker of its end is read if all its pixels are there.
    A packet of video in its group: see group_decoder.
    Raises ImageError, and MissingPackage where video cannot be decoded.
    """
    if isinstance(image, VideoImage):
        return image.decode()
    return decode_raw(image) if isinstance(image, RawImage) else decode_compressed(image)
