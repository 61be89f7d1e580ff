# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Decodes images of encodings that `frames.image` does not know, where cv_bridge is installed."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from molmo_ground_ros.errors import ImageError, describe
from molmo_ground_ros.frames import image
from molmo_ground_ros.types import EncodedImage, RawImage

_log = logging.getLogger(__name__)

# Depth is no picture, and cv_bridge would make one of it.
_NO_PICTURE = ('16UC1', '32FC1')


class ImageBridge:
    """Decodes what `frames.image` knows with that, and the rest with cv_bridge. For any thread."""

    def __init__(self) -> None:
        """cv_bridge is imported when the first image needs it."""
        self._bridge: Any = None
        self._is_missing = False

    def decode(self, encoded: EncodedImage) -> NDArray[np.uint8]:
        """(H, W, 3) RGB. Raises ImageError."""
        if isinstance(encoded, RawImage) and self._is_unknown(encoded.encoding):
            bridge = self._loaded()
            if bridge is not None:
                return _bridged(bridge, encoded)
        return image.decode(encoded)

    @staticmethod
    def _is_unknown(encoding: str) -> bool:
        return encoding not in image.ENCODINGS and encoding not in _NO_PICTURE

    def _loaded(self) -> Any:
        if self._bridge is None and not self._is_missing:
            try:
                from cv_bridge import CvBridge

                self._bridge = CvBridge()
            # One that was built for another NumPy raises more than ImportError.
            except Exception as error:  # noqa: BLE001 - the image's own error says what is missing
                self._is_missing = True
                _log.info('cv_bridge cannot be used: %s', describe(error))
        return self._bridge


def _bridged(bridge: Any, encoded: RawImage) -> NDArray[np.uint8]:
    msg = Image(
        width=encoded.width,
        height=encoded.height,
        encoding=encoded.encoding,
        step=encoded.step,
        is_bigendian=encoded.is_bigendian,
        data=bytes(encoded.data),
    )
    try:
        pixels = np.array(bridge.imgmsg_to_cv2(msg, 'rgb8'), dtype=np.uint8)
    except Exception as error:
        raise ImageError(
            f"cv_bridge on encoding '{encoded.encoding}': {describe(error)}"
        ) from error
    if pixels.shape != (encoded.height, encoded.width, 3):
        raise ImageError(f"cv_bridge made {pixels.shape} of encoding '{encoded.encoding}'")
    return pixels
