# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How the images of a topic travel: its full name, and the type of its messages."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from molmo_ground_ros.errors import BadSetting, MissingPackage
from molmo_ground_ros.frames import cdr
from molmo_ground_ros.frames.video_packets import require_decoders

VIDEO = (cdr.FOXGLOVE_VIDEO, cdr.FFMPEG_PACKET)
# The ending of a topic's name tells its type, as image_transport names topics, ...
_ENDINGS = {
    '/compressed': cdr.COMPRESSED,
    '/foxglove': cdr.FOXGLOVE_VIDEO,
    '/ffmpeg': cdr.FFMPEG_PACKET,
}
# ... and otherwise the setting image_transport does: (type, what is appended to the name).
_TRANSPORTS = {
    'raw': (cdr.RAW, ''),
    'compressed': (cdr.COMPRESSED, '/compressed'),
    'foxglove_video': (cdr.FOXGLOVE_VIDEO, ''),
    'ffmpeg': (cdr.FFMPEG_PACKET, '/ffmpeg'),
}


@dataclass(frozen=True, slots=True)
class Transport:
    """What to subscribe to. kind: the type's name, for `cdr`; message: the type itself."""

    topic: str
    kind: str
    message: Any


def transport_of(topic: str, image_transport: str) -> Transport:
    """For an image topic, as it is configured.

    Raises BadSetting where the package that has the type, or the decoder of video, is missing.
    """
    kind, suffix = _TRANSPORTS[image_transport]
    by_name = next((kind for ending, kind in _ENDINGS.items() if topic.endswith(ending)), '')
    if by_name:
        kind, suffix = by_name, ''
    if kind in VIDEO:
        _check_decoders(topic)
    return Transport(f'{topic}{suffix}', kind, _message(topic, kind))


def _check_decoders(topic: str) -> None:
    try:
        require_decoders()
    except MissingPackage as error:
        raise BadSetting('image_topics', topic, f'video cannot be decoded: {error}') from error


def _message(topic: str, kind: str) -> Any:
    package, _, name = kind.split('/')
    try:
        return getattr(importlib.import_module(f'{package}.msg'), name)
    except (ModuleNotFoundError, AttributeError) as error:
        apt = package.replace('_', '-')
        why = f"the package '{package}' is not installed, which has {name}: "
        why += f'sudo apt install ros-$ROS_DISTRO-{apt}'
        raise BadSetting('image_topics', topic, why) from error
