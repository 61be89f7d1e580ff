# SPDX-FileCopyrightText: 2026 molmo_ground_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Why a pixel has no place in metres."""

from __future__ import annotations

from molmo_ground_ros.errors import GroundError, seconds


class DepthError(GroundError):
    """A depth message that cannot be read as metres; the message names what it holds."""


class CalibrationError(GroundError):
    """A camera's calibration that says nothing usable, or not about these images."""

    def __init__(self, field: str, value: object, why: str = 'it is no calibration') -> None:
        self.field = field
        self.value = value
        super().__init__(f'camera_info with {field} {value}: {why}')


class NoTransform(GroundError):
    """Two coordinate frames whose transform is not known at a stamp."""

    def __init__(self, source: str, target: str, stamp_ns: int, why: str) -> None:
        self.source = source
        self.target = target
        self.stamp_ns = stamp_ns
        super().__init__(
            f"no transform from '{source}' to '{target}' at {seconds(stamp_ns)}: {why}"
        )
