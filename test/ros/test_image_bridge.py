# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""cv_bridge gets what we do not know, on a stand-in where it is not installed."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs rclpy: run `make test`, see CONTRIBUTING.md')

from molmo_ground_ros.errors import ImageError
from molmo_ground_ros.ros.image_bridge import ImageBridge
from molmo_ground_ros.types import CompressedImage, RawImage

GREY = RawImage(4, 2, 'mono8', 4, bytes(range(8)))


def raw(encoding: str) -> RawImage:
    return RawImage(4, 2, encoding, 4, bytes(8))


class CvBridge:
    """Knows xyz8; notes what it was asked for."""

    asked: ClassVar[list[Any]] = []

    def imgmsg_to_cv2(self, msg: Any, encoding: str) -> Any:
        self.asked.append((msg.encoding, encoding, msg.width, msg.height, msg.step))
        if msg.encoding == 'odd8':
            return np.zeros((1, 1, 3), np.uint8)
        if msg.encoding != 'xyz8':
            raise RuntimeError(f'Unrecognized image encoding [{msg.encoding}]')
        return np.full((msg.height, msg.width, 3), 7, np.uint8)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setitem(sys.modules, 'cv_bridge', SimpleNamespace(CvBridge=CvBridge))
    CvBridge.asked.clear()
    return CvBridge.asked


def test_unknown_encoding_is_decoded_by_cv_bridge(installed: list[Any]) -> None:
    bridge = ImageBridge()
    assert bridge.decode(raw('xyz8')).tolist() == np.full((2, 4, 3), 7).tolist()
    assert installed == [('xyz8', 'rgb8', 4, 2, 4)]


def test_known_encodings_stay_ours(installed: list[Any]) -> None:
    bridge = ImageBridge()
    assert bridge.decode(GREY)[0, 1].tolist() == [1, 1, 1]
    for encoded in (raw('16UC1'), CompressedImage('x', b'')):
        with pytest.raises(ImageError):
            bridge.decode(encoded)
    assert installed == []


@pytest.mark.parametrize(
    ('encoding', 'message'),
    [('nobody', 'Unrecognized image encoding'), ('odd8', r'cv_bridge made \(1, 1, 3\)')],
)
def test_what_it_cannot_do_is_an_image_error(
    installed: list[Any], encoding: str, message: str
) -> None:
    with pytest.raises(ImageError, match=message):
        ImageBridge().decode(raw(encoding))


def test_without_it_the_encoding_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'cv_bridge', None)
    bridge = ImageBridge()
    for _ in range(2):
        with pytest.raises(ImageError, match="unknown encoding 'xyz8'"):
            bridge.decode(raw('xyz8'))
