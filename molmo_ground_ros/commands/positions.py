# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The options of positions in metres, and what a recording has for them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from molmo_ground_ros.errors import BadSetting, BagError
from molmo_ground_ros.recording import RecordedSpace, Recording, SpaceTopics, find_space

NONE = 'none'


def add_positions(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    group = parser.add_argument_group(
        'positions in metres',
        'Where depth and camera_info are in the recording, points get a position. Topics are found '
        'by their names; name those that are not, one for each --topic, in that order.',
    )
    group.add_argument(
        '--depth', action='append', default=[], metavar='TOPIC',
        help=f"depth images of the camera; '{NONE}' computes no positions",
    )  # fmt: skip
    group.add_argument(
        '--camera-info', action='append', default=[], metavar='TOPIC',
        help='calibration of the camera',
    )  # fmt: skip
    group.add_argument(
        '--depth-info', action='append', default=[], metavar='TOPIC',
        help='calibration of the depth camera, if depth does not lie under the image',
    )  # fmt: skip
    group.add_argument(
        '--target-frame', default='', metavar='FRAME',
        help="coordinate frame of the positions. Default: the camera's own. Others need /tf",
    )  # fmt: skip


def open_spaces(
    arguments: argparse.Namespace, recordings: Mapping[str, Recording]
) -> dict[str, RecordedSpace]:
    """What each camera's recording knows of the space around it; says on stderr what was chosen.

    Raises BadSetting where topics do not fit the cameras, MissingPackage, and BagError where
    positions are asked for and cannot be had. If they are not asked for, the camera is left out.
    """
    named = _named(arguments, list(recordings))
    is_asked = bool(arguments.target_frame)
    around: dict[str, RecordedSpace] = {}
    for camera, topics in named.items():
        if topics.depth == NONE:
            continue
        try:
            chosen = find_space(recordings[camera], topics)
        except BagError as err:
            if is_asked or topics != SpaceTopics():
                raise
            if any(name.is_depth for name in recordings[camera].cameras.values()):
                _say(f'no positions: {err}')
            continue
        around[camera] = RecordedSpace(recordings[camera], chosen, arguments.target_frame)
        _say(f'positions of {camera}: {around[camera].words}')
    return around


def _named(arguments: argparse.Namespace, cameras: Sequence[str]) -> dict[str, SpaceTopics]:
    """The topics that the options name for each camera, in the order of the cameras."""
    lists = [arguments.depth, arguments.camera_info, arguments.depth_info]
    for name, topics in zip(('depth', 'camera-info', 'depth-info'), lists, strict=True):
        if topics not in ([], [NONE]) and len(topics) != len(cameras):
            raise BadSetting(name, topics, f'there are {len(cameras)} cameras, one for each')
    filled = [topics * len(cameras) if topics == [NONE] else topics for topics in lists]
    filled = [topics or [''] * len(cameras) for topics in filled]
    return {camera: SpaceTopics(*topics) for camera, *topics in zip(cameras, *filled, strict=True)}


def _say(line: str) -> None:
    print(f'molmo-ground: {line}', file=sys.stderr)
