# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which depth and calibration belong to a camera, by the names that drivers give their topics."""

from __future__ import annotations

from collections.abc import Collection, Iterable

_INFO = 'camera_info'
# image_transport appends the name of the transport to that of the image topic.
_TRANSPORTS = ('/compressed', '/compressedDepth', '/theora', '/zstd', '/ffmpeg', '/foxglove')
_LOSSY = ('/compressed', '/theora', '/ffmpeg', '/foxglove')
# Depth that was already moved under the colour image (realsense2_camera, depth_image_proc).
_ALIGNED = ('aligned_depth', 'depth_registered', 'depth_to_rgb', 'depth_to_color')


def base_topic(topic: str) -> str:
    """The image topic itself, without the name of a transport."""
    for transport in _TRANSPORTS:
        topic = topic.removesuffix(transport)
    return topic


def info_topic(topic: str) -> str:
    """The topic on which a driver publishes the calibration of an image topic: its neighbour."""
    namespace, slash, _ = base_topic(topic).rpartition('/')
    return f'{namespace}{slash}{_INFO}'


def is_rectified(topic: str) -> bool:
    """Whether the images of a topic have no distortion left, by its name (image_proc)."""
    return 'rect' in base_topic(topic).rpartition('/')[2]


def is_depth(topic: str) -> bool:
    """Whether a topic's name says that it is depth, in a form that keeps the measurements."""
    return 'depth' in topic.lower() and not topic.endswith(_LOSSY)


def depth_topics(topic: str, available: Iterable[str]) -> list[str]:
    """The depth topics that may belong to an image topic: one if the names leave no doubt.

    available: the topics that hold depth.
    Those of the deepest namespace that they share with it; of these the ones that were aligned to a
    colour image, if there are any; of one image's transports the first alone.
    """
    # The plain topic is the shortest, so it is taken last and stays.
    ordered = sorted(available, reverse=True)
    depths = list({base_topic(name): name for name in ordered}.values())
    shared = {name: _shared(topic, name) for name in depths}
    near = [name for name in depths if shared[name] == max(shared.values())]
    aligned = [name for name in near if any(word in name for word in _ALIGNED)]
    return sorted(aligned or near)


def calibration_topic(topic: str, available: Collection[str], others: Iterable[str]) -> str:
    """The calibration of an image topic: its neighbour, or the only one left; '' for none.

    others: the other image topics, whose neighbours are theirs.
    """
    if info_topic(topic) in available:
        return info_topic(topic)
    theirs = {info_topic(other) for other in others}
    rest = [name for name in available if name not in theirs]
    return rest[0] if len(rest) == 1 else ''


def _shared(one: str, other: str) -> int:
    """How many namespaces two topics have in common, from the root."""
    parts = zip(one.split('/')[:-1], other.split('/')[:-1], strict=False)
    count = 0
    for a, b in parts:
        if a != b:
            break
        count += 1
    return count
